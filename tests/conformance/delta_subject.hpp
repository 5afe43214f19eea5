#pragma once
// The production delta over a state store, as a subject of the tables' conformance suite: it freezes, writes
// (and fails to), finishes and restarts at random; a restart brings back what the last checkpoint held.

#include <memory>
#include <optional>

#include "conformance/tables_conformance.hpp"
#include "storage/delta_budget.hpp"
#include "storage/shard_delta.hpp"
#include "storage/state_store.hpp"

namespace peerq::conformance {

/// Opens and closes a state store that keeps what was written.
class StateHome {
 public:
  virtual ~StateHome() = default;
  virtual storage::StateStore& store() = 0;
  virtual void reopen() = 0;
  /// The next write will fail with storage_full, if the store can be made to.
  virtual bool fail_next_write() { return false; }
};

class DeltaSubject {
 public:
  DeltaSubject(ShardId shard, StateHome& home) : shard_(shard), home_(&home), budget_({}, {}) { start(); }

  storage::ShardDelta::Tables& tables() { return delta_->tables(); }

  bool has(engine::TableId table) const {
    const bool catalog = static_cast<int>(table) >= static_cast<int>(engine::TableId::catalog_queues);
    return catalog == (shard_ == catalog_shard);
  }

  template <class BeforeRestart>
  void disturb(Dice& dice, ByteTables& model, BeforeRestart before_restart) {
    if (dice.chance(10)) {
      before_restart();
      return restart(model);
    }
    if (!frozen_) {
      const LogIndex index = next(delta_->applied());
      delta_->applied(index, Term(1), {LeaseTime{static_cast<std::int64_t>(index.value)}, {}}, 100);
      REQUIRE(delta_->freeze(index));
      frozen_ = model;
      return;
    }
    if (!written_) {
      const bool fails = dice.chance(30) && home_->fail_next_write();
      const auto written = delta_->write();
      if (fails) {
        REQUIRE(written.error() == errc::storage_full);
        return;
      }
      if (!written) FAIL(written.error().text());
      durable_ = *frozen_;
      durable_index_ = delta_->applied();
      written_ = true;
      return;
    }
    const auto finished = delta_->finish();
    REQUIRE(finished.has_value());
    REQUIRE(finished->index == durable_index_);
    frozen_.reset();
    written_ = false;
  }

 private:
  void start() {
    delta_ = std::make_unique<storage::ShardDelta>(shard_, home_->store(), budget_);
    REQUIRE(delta_->open().has_value());
  }

  void restart(ByteTables& model) {
    delta_.reset();
    home_->reopen();
    start();
    model = durable_;
    frozen_.reset();
    written_ = false;
    REQUIRE(delta_->applied() == durable_index_);
  }

  ShardId shard_;
  StateHome* home_;
  storage::DeltaBudget budget_;
  std::unique_ptr<storage::ShardDelta> delta_;
  std::optional<ByteTables> frozen_;
  bool written_ = false;
  ByteTables durable_;
  LogIndex durable_index_;
};

/// Runs the suite on the delta over the home's store. Compiled once, in delta_subject.cpp.
void check_delta(StateHome& home, ShardId shard, std::uint64_t seed, std::size_t steps);

}  // namespace peerq::conformance
