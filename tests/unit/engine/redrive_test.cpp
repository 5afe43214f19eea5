// S39, S72-S74: back out of a dead-letter queue.
#include <string>

#include "engine_fixture.hpp"

namespace peerq::test {
namespace {

const QueueId orders{1};
const QueueId dead{2};
const QueueId elsewhere{3};

QueueOptions source_options() {
  QueueOptions options;
  options.dead_letter_queue = "q2";
  return options;
}

/// A queue with a dead-letter queue.
struct Redriven : Shard {
  Redriven() {
    make(dead.value);
    make(orders.value, source_options(), dead.value);
  }
  MessageId reject_one(std::string_view body, std::string_view reason = "bad") {
    const MessageId id = send(orders, body);
    reject(orders, receive_one(orders).lease, reason);
    return id;
  }
  void redrive(StartRedrive command = {}) {
    command.queue = dead;
    REQUIRE(apply(command).code == errc::ok);
  }
  RedriveRow task() { return engine().redrive(dead).value().value(); }
};

TEST_CASE("S39 a redriven message keeps its id and attempts, its receive count begins anew") {
  Redriven shard;
  const MessageId id = shard.reject_one("a");
  shard.redrive();
  shard.tick();
  CHECK(shard.task().moved == 1);
  CHECK(shard.task().finished);
  CHECK(shard.counters(dead).redriven == 1);
  CHECK(shard.counters(dead).ready == 0);
  const Grant again = shard.receive_one(orders);
  CHECK(again.id == id);
  CHECK(again.lease.attempt == 2);
  CHECK(again.receive_count == 1);
  CHECK(shard.erase(orders, again.lease).code == errc::ok);
}

TEST_CASE("S39 time-to-live and retention start anew at a redrive") {
  Redriven shard;
  shard.send_expiring(orders, "a", 10s);
  shard.pass(6s);
  shard.reject(orders, shard.receive_one(orders).lease);
  shard.tick(1h);
  shard.redrive();
  shard.tick();
  shard.tick(9s);
  CHECK(shard.counters(orders).ready == 1);
  shard.tick(2s);
  CHECK(shard.counters(orders).ready == 0);
  CHECK(shard.counters(dead).ready == 1);  // dead-lettered again: its time was over
}

TEST_CASE("S39 a redrive goes to the tail, in the order of the dead-letter queue") {
  Redriven shard;
  shard.reject_one("a");
  shard.reject_one("b");
  shard.send(orders, "c");
  shard.redrive();
  shard.tick();
  std::string order;
  for (const Grant& grant : shard.receive(orders, 10)) order += as_text(grant.payload.bytes.bytes());
  CHECK(order == "cab");
}

TEST_CASE("S39 a filter by cause and source, and a target of one's own") {
  Redriven shard;
  shard.make(elsewhere.value);
  shard.reject_one("a");
  shard.send_expiring(orders, "b", 1s);
  shard.tick(2s);
  REQUIRE(shard.counters(dead).ready == 2);
  shard.redrive({.target = elsewhere, .causes = 1U << static_cast<unsigned>(Cause::time_to_live)});
  shard.tick();
  CHECK(shard.task().moved == 1);
  CHECK(shard.task().skipped == 1);
  CHECK(shard.counters(elsewhere).ready == 1);
  shard.redrive({.source = elsewhere});
  shard.tick();
  CHECK(shard.task().moved == 0);
  CHECK(shard.task().skipped == 1);
}

TEST_CASE("S39 a full target makes the redrive wait, and its size limit does not count") {
  Redriven shard;
  auto config = shard.make(elsewhere.value, {.max_message_size = 1, .max_messages = 1});
  shard.reject_one("aa");
  shard.reject_one("bb");
  shard.redrive({.target = elsewhere});
  shard.tick();
  CHECK(shard.task().moved == 1);
  CHECK_FALSE(shard.task().finished);
  shard.tick(1s);
  CHECK(shard.task().moved == 1);
  shard.erase(elsewhere, shard.receive_one(elsewhere).lease);
  shard.tick(1s);
  shard.tick();
  CHECK(shard.task().moved == 2);
}

TEST_CASE("S39 a redrive is one task: it survives a restart, can be stopped, and is not started twice") {
  Redriven shard;
  for (int i = 0; i < 50; ++i) shard.reject_one("m" + std::to_string(i));
  shard.redrive({.rate = 10});
  shard.tick();
  const auto moved = shard.task().moved;
  CHECK(moved < 5);
  shard.restart();
  StartRedrive twice;
  twice.queue = dead;
  CHECK(shard.apply(twice).code == errc::in_use);
  for (int i = 0; i < 10; ++i) shard.tick(100ms);
  CHECK(shard.task().moved == moved + 10);
  CHECK(shard.apply(StopRedrive{dead}).code == errc::ok);
  shard.tick(10s);
  CHECK(shard.task().moved == moved + 10);
  CHECK(shard.task().finished);
  shard.redrive();
  shard.tick();
  CHECK(shard.counters(dead).ready == 0);
}

TEST_CASE("S39 a redrive moves at most as many as it is told, and more than an entry can in several") {
  Redriven shard;
  shard.check_every_entry = false;
  for (int i = 0; i < 2'500; ++i) shard.reject_one("m");
  shard.check_every_entry = true;
  shard.redrive({.max_messages = 2'400});
  int entries = 0;
  while (!shard.task().finished && ++entries < 10) shard.tick();
  CHECK(entries > 1);
  CHECK(entries < 10);
  CHECK(shard.counters(orders).ready == 2'400);
  CHECK(shard.counters(dead).ready == 100);
}

TEST_CASE("S73 a message sent straight to a dead-letter queue is skipped and counted") {
  Redriven shard;
  shard.send(dead, "straight");
  shard.reject_one("a");
  shard.redrive();
  shard.tick();
  CHECK(shard.task().moved == 1);
  CHECK(shard.task().skipped == 1);
  CHECK(shard.counters(dead).ready == 1);
}

TEST_CASE("S74 a redriven message that fails again is not moved a second time by the same redrive") {
  Redriven shard;
  for (int i = 0; i < 20; ++i) shard.reject_one("m");
  shard.redrive({.rate = 10});
  for (int round = 0; round < 40; ++round) {
    shard.tick(100ms);
    for (const Grant& grant : shard.receive(orders, 10)) shard.reject(orders, grant.lease);
  }
  CHECK(shard.task().finished);
  CHECK(shard.task().moved == 20);
  CHECK(shard.counters(dead).ready == 20);
}

TEST_CASE("S74 in FIFO queues a redrive puts a message at the tail of its group") {
  Redriven shard;
  shard.make(4, {.type = QueueType::fifo});
  QueueOptions options = source_options();
  options.type = QueueType::fifo;
  options.dead_letter_queue = "q4";
  shard.make(5, options, 4);
  const auto send = [&](std::string_view body) {
    SendItem item = shard.item(body);
    item.group_id = as_bytes(std::string_view("g"));
    REQUIRE(shard.send_batch(QueueId{5}, {item}).items[0].code == errc::ok);
  };
  send("a"), send("b");
  shard.reject(QueueId{5}, shard.receive_one(QueueId{5}).lease);
  REQUIRE(shard.apply(StartRedrive{.queue = QueueId{4}}).code == errc::ok);
  shard.tick();
  std::string order;
  for (const Grant& grant : shard.receive(QueueId{5}, 10)) order += as_text(grant.payload.bytes.bytes());
  CHECK(order == "ba");
}

TEST_CASE("S39 a redrive goes with its queue, and never to the queue itself") {
  Redriven shard;
  shard.reject_one("a");
  CHECK(shard.apply(StartRedrive{.queue = dead, .target = dead}).code == errc::invalid_argument);
  shard.redrive({.rate = 1});
  QueueConfig gone;
  gone.id = dead;
  gone.version = 9;
  shard.configure(gone, true);
  for (int i = 0; i < 5; ++i) shard.tick(1s);
  CHECK(shard.tables.rows<RedriveRow>().empty());
}

TEST_CASE("S3 S39 what the calendar makes due does not wait for redrives") {
  Redriven shard;
  const std::vector<SendItem> items(1'000, shard.item("x"));
  for (int i = 0; i < 3; ++i) {
    shard.send_batch(orders, items);
    std::vector<SettleItem> rejects;
    for (const Grant& grant : shard.receive(orders, 1'000)) rejects.push_back({grant.lease});
    shard.apply(Settle{orders, Verb::reject, rejects});
  }
  shard.make(elsewhere.value);
  shard.send_delayed(elsewhere, "late", 1s);
  shard.pass(1s);
  shard.redrive();
  CHECK(shard.counters(elsewhere).ready == 1);
  shard.send_delayed(elsewhere, "later", 1s);
  shard.tick(1s);
  CHECK(shard.task().moved == 2 * limits::due_rows_per_entry);  // this entry and the send
  CHECK(shard.counters(elsewhere).ready == 2);
  CHECK(shard.effects.more_due);
  for (int i = 0; i < 3; ++i) shard.tick();
  CHECK(shard.task().moved == 3'000);
}

}  // namespace
}  // namespace peerq::test
