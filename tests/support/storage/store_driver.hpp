#pragma once
// A node in small for tests of storage: commits each entry to the store's log, applies it, checkpoints and
// trims when due, and recovers as a node does. One thread, its own clock.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "peerq/port/codec.hpp"
#include "peerq/port/store.hpp"

namespace peerq::test {

/// **Thread** one at a time.
class StoreDriver {
 public:
  explicit StoreDriver(std::string directory, std::uint64_t max_disk_bytes = 0,
                       std::size_t memory_budget = limits::memory_budget_min);
  ~StoreDriver();

  /// Opens the directory (again) and applies what the log has beyond the tables.
  Result<void> open();
  void close();

  port::Store& store() { return *store_; }
  port::QueueMachine& machine() { return store_->queues(data_shard); }
  /// Another seam than the system's; before `open`.
  void use(port::FileSystem& file_system) { file_system_ = &file_system; }

  /// Makes the queue known to the data shard.
  Result<void> create_queue(std::uint64_t number = 0);
  /// Sends messages whose bodies are `body` followed by a number.
  Result<void> send(std::size_t count, std::string_view body, std::uint64_t queue = 0);
  /// Receives up to `max` and reads every payload.
  Result<std::vector<engine::Grant>> receive(std::uint32_t max, std::uint64_t queue = 0);
  Result<void> erase(const std::vector<engine::Grant>& grants, std::uint64_t queue = 0);
  /// Receives and deletes until nothing is left; how many.
  Result<std::size_t> drain(std::uint64_t queue = 0);

  /// Freezes, writes, finishes and trims, due or not.
  Result<void> checkpoint();
  Result<void> checkpoint_if_due();

  QueueId queue_id(std::uint64_t number) const {
    return QueueId(store_->identity().first_queue.value + number);
  }
  const engine::Effects& effects() const { return effects_; }

 private:
  Result<void> run(engine::Command command);
  Result<void> replay();

  std::string directory_;
  std::uint64_t max_disk_bytes_;
  std::size_t memory_budget_;
  port::FileSystem* file_system_;
  std::unique_ptr<port::Codec> codec_;
  std::unique_ptr<port::EntryDecoder> decoder_;
  std::unique_ptr<port::Store> store_;
  engine::Effects effects_;
  std::int64_t ticks_ = 0;
  std::uint64_t bodies_ = 0;
};

}  // namespace peerq::test
