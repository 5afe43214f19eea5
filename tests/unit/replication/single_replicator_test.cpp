// One peer: what it writes, and when that counts.
#include <catch2/catch_test_macros.hpp>

#include "replication/single_replicator.hpp"

using namespace peerq;
using port::EntryType;
using port::ReplicatorUpdate;
using port::ShardLogState;

namespace {

SharedBytes body(std::string_view text) { return SharedBytes::copy(as_bytes(text)); }

ShardLogState log_of(std::uint64_t last, std::uint64_t last_term, std::uint64_t hard_term) {
  ShardLogState state;
  state.last = LogIndex(last);
  state.last_term = Term(last_term);
  state.hard.term = Term(hard_term);
  return state;
}

LogIndex propose(port::Replicator& replicator, ReplicatorUpdate& update) {
  return replicator.propose(EntryType::command, body("x"), update).value();
}

}  // namespace

TEST_CASE("a proposal is one write of one record, committed once it is durable") {
  const auto replicator = replication::make_single_replicator(log_of(1, 1, 1), {.shard = data_shard});
  CHECK(replicator->leading());
  CHECK(replicator->last() == LogIndex(1));

  ReplicatorUpdate update;
  const auto payload = body("entry");
  CHECK(replicator->propose(EntryType::command, payload, update).value() == LogIndex(2));
  REQUIRE(update.writes.size() == 1);
  const auto& write = update.writes[0];
  CHECK(write.shard == data_shard);
  CHECK_FALSE(write.cut_from);
  CHECK_FALSE(write.hard);
  CHECK_FALSE(write.snapshot);
  REQUIRE(write.records.size() == 1);
  CHECK(write.records[0].index == LogIndex(2));
  CHECK(write.records[0].term == Term(1));
  CHECK(write.records[0].type == EntryType::command);
  CHECK(write.records[0].body.bytes().data() == payload.bytes().data());
  CHECK(update.committed == LogIndex(1));
  CHECK(replicator->last() == LogIndex(2));

  ReplicatorUpdate after;
  replicator->persisted(LogIndex(2), after);
  CHECK(after.writes.empty());
  CHECK(after.committed == LogIndex(2));
}

TEST_CASE("several proposals may be under way, and a report covers all up to its index") {
  const auto replicator = replication::make_single_replicator({}, {.shard = catalog_shard});
  ReplicatorUpdate update;
  for (std::uint64_t i = 1; i <= 5; ++i) CHECK(propose(*replicator, update) == LogIndex(i));
  CHECK(update.writes.size() == 5);
  CHECK(update.committed == LogIndex(0));
  replicator->persisted(LogIndex(3), update);
  CHECK(update.committed == LogIndex(3));
  replicator->persisted(LogIndex(2), update);
  CHECK(update.committed == LogIndex(3));
  replicator->persisted(LogIndex(5), update);
  CHECK(update.committed == LogIndex(5));
}

TEST_CASE("a new log starts in term 1 and stores the term with its first record") {
  const auto replicator = replication::make_single_replicator({}, {.shard = data_shard});
  CHECK(replicator->term() == Term(1));
  ReplicatorUpdate update;
  propose(*replicator, update);
  propose(*replicator, update);
  CHECK(update.writes.at(0).hard == port::HardState{Term(1), PeerId(0)});
  CHECK_FALSE(update.writes.at(1).hard);
}

TEST_CASE("a log that ended in term 2 goes on in term 2") {
  const auto replicator = replication::make_single_replicator(log_of(7, 2, 1), {.shard = data_shard});
  CHECK(replicator->term() == Term(2));
  ReplicatorUpdate update;
  CHECK(propose(*replicator, update) == LogIndex(8));
  CHECK(update.writes.at(0).records.at(0).term == Term(2));
  CHECK(update.writes.at(0).hard == port::HardState{Term(2), PeerId(0)});
  CHECK(update.committed == LogIndex(7));
}

TEST_CASE("a stored term above the log's last one counts, and a vote in it is kept") {
  auto state = log_of(7, 2, 5);
  state.hard.vote = PeerId(3);
  const auto replicator = replication::make_single_replicator(state, {.shard = data_shard});
  CHECK(replicator->term() == Term(5));
  ReplicatorUpdate update;
  propose(*replicator, update);
  CHECK_FALSE(update.writes.at(0).hard);
}

TEST_CASE("an interval shard commits at once and writes all the same") {
  const auto replicator = replication::make_single_replicator(
      log_of(1, 1, 1), {.shard = interval_shard, .acknowledge_before_durable = true});
  ReplicatorUpdate update;
  CHECK(propose(*replicator, update) == LogIndex(2));
  CHECK(update.writes.size() == 1);
  CHECK(update.committed == LogIndex(2));
  replicator->persisted(LogIndex(2), update);
  CHECK(update.committed == LogIndex(2));
}

TEST_CASE("a memory shard commits at once and writes nothing") {
  const auto replicator =
      replication::make_single_replicator({}, {.shard = memory_shard, .volatile_log = true});
  ReplicatorUpdate update;
  CHECK(propose(*replicator, update) == LogIndex(1));
  CHECK(propose(*replicator, update) == LogIndex(2));
  CHECK(update.writes.empty());
  CHECK(update.committed == LogIndex(2));
}
