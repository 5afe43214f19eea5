#pragma once
// A shard's state machine with one queue, driven by entries as a log would: send, receive, delete.
// The entries' bytes are real ones; encoding and decoding them is not what is measured here.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
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

/// Gives a message what it has besides its body; `number` counts from 0. What it points to outlives the
/// batch.
using Vary = std::function<void(std::uint64_t number, engine::SendItem& item)>;

/// What goes through the queue, and by which rules.
struct EngineLoad {
  std::size_t batch = 32;
  std::size_t body_bytes = 100;
  QueueOptions options = {};
  Vary vary = {};
  /// The calendar moves on by so much with each batch of `run_batch`.
  Milliseconds wall_step{0};
};

/// Messages of one size through a queue, in batches, under a clock of its own.
/// **Errors** every member throws CannotMeasure when the engine refuses something.
class EngineLifecycle {
 public:
  EngineLifecycle(Shard& shard, EngineLoad load);

  /// So many messages go in; a multiple of the batch.
  void send(std::size_t messages);
  /// One batch: send, receive, delete; an entry each. **Errors** throws CannotMeasure when a message is
  /// missing.
  void run_batch();
  /// Receives one batch and deletes it. How many there were.
  std::size_t drain_batch();
  void advance(Milliseconds step) { header_.stamps.wall = header_.stamps.wall + step; }
  WallTime now() const noexcept { return header_.stamps.wall; }

 private:
  void send_batch();
  void apply(const engine::Command& command, const SharedBytes& bytes);

  Shard* shard_;
  EngineLoad load_;
  std::unique_ptr<port::Codec> codec_;
  std::unique_ptr<port::EntryDecoder> decoder_;
  engine::EntryHeader header_;
  SharedBytes send_entry_;
  std::vector<engine::SendItem> items_;
  engine::Command send_;
  engine::Command receive_;
  SharedBytes small_entry_;
  std::vector<engine::SettleItem> settled_;
  std::uint64_t sent_ = 0;
  engine::Effects effects_;
};

}  // namespace peerq::bench
