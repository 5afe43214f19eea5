#pragma once
// A shard that lives in memory alone, with the face of ShardDelta: nothing is ever written.

#include <cstddef>
#include <memory>

#include "peerq/base/assert.hpp"
#include "peerq/base/result.hpp"
#include "peerq/base/time.hpp"
#include "peerq/engine/query.hpp"
#include "storage/memory_tables.hpp"
#include "storage/state_stream.hpp"

namespace peerq::storage {

/// **Thread** core.
class MemoryShard {
 public:
  using Tables = MemoryTables;

  Tables& tables() noexcept { return *tables_; }
  LogIndex applied() const noexcept { return applied_; }
  Stamps stamps() const noexcept { return stamps_; }

  void begin_entry(std::size_t size) noexcept { tables_->begin_entry(size); }
  void applied(LogIndex index, Term, Stamps stamps, std::size_t) noexcept {
    applied_ = index;
    stamps_ = stamps;
  }
  void passed(LogIndex index, Term, bool, Bytes) noexcept { applied_ = index; }

  std::unique_ptr<port::StateStream> stream(std::size_t chunk_bytes) const {
    engine::ShardRow now;
    now.applied = applied_;
    now.stamps = stamps_;
    return std::make_unique<TablesStream<MemoryTables>>(*tables_, memory_shard, std::move(now), chunk_bytes);
  }
  /// Part of a state has come.
  Result<void> stage() noexcept { return {}; }
  void received(const engine::ShardRow& now) noexcept {
    applied_ = now.applied;
    stamps_ = now.stamps;
  }

  bool checkpoint_due() const noexcept { return false; }
  bool over_budget() const noexcept { return false; }
  bool freeze(LogIndex) noexcept { return false; }
  Result<void> write() { return Error(errc::not_supported); }
  Result<engine::Checkpoint> finish() { return Error(errc::not_supported); }

 private:
  std::unique_ptr<MemoryTables> tables_ = std::make_unique<MemoryTables>();
  LogIndex applied_;
  Stamps stamps_;
};

}  // namespace peerq::storage
