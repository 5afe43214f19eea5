// Time-to-live, retention and a suspect clock: S4, S9, S16, S38, S40, S63, S64.

#include "engine_fixture.hpp"

namespace peerq::test {
namespace {

QueueOptions retained(Milliseconds retention) {
  QueueOptions options;
  options.retention = retention;
  return options;
}

TEST_CASE("S63 a ready message is gone when its time-to-live has passed, and counted") {
  OneQueue shard;
  const MessageId id = shard.send_expiring(shard.queue, "x", 5s);
  CHECK(shard.engine().next_due().wall == shard.now.wall + 5s);
  shard.tick(5s - 1ms);
  CHECK(shard.counters(shard.queue).ready == 1);
  shard.tick(1ms);
  CHECK(shard.counters(shard.queue).live() == 0);
  CHECK(shard.counters(shard.queue).expired == 1);
  CHECK(shard.events(EventKind::expired, shard.queue) == 1);
  CHECK(shard.get(shard.queue, id).error() == errc::message_not_found);
}

TEST_CASE("S16 time-to-live counts from the due time") {
  OneQueue shard;
  SendItem item = shard.item("x");
  item.due = shard.now.wall + 10s;
  item.time_to_live_ms = 5'000;
  shard.send_batch(shard.queue, {item});
  shard.tick(15s - 1ms);
  CHECK(shard.counters(shard.queue).ready == 1);
  shard.tick(1ms);
  CHECK(shard.counters(shard.queue).expired == 1);
}

TEST_CASE("S63 time-to-live acts on messages delayed by a nack and on parked ones") {
  QueueOptions options;
  options.max_receives = 2;
  OneQueue shard(options);
  shard.send_expiring(shard.queue, "delayed", 5s);
  shard.nack(shard.queue, shard.receive_one(shard.queue).lease, 1h);
  shard.send_expiring(shard.queue, "parked", 5s);
  shard.nack(shard.queue, shard.receive_one(shard.queue).lease);
  shard.nack(shard.queue, shard.receive_one(shard.queue).lease);
  CHECK((shard.counters(shard.queue).delayed == 1 && shard.counters(shard.queue).parked == 1));
  shard.tick(5s);
  CHECK(shard.counters(shard.queue).expired == 2);
}

TEST_CASE(
    "S38 S63 an expired message goes to the dead-letter queue with its cause, unless that is switched off") {
  for (const bool on : {true, false}) {
    QueueOptions options;
    options.dead_letter_expired = on;
    WithDeadLetter shard(options);
    const MessageId id = shard.send_expiring(shard.queue, "x", 5s);
    shard.tick(5s);
    CHECK(shard.counters(shard.dead).ready == (on ? 1U : 0U));
    CHECK(shard.counters(shard.queue).expired == (on ? 0U : 1U));
    if (on) CHECK(shard.get(shard.dead, id).value().note.cause == Cause::time_to_live);
  }
}

TEST_CASE("S40 while in flight the lease wins; a message past its time expires when it returns") {
  OneQueue shard;
  shard.send_expiring(shard.queue, "x", 5s);
  const Grant grant = shard.receive_one(shard.queue);
  shard.tick(10s);
  CHECK(shard.counters(shard.queue).in_flight == 1);
  CHECK(shard.engine().next_due().wall == WallTime::never());
  SECTION("by nack") { shard.nack(shard.queue, grant.lease, 1h); }
  SECTION("by release") { shard.release(shard.queue, grant.lease); }
  SECTION("by expiry of the lease") { shard.tick(20s); }
  CHECK(shard.counters(shard.queue).expired == 1);
}

TEST_CASE("S40 a delete of a message past its time succeeds while its lease lives") {
  OneQueue shard;
  shard.send_expiring(shard.queue, "x", 5s);
  const Grant grant = shard.receive_one(shard.queue);
  shard.pass(10s);
  const ItemReply reply = shard.erase(shard.queue, grant.lease);
  CHECK(reply.code == errc::ok);
  CHECK_FALSE(reply.already_gone);
  CHECK(shard.counters(shard.queue).deleted == 1);
}

TEST_CASE("S40 used-up attempts win over a passed retention as the cause") {
  QueueOptions options = retained(5s);
  options.max_receives = 1;
  WithDeadLetter shard(options);
  const MessageId id = shard.send(shard.queue, "x");
  const Grant grant = shard.receive_one(shard.queue);
  shard.pass(10s);
  shard.nack(shard.queue, grant.lease);
  CHECK(shard.get(shard.dead, id).value().note.cause == Cause::attempts);
}

TEST_CASE("S16 retention counts from arrival, at the millisecond, for fresh and returned messages alike") {
  OneQueue shard(retained(10s));
  shard.send("returned");
  shard.send("fresh");
  shard.release(shard.queue, shard.receive_one(shard.queue).lease);
  CHECK(shard.engine().next_due().wall == shard.now.wall + 10s);
  shard.tick(10s - 1ms);
  CHECK(shard.counters(shard.queue).ready == 2);
  shard.tick(1ms);
  CHECK(shard.counters(shard.queue).expired == 2);
  CHECK(shard.counters(shard.queue).retention_timer == WallTime{});
}

TEST_CASE("S16 retention of a delayed message counts from its due time") {
  OneQueue shard(retained(10s));
  shard.send_delayed(shard.queue, "x", 1min);
  shard.tick(1min + 10s - 1ms);
  CHECK(shard.counters(shard.queue).ready == 1);
  shard.tick(1ms);
  CHECK(shard.counters(shard.queue).expired == 1);
}

TEST_CASE("S63 retention acts on parked messages") {
  QueueOptions options = retained(10s);
  options.max_receives = 1;
  OneQueue shard(options);
  shard.send("x");
  shard.nack(shard.queue, shard.receive_one(shard.queue).lease);
  shard.tick(10s);
  CHECK(shard.counters(shard.queue).expired == 1);
}

TEST_CASE("the retention timer moves to the next head and is never late for what returns with an older age") {
  OneQueue shard(retained(20s));
  shard.send("a");
  shard.pass(2s);
  shard.send("b");
  shard.receive(shard.queue, 2);
  shard.pass(9s);
  const auto again = shard.now;
  shard.send("c");
  shard.tick(9s);  // 20 s: a's time; a and b are in flight, the timer goes to c
  CHECK(shard.counters(shard.queue).retention_timer == again.wall + 20s);
  const Sequence b = Sequence::make(4, 2);
  shard.release(shard.queue, {b, 1});  // expires at 22 s
  shard.tick(2s - 1ms);
  CHECK(shard.counters(shard.queue).expired == 0);
  shard.tick(1ms);
  CHECK(shard.counters(shard.queue).expired == 1);
}

TEST_CASE("S63 retention expires in slices of 1,000 rows and needs no row per message before") {
  OneQueue shard(retained(10s));
  for (int i = 0; i < 2; ++i) shard.send_batch(shard.queue, std::vector<SendItem>(1'000, shard.item("x")));
  CHECK(shard.tables.rows<WallDueRow>().size() == 1);
  CHECK(shard.tables.rows<AgedRow>().empty());
  shard.tick(10s);
  CHECK(shard.counters(shard.queue).expired == limits::due_rows_per_entry - 1);  // the timer is a row too
  CHECK(shard.effects.more_due);
  CHECK(shard.receive(shard.queue, 10).empty());
  while (shard.effects.more_due) shard.tick();
  CHECK(shard.counters(shard.queue).expired == 2'000);
}

TEST_CASE("S63 retention passes over what is delayed or in flight and finds the messages behind") {
  OneQueue shard(retained(10s));
  shard.send_delayed(shard.queue, "delayed", 1h);
  shard.send("leased");
  shard.send("old");
  Receive command;
  command.queue = shard.queue;
  command.visibility_ms = 3'600'000;
  shard.apply(command);
  shard.tick(10s);
  const QueueRow row = shard.counters(shard.queue);
  CHECK((row.expired == 1 && row.delayed == 1 && row.in_flight == 1));
}

TEST_CASE("S9 a changed retention acts on existing messages at once") {
  OneQueue shard;
  shard.send("x");
  shard.pass(1min);
  shard.config.options.retention = 30s;
  ++shard.config.version;
  shard.configure(shard.config);
  CHECK(shard.receive(shard.queue).empty());
  CHECK(shard.counters(shard.queue).expired == 1);
  shard.send("y");
  shard.pass(20s);
  shard.config.options.retention = 100s;
  ++shard.config.version;
  shard.configure(shard.config);
  shard.tick(79s);
  CHECK(shard.counters(shard.queue).ready == 1);
  shard.config.options.retention.reset();
  ++shard.config.version;
  shard.configure(shard.config);
  CHECK(shard.counters(shard.queue).retention_timer == WallTime{});
  shard.tick(1000h);
  CHECK(shard.counters(shard.queue).ready == 1);
}

TEST_CASE("S4 what passed while everything was down falls due at once") {
  OneQueue shard(retained(1h));
  shard.send_delayed(shard.queue, "delayed", 10s);
  shard.send("old");
  shard.now.wall = shard.now.wall + 61min;
  shard.restart();
  CHECK(bodies(shard.receive(shard.queue, 5)) == std::vector<std::string>{});
  CHECK(shard.counters(shard.queue).expired == 2);
}

TEST_CASE("S64 while expiry is halted time-to-live and retention stand still, delays go on behind them") {
  QueueOptions options = retained(20s);
  OneQueue shard(options);
  shard.send_expiring(shard.queue, "mortal", 5s);
  shard.send_expiring(shard.queue, "retained", 5min);
  shard.send_delayed(shard.queue, "delayed", 30s);
  shard.halted = true;
  shard.tick(30s);
  CHECK(shard.counters(shard.queue).ready == 3);
  CHECK(shard.counters(shard.queue).expired == 0);
  CHECK(shard.engine().next_due().wall == WallTime::never());
  CHECK(bodies(shard.receive(shard.queue, 2)) == std::vector<std::string>{"mortal", "retained"});
  shard.tick(30s);  // returned while halted: still there
  CHECK(shard.counters(shard.queue).ready == 3);
  shard.halted = false;
  shard.tick();
  CHECK(shard.counters(shard.queue).expired == 3);
}

TEST_CASE("S64 a restart while expiry is halted finds the next delay behind what stands still") {
  OneQueue shard;
  shard.send_expiring(shard.queue, "mortal", 5s);
  shard.send_delayed(shard.queue, "delayed", 30s);
  shard.halted = true;
  shard.tick(10s);
  const WallTime due = shard.engine().next_due().wall;
  CHECK(due == shard.now.wall + 20s);
  shard.restart();
  shard.tick();
  CHECK(shard.engine().next_due().wall == due);
  shard.send_delayed(shard.queue, "sooner", 10s);
  CHECK(shard.engine().next_due().wall == shard.now.wall + 10s);
}

TEST_CASE("a dead-lettered message expires from the dead-letter queue into that one's own") {
  Shard shard;
  shard.make(3);
  shard.make(2, retained(10s), 3);
  QueueOptions options;
  options.max_receives = 1;
  shard.make(1, options, 2);
  const MessageId id = shard.send(QueueId{1}, "x");
  shard.nack(QueueId{1}, shard.receive_one(QueueId{1}).lease);
  shard.tick(10s);
  const MessageInfo info = shard.get(QueueId{3}, id).value();
  CHECK(info.note.cause == Cause::retention);
  CHECK(info.note.source == QueueId{2});
  CHECK(info.note.origin == QueueId{1});
}

}  // namespace
}  // namespace peerq::test
