// Configure, pause, purge, delete, reclaiming, newer formats and damage: S7-S9, S53, S55, S75.

#include <algorithm>

#include "engine_fixture.hpp"

namespace peerq::test {
namespace {

void reclaim_all(Shard& shard) {
  for (int i = 0; i < 100 && shard.engine().next_due().more; ++i) shard.tick();
  REQUIRE_FALSE(shard.engine().next_due().more);
}

TEST_CASE("S8 everything sent before a purge is gone in that entry, whatever its state; later ones stay") {
  QueueOptions options;
  options.max_receives = 1;
  options.max_messages = 4;
  OneQueue shard(options);
  shard.send("parked");
  shard.nack(shard.queue, shard.receive_one(shard.queue).lease);
  const MessageId leased = shard.send("leased");
  const Grant grant = shard.receive_one(shard.queue);
  const MessageId delayed = shard.send_delayed(shard.queue, "delayed", 1s);
  shard.send("ready");
  const Reply reply = shard.apply(Purge{shard.queue});
  CHECK(reply.count == 4);
  const QueueRow row = shard.counters(shard.queue);
  CHECK((row.live() == 0 && row.bytes == 0 && row.purged == 4));
  for (const MessageId id : {leased, delayed})
    CHECK(shard.get(shard.queue, id).error() == errc::message_not_found);
  CHECK(shard.erase(shard.queue, grant.lease).already_gone);
  CHECK(shard.nack(shard.queue, grant.lease).code == errc::message_not_found);
  CHECK(shard.apply(Kick{shard.queue, {}, 10}).count == 0);
  const std::vector<SendItem> items(4, shard.item("new"));
  CHECK(shard.send_batch(shard.queue, items, true).code == errc::ok);
  shard.tick(1h);
  CHECK(shard.receive(shard.queue, 10).size() == 4);
}

TEST_CASE("S8 a purge of thousands is one point; the rows go in slices of 1,000 in later entries") {
  OneQueue shard;
  for (int i = 0; i < 3; ++i) shard.send_batch(shard.queue, std::vector<SendItem>(1'000, shard.item("x")));
  CHECK(shard.apply(Purge{shard.queue}).count == 3'000);
  CHECK(shard.effects.more_due);
  CHECK(shard.engine().next_due().more);
  CHECK(shard.tables.rows<MessageRow>().size() == 3'001 - limits::reclaim_rows_per_entry);
  CHECK(shard.receive(shard.queue, 10).empty());
  shard.send("new");
  reclaim_all(shard);
  CHECK(shard.tables.rows<MessageRow>().size() == 1);
  CHECK(shard.tables.payloads().size() == 1);
  CHECK(shard.tables.rows<ReclaimRow>().empty());
  CHECK(bodies(shard.receive(shard.queue, 10)) == std::vector<std::string>{"new"});
}

TEST_CASE("S8 due times of purged messages pass without effect before they are reclaimed") {
  QueueOptions options;
  options.retention = 1min;
  OneQueue shard(options);
  for (int i = 0; i < 2; ++i) shard.send_batch(shard.queue, std::vector<SendItem>(1'000, shard.item("x")));
  for (int i = 0; i < 5; ++i) {
    shard.send_delayed(shard.queue, "delayed", 1s);
    shard.send_expiring(shard.queue, "mortal", 1s);
    shard.send("returned");
  }
  shard.receive(shard.queue, 1'000);
  shard.receive(shard.queue, 1'000);
  for (const Grant& grant : shard.receive(shard.queue, 100)) {
    if (body_of(grant) == "returned") shard.release(shard.queue, grant.lease);
  }
  shard.apply(Purge{shard.queue});
  shard.send("new");
  shard.tick(30s);
  CHECK(shard.counters(shard.queue).live() == 1);
  CHECK(shard.events(EventKind::lease_lapsed, shard.queue) == 0);
  shard.tick(30s);
  shard.tick(1min);
  reclaim_all(shard);
  const QueueRow row = shard.counters(shard.queue);
  CHECK((row.live() == 0 && row.expired == 1));
  CHECK(shard.tables.rows<MessageRow>().empty());
}

TEST_CASE("S8 a second purge while the first is being reclaimed, and a purge of nothing") {
  OneQueue shard;
  CHECK(shard.apply(Purge{shard.queue}).count == 0);
  CHECK(shard.tables.rows<ReclaimRow>().empty());
  for (int i = 0; i < 2; ++i) {
    shard.send_batch(shard.queue, std::vector<SendItem>(1'000, shard.item("x")));
    shard.send_batch(shard.queue, std::vector<SendItem>(1'000, shard.item("x")));
    CHECK(shard.apply(Purge{shard.queue}).count == 2'000);
  }
  shard.restart();
  reclaim_all(shard);
  CHECK(shard.tables.rows<MessageRow>().empty());
  CHECK(shard.counters(shard.queue).purged == 4'000);
}

TEST_CASE("S8 a purged dead-letter queue takes new dead letters and forgets the old ones by id") {
  QueueOptions options;
  options.max_receives = 1;
  WithDeadLetter shard(options);
  const MessageId old = shard.send(shard.queue, "old");
  shard.nack(shard.queue, shard.receive_one(shard.queue).lease);
  shard.apply(Purge{shard.dead});
  CHECK(shard.get(shard.dead, old).error() == errc::message_not_found);
  const MessageId fresh = shard.send(shard.queue, "fresh");
  shard.nack(shard.queue, shard.receive_one(shard.queue).lease);
  CHECK(shard.receive_one(shard.dead).id == fresh);
}

TEST_CASE("S75 deleting a queue deletes its messages, in every state, and at last every row") {
  QueueOptions options;
  options.max_receives = 1;
  options.retention = 1h;
  WithDeadLetter shard(options);
  const std::string before = [&] {
    Shard alone;
    alone.make(9);
    return alone.tables.dump();
  }();
  const MessageId dead = shard.send(shard.queue, "dead");
  shard.nack(shard.queue, shard.receive_one(shard.queue).lease);
  shard.send(shard.queue, "leased");
  shard.receive_one(shard.queue);
  shard.send_delayed(shard.queue, "delayed", 1h);
  shard.send_expiring(shard.queue, "mortal", 1h);
  Receive attempt;
  attempt.queue = shard.queue;
  attempt.attempt_id = as_bytes("id");
  shard.apply(attempt);
  shard.send(shard.queue, "ready");
  CHECK(shard.configure(shard.config, true).code == errc::ok);
  CHECK(shard.effects.deleted == std::vector<QueueId>{shard.queue});
  reclaim_all(shard);
  CHECK(shard.engine().config(shard.queue) == nullptr);
  CHECK(shard.engine().queues() == std::vector<std::pair<QueueId, std::uint64_t>>{{shard.dead, 1}});
  CHECK(body_of(shard.receive_one(shard.dead)) == "dead");  // what had moved lives on
  CHECK(shard.get(shard.dead, dead).value().note.source_name == "q7");
  shard.erase(shard.dead, {Sequence::make(4, 1), 2});
  shard.tables.rows<QueueRow>()[QueueKey{shard.dead}] = QueueRow{};
  shard.tables.rows<LaneRow>().clear();
  CHECK(shard.tables.dump() == before);
}

TEST_CASE("S7 commands for a deleted queue get queue_deleted while it is being reclaimed") {
  OneQueue shard;
  for (int i = 0; i < 4; ++i) shard.send_batch(shard.queue, std::vector<SendItem>(1'000, shard.item("x")));
  const Grant grant = shard.receive_one(shard.queue);
  shard.configure(shard.config, true);
  CHECK(shard.configure(shard.config).code == errc::queue_deleted);
  CHECK(shard.tables.rows<ReclaimRow>().size() == 1);
  CHECK(shard.engine().facts(shard.queue, shard.now).error() == errc::queue_deleted);
  CHECK(shard.engine().config(shard.queue) == nullptr);
  CHECK(shard.engine().deliverable(shard.queue) == 0);
  CHECK(shard.engine().queues().empty());
  const SettleItem settle{grant.lease, -1, {}};
  CHECK(shard.apply(Settle{shard.queue, Verb::erase, {&settle, 1}}).code == errc::queue_deleted);
  reclaim_all(shard);
  CHECK(shard.apply(Receive{.queue = shard.queue, .attempt_id = {}}).code == errc::queue_not_found);
  CHECK(shard.tables.dump().empty());
}

TEST_CASE("S7 deleting is idempotent, also for a queue that this shard never had") {
  OneQueue shard;
  shard.send("x");
  CHECK(shard.configure(shard.config, true).code == errc::ok);
  CHECK(shard.configure(shard.config, true).code == errc::ok);
  CHECK(shard.effects.deleted == std::vector<QueueId>{shard.queue});
  CHECK(shard.tables.dump().empty());
}

TEST_CASE("a dead-letter queue that is deleted takes no more dead letters: who moves them says so") {
  QueueOptions options;
  options.max_receives = 1;
  WithDeadLetter shard(options);
  for (int i = 0; i < 2; ++i) shard.send_batch(shard.dead, std::vector<SendItem>(1'000, shard.item("x")));
  shard.send(shard.queue, "x");
  const Grant grant = shard.receive_one(shard.queue);
  shard.configure(shard.dead_config, true);
  shard.nack(shard.queue, grant.lease);
  CHECK(shard.counters(shard.queue).moving == 1);
  const auto waiting = shard.engine().moving(shard.queue, 1);
  shard.apply(Moved{shard.queue, shard.dead, waiting.at(0).key.transfer, errc::queue_deleted});
  CHECK(shard.counters(shard.queue).parked == 1);
}

TEST_CASE("configure is idempotent by version: an equal or older one changes nothing") {
  OneQueue shard;
  QueueConfig newer = shard.config;
  newer.version = 5;
  newer.options.visibility_timeout = 1s;
  CHECK(shard.configure(newer).code == errc::ok);
  QueueConfig older = newer;
  older.version = 4;
  older.options.visibility_timeout = 2s;
  CHECK(shard.configure(older).code == errc::ok);
  older.version = 5;
  CHECK(shard.configure(older).code == errc::ok);
  CHECK(*shard.engine().config(shard.queue) == newer);
  shard.restart();
  CHECK(*shard.engine().config(shard.queue) == newer);
  CHECK(shard.engine().queues() == std::vector<std::pair<QueueId, std::uint64_t>>{{shard.queue, 5}});
}

TEST_CASE("S9 a changed visibility timeout counts for new leases only") {
  OneQueue shard;
  shard.send("a");
  shard.send("b");
  const Grant before = shard.receive_one(shard.queue);
  shard.config.options.visibility_timeout = 1s;
  ++shard.config.version;
  shard.configure(shard.config);
  CHECK(shard.receive_one(shard.queue).deadline == shard.now.lease + 1s);
  shard.tick(2s);
  CHECK(shard.counters(shard.queue).in_flight == 1);
  CHECK(shard.erase(shard.queue, before.lease).code == errc::ok);
}

TEST_CASE("a catalog command in a shard of queues, and a queue without an id, are rejected") {
  Shard shard;
  CHECK(shard.apply(PauseQueue{"x", {}, true}).code == errc::invalid_argument);
  CHECK(shard.apply(DeleteQueue{"x", {}, false}).code == errc::invalid_argument);
  CHECK(shard.configure(QueueConfig{}).code == errc::invalid_argument);
  CHECK(shard.tables.dump().empty());
}

TEST_CASE("S53 an entry of a newer format is refused before anything is changed") {
  OneQueue shard;
  const std::string before = shard.tables.dump();
  EntryView entry;
  entry.header.stamps = shard.now;
  for (const std::uint16_t version : {std::uint16_t{0}, std::uint16_t{entry_version + 1}}) {
    entry.header.version = version;
    try {
      shard.engine().apply(next(shard.index), entry, shard.effects);
      FAIL("applied");
    } catch (const TablesFailure& failure) {
      CHECK(failure.error == errc::version_mismatch);
    }
  }
  CHECK(shard.tables.dump() == before);
}

TEST_CASE("S55 a row that must exist and does not is corrupt, never an assertion") {
  const auto corrupt = [](auto damage, auto command) {
    OneQueue shard;
    shard.send("a");
    const Grant grant = shard.receive_one(shard.queue);
    shard.send("b");
    shard.nack(shard.queue, shard.receive_one(shard.queue).lease, 0ms, "note");
    shard.restart();
    damage(shard);
    shard.check_every_entry = false;
    try {
      command(shard, grant);
      FAIL_CHECK("nothing was noticed");
    } catch (const TablesFailure& failure) {
      CHECK(failure.error == errc::corrupt);
    }
  };
  const auto receive = [](OneQueue& shard, const Grant&) { shard.receive(shard.queue); };
  const auto lapse = [](OneQueue& shard, const Grant&) { shard.tick(1h); };
  corrupt([](OneQueue& shard) { shard.tables.rows<QueueRow>().clear(); }, receive);
  corrupt([](OneQueue& shard) { shard.tables.rows<MessageRow>().clear(); }, receive);
  corrupt([](OneQueue& shard) { shard.tables.rows<MessageRow>().clear(); }, lapse);
  corrupt([](OneQueue& shard) { shard.tables.rows<NoteRow>().clear(); }, receive);
  corrupt([](OneQueue& shard) { shard.tables.rows<ConfigRow>().clear(); }, lapse);
  corrupt(
      [](OneQueue& shard) {
        for (auto& [key, row] : shard.tables.rows<MessageRow>()) row.state = MessageState::parked;
      },
      receive);
  corrupt([](OneQueue& shard) { shard.tables.fail_reads(); }, receive);
}

TEST_CASE("effects name each queue once, by id, with its events counted") {
  Shard shard;
  for (const std::uint64_t id : {5U, 3U}) {
    shard.make(id);
    for (int i = 0; i < 3; ++i) shard.send(QueueId{id}, "x");
    shard.receive(QueueId{id}, 3);
  }
  shard.tick(30s);
  CHECK(shard.effects.ready == std::vector<QueueId>{QueueId{3}, QueueId{5}});
  REQUIRE(shard.effects.events.size() == 2);
  CHECK(shard.effects.events[0].queue == QueueId{3});
  CHECK(shard.effects.events[0].count == 3);
}

TEST_CASE("a send and the receive that takes it in one entry leave nothing to announce") {
  OneQueue shard;
  const SendItem item = shard.item("x");
  std::vector<Command> commands(2);
  commands[0].body = Send{shard.queue, false, {&item, 1}};
  commands[1].body = Receive{.queue = shard.queue, .attempt_id = {}};
  const auto replies = shard.apply(commands);
  CHECK(replies[1].grants.size() == 1);
  CHECK(shard.effects.ready.empty());
}

TEST_CASE("thousands of queues work although only some are kept in memory") {
  Shard shard;
  shard.check_every_entry = false;
  for (std::uint64_t id = 1; id <= 1'500; ++id) {
    shard.make(id);
    shard.send(QueueId{id}, std::to_string(id));
  }
  for (std::uint64_t id = 1; id <= 1'500; ++id) {
    CHECK(body_of(shard.receive_one(QueueId{id})) == std::to_string(id));
  }
  CHECK(broken_invariant(shard.tables, shard.now.wall).empty());
}

TEST_CASE("S9 changed caps, rates and ways to choose act at once") {
  OneQueue shard;
  const auto change = [&](auto set) {
    set(shard.config.options);
    ++shard.config.version;
    shard.configure(shard.config);
  };
  for (int i = 0; i < 20; ++i) shard.send(i % 2 == 0 ? "a" : "b");
  change([](QueueOptions& options) { options.max_in_flight = 1; });
  CHECK(shard.receive(shard.queue, 5).size() == 1);
  change([](QueueOptions& options) { options.max_in_flight = 3; });
  CHECK(shard.receive(shard.queue, 5).size() == 2);
  change([](QueueOptions& options) {
    options.max_in_flight = 0;
    options.rate = {.per_second_thousandths = 1'000, .burst = 2};
  });
  CHECK(shard.receive(shard.queue, 5).size() == 2);
  change([](QueueOptions& options) { options.rate = {}; });
  CHECK(shard.receive(shard.queue, 5).size() == 5);
  SendItem urgent = shard.item("urgent");
  urgent.priority = 9;
  shard.send_batch(shard.queue, std::vector<SendItem>(10, urgent));
  change([](QueueOptions& options) {
    options.priority_mode = PriorityMode::weighted;
    options.weights.fill(1);
  });
  std::size_t urgent_ones = 0;
  for (const Grant& grant : shard.receive(shard.queue, 10)) urgent_ones += grant.payload.bytes.size() == 6;
  CHECK(urgent_ones == 5);
}

TEST_CASE("S9 changed retry policy, attempts and dead-letter queue count at the end of an attempt") {
  Shard shard;
  shard.make(2);
  QueueConfig config = shard.make(1);
  shard.send(QueueId{1}, "later");
  shard.send(QueueId{1}, "dead");
  const Grant later = shard.receive_one(QueueId{1});
  const Grant dead = shard.receive_one(QueueId{1});
  config.options.retry.base = 10s;
  config.options.retry.jitter_thousandths = 0;
  ++config.version;
  shard.configure(config);
  shard.settle(QueueId{1}, Verb::nack, later.lease);
  CHECK(shard.counters(QueueId{1}).delayed == 1);
  config.options.max_receives = 1;
  config.options.dead_letter_queue = "q2";
  config.dead_letter = QueueId{2};
  ++config.version;
  shard.configure(config);
  shard.settle(QueueId{1}, Verb::nack, dead.lease);
  CHECK(shard.counters(QueueId{2}).ready == 1);
}

}  // namespace
}  // namespace peerq::test
