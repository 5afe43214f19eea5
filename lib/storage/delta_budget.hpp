#pragma once
// How large the deltas of all durable shards may become, and when a checkpoint is worth one.

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "peerq/base/ids.hpp"
#include "peerq/base/unique_function.hpp"

namespace peerq::storage {

struct DeltaLimits {
  /// Active deltas together are frozen from here on.
  std::size_t freeze_bytes = std::size_t{16} << 20;
  /// Active and frozen deltas together: entries wait while they are above it.
  std::size_t total_bytes = std::size_t{32} << 20;
  /// Estimated leaf pages that a checkpoint makes dirty; LMDB keeps the memory of the most it ever had.
  std::size_t dirty_pages = 4096;
  /// The same for what is not frozen while a checkpoint is written: entries wait from here on. A full disk
  /// does not make it smaller, or nothing could be deleted there.
  std::size_t dirty_pages_most = 4096;
  /// Log since the last checkpoint; bounds the time of a restart.
  std::uint64_t log_bytes = std::uint64_t{64} << 20;

  /// What a memory budget and a disk of `capacity` bytes (0 = plenty) allow.
  static DeltaLimits of(std::size_t memory_budget, std::uint64_t capacity) noexcept;
};

/// **Thread** core; `total` any.
class DeltaBudget {
 public:
  /// Bytes that the state file can still take.
  using Room = UniqueFunction<std::uint64_t()>;

  DeltaBudget(DeltaLimits limits, Room room);

  /// `dirty_pages` are those that writing it will make.
  void set_active(ShardId shard, std::size_t bytes, std::size_t dirty_pages) noexcept;
  void set_frozen(ShardId shard, std::size_t bytes) noexcept;

  /// Whether this shard should be frozen, given its own figures.
  bool freeze_due(ShardId shard, std::size_t dirty_pages, std::uint64_t log_bytes) const noexcept;
  /// While something is frozen: everything together is above the budget, or what is not would make more pages
  /// dirty than a checkpoint may.
  bool exceeded() const noexcept;
  /// Active and frozen bytes of all shards.
  std::size_t total() const noexcept { return total_.load(std::memory_order_relaxed); }

  /// Asks for the room on disk again: when it is short, checkpoints become smaller, so that their new pages
  /// fit before the old ones are free.
  void look_at_disk();

 private:
  static constexpr std::size_t shards = 3;

  void add_up() noexcept;
  std::size_t active_sum() const noexcept;

  DeltaLimits limits_;
  Room room_;
  std::size_t dirty_pages_now_;
  std::array<std::size_t, shards> active_{};
  std::array<std::size_t, shards> dirty_{};
  std::array<std::size_t, shards> frozen_{};
  std::atomic<std::size_t> total_{0};
};

}  // namespace peerq::storage
