#pragma once
// A durable shard's tables and how far they are: applied index, stamps, configuration, and the checkpoint's
// course.
//
//   idle --freeze--> frozen --write--> written --finish--> idle

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "peerq/base/result.hpp"
#include "peerq/engine/query.hpp"
#include "peerq/port/state_machine.hpp"
#include "storage/delta_budget.hpp"
#include "storage/delta_tables.hpp"
#include "storage/disk_base.hpp"
#include "storage/state_store.hpp"

namespace peerq::storage {

/// **Thread** core, except `write`. Store and budget outlive it.
class ShardDelta {
 public:
  using Tables = DeltaTables<DiskBase>;

  ShardDelta(ShardId shard, StateStore& store, DeltaBudget& budget);

  /// Reads how far the tables are. **Errors** corrupt, node_failed.
  Result<void> open();

  Tables& tables() noexcept { return tables_; }
  LogIndex applied() const noexcept { return now_.applied; }
  Stamps stamps() const noexcept { return now_.stamps; }

  /// An entry of `size` bytes is about to be applied.
  void begin_entry(std::size_t size) noexcept { tables_.begin_entry(size); }
  void applied(LogIndex index, Term term, Stamps stamps, std::size_t size);
  void passed(LogIndex index, Term term, bool configuration, Bytes body);

  // As port::StateMachine.
  bool checkpoint_due() const noexcept;
  bool over_budget() const noexcept { return budget_->exceeded(); }
  bool freeze(LogIndex durable);
  Result<void> write();
  Result<engine::Checkpoint> finish();
  std::unique_ptr<port::StateStream> stream(std::size_t chunk_bytes) const;

  /// Part of a state has come: writes it out when it is more than the budget has room for. Until `received`
  /// the shard has no row of its own on disk. **Errors** storage_full, corrupt, node_failed.
  Result<void> stage();
  void received(const engine::ShardRow& now);

 private:
  enum class Course : std::uint8_t { idle, frozen, written };

  void account();
  std::size_t dirty_pages(const DeltaLevel& level, std::uint64_t payload_pages_per_row) const;

  ShardId shard_;
  StateStore* store_;
  DeltaBudget* budget_;
  Tables tables_;
  engine::ShardRow now_;
  /// What the last checkpoint holds, or the one under way.
  engine::ShardRow saved_;
  bool saved_before_ = false;
  std::uint64_t log_bytes_ = 0;
  std::uint32_t entries_ = 0;
  /// Of the active level.
  std::size_t dirty_pages_ = 0;
  /// Of the frozen one.
  std::uint64_t write_size_ = 0;
  Course course_ = Course::idle;
};

}  // namespace peerq::storage
