#pragma once
// A shard's state machine with one queue, driven by entries as a log would: send, receive, delete.
// The entries' bytes are real ones; encoding and decoding them is not what is measured here.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "peerq/base/result.hpp"
#include "peerq/port/codec.hpp"
#include "peerq/port/state_machine.hpp"
#include "storage/delta_budget.hpp"
#include "storage/disk_space.hpp"
#include "storage/lmdb_state.hpp"
#include "storage/system_file_system.hpp"

namespace peerq::bench {

/// Takes entries, one after the other.
class Shard {
 public:
  virtual ~Shard() = default;
  /// **Errors** throws BadResult.
  virtual void apply(const engine::EntryView& entry, engine::Effects& effects) = 0;
};

/// The memory shard of a node.
class MemoryShard final : public Shard {
 public:
  MemoryShard();
  void apply(const engine::EntryView& entry, engine::Effects& effects) override;

 private:
  std::unique_ptr<port::QueueMachine> machine_;
};

/// A durable shard of a node without its log: delta tables over LMDB, checkpoints on a thread of their own,
/// entries waiting when the delta is over its budget, as in lib/node.
class DurableShard final : public Shard {
 public:
  explicit DurableShard(const std::filesystem::path& folder);
  ~DurableShard() override;
  void apply(const engine::EntryView& entry, engine::Effects& effects) override;

  std::uint64_t checkpoints() const noexcept { return checkpoints_; }

 private:
  enum class Phase : std::uint32_t { idle, writing, written, stopped };

  void write_checkpoints();
  void finish_checkpoint();

  storage::SystemFileSystem file_system_;
  storage::DiskSpace space_;
  std::unique_ptr<storage::LmdbState> state_;
  storage::DeltaBudget budget_;
  std::unique_ptr<port::QueueMachine> machine_;
  std::atomic<Phase> phase_{Phase::idle};
  Result<void> written_;
  std::uint64_t checkpoints_ = 0;
  std::thread checkpointer_;
};

/// Messages of one size through a queue, in batches.
class EngineLifecycle {
 public:
  EngineLifecycle(Shard& shard, std::size_t batch, std::size_t body_size);

  /// So many messages stay in the queue from now on.
  void keep_backlog(std::size_t messages);
  /// One batch: send, receive, delete; an entry each. **Errors** throws CannotMeasure when a message is
  /// missing.
  void run_batch();

 private:
  void apply(const engine::Command& command, const SharedBytes& bytes);

  Shard* shard_;
  std::size_t batch_;
  std::unique_ptr<port::Codec> codec_;
  std::unique_ptr<port::EntryDecoder> decoder_;
  engine::EntryHeader header_;
  engine::EntryView send_;
  engine::Command receive_;
  engine::Command erase_;
  SharedBytes small_entry_;
  std::vector<engine::SettleItem> settled_;
  engine::Effects effects_;
};

}  // namespace peerq::bench
