// Receive: S1-S4, S10, S19-S25, S69, S71 as far as the engine decides.

#include "engine_fixture.hpp"

namespace peerq::test {
namespace {

Receive receive_of(QueueId queue, std::uint32_t max_messages, std::string_view attempt_id = {}) {
  Receive command;
  command.queue = queue;
  command.max_messages = max_messages;
  command.attempt_id = as_bytes(attempt_id);
  return command;
}

TEST_CASE("S19 a leased message is invisible to other receivers until its visibility timeout ends") {
  OneQueue shard;
  shard.send("x");
  const Grant first = shard.receive_one(shard.queue);
  CHECK(first.lease.attempt == 1);
  CHECK(first.deadline == shard.now.lease + 30s);
  shard.pass(30s - 1ms);
  CHECK(shard.receive(shard.queue).empty());
  shard.pass(1ms);
  const Grant second = shard.receive_one(shard.queue);
  CHECK(second.lease.attempt == 2);
  CHECK(second.id == first.id);
}

TEST_CASE("S20 the receive count includes this attempt: 1 on the first delivery") {
  OneQueue shard;
  shard.send("x");
  const Grant first = shard.receive_one(shard.queue);
  CHECK(first.receive_count == 1);
  shard.nack(shard.queue, first.lease);
  CHECK(shard.receive_one(shard.queue).receive_count == 2);
}

TEST_CASE("S1 a jump of the wall clock ends no lease") {
  OneQueue shard;
  shard.send("x");
  shard.receive_one(shard.queue);
  shard.now.wall = shard.now.wall + 24h;
  CHECK(shard.receive(shard.queue).empty());
  CHECK(shard.counters(shard.queue).in_flight == 1);
}

TEST_CASE("S3 a lease has ended when its deadline is the entry's stamp, and the sweep returns the message") {
  OneQueue shard;
  shard.send("x");
  shard.receive_one(shard.queue);
  shard.tick(30s - 1ms);
  CHECK(shard.counters(shard.queue).in_flight == 1);
  shard.tick(1ms);
  CHECK(shard.counters(shard.queue).ready == 1);
  CHECK(shard.ready(shard.queue));
  CHECK(shard.events(EventKind::lease_lapsed, shard.queue) == 1);
}

TEST_CASE("S3 an entry handles at most 1,000 due rows and asks for another one") {
  OneQueue shard;
  const std::vector<SendItem> items(1'000, shard.item("x"));
  shard.send_batch(shard.queue, items);
  shard.send("one more");
  shard.receive(shard.queue, 1'000);
  shard.receive(shard.queue, 1);
  shard.tick(30s);
  CHECK(shard.counters(shard.queue).ready == limits::due_rows_per_entry);
  CHECK(shard.counters(shard.queue).in_flight == 1);
  CHECK(shard.effects.more_due);
  CHECK(shard.engine().next_due().more);
  shard.tick();
  CHECK(shard.counters(shard.queue).ready == 1'001);
  CHECK_FALSE(shard.effects.more_due);
  CHECK_FALSE(shard.engine().next_due().more);
}

TEST_CASE("S3 a receipt is judged by its deadline although the sweep did not come so far") {
  OneQueue shard;
  const std::vector<SendItem> items(1'000, shard.item("x"));
  shard.send_batch(shard.queue, items);
  shard.send("last");
  shard.receive(shard.queue, 1'000);
  const Grant last = shard.receive_one(shard.queue);
  shard.pass(30s);
  CHECK(shard.extend(shard.queue, last.lease, 1s).code == errc::lease_expired);
  CHECK(shard.counters(shard.queue).in_flight == 0);
}

TEST_CASE("S3 leases lapse in the order of deadline, queue and sequence") {
  Shard shard;
  QueueOptions dying;
  dying.max_receives = 1;
  shard.make(30);
  shard.make(20, dying, 30);
  shard.make(10, dying, 30);
  for (const std::uint64_t id : {20U, 10U}) {
    shard.send(QueueId{id}, "a" + std::to_string(id));
    shard.send(QueueId{id}, "b" + std::to_string(id));
    shard.receive(QueueId{id}, 2);
  }
  shard.send(QueueId{20}, "first");
  Receive early = receive_of(QueueId{20}, 1);
  early.visibility_ms = 1;
  shard.apply(early);
  shard.tick(1h);
  CHECK(bodies(shard.receive(QueueId{30}, 9)) ==
        std::vector<std::string>{"first", "a10", "b10", "a20", "b20"});
}

TEST_CASE("S4 after a long outage leases resume with what they had left") {
  OneQueue shard;
  shard.send("x");
  shard.receive_one(shard.queue);
  shard.pass(20s);
  shard.tick();
  shard.now.wall = shard.now.wall + 100h;  // lease time stands still meanwhile
  shard.restart();
  shard.tick(10s - 1ms);
  CHECK(shard.counters(shard.queue).in_flight == 1);
  shard.tick(1ms);
  CHECK(shard.counters(shard.queue).in_flight == 0);
}

TEST_CASE("the visibility timeout of a receive is its own, within max_lease_time") {
  QueueOptions options;
  options.visibility_timeout = 1s;
  options.max_lease_time = 5s;
  OneQueue shard(options);
  shard.send("a");
  shard.send("b");
  Receive command = receive_of(shard.queue, 1);
  command.visibility_ms = 3'000;
  CHECK(shard.apply(command).grants.at(0).deadline == shard.now.lease + 3s);
  command.visibility_ms = 6'000;
  CHECK(shard.apply(command).grants.at(0).deadline == shard.now.lease + 5s);
}

TEST_CASE("a receive's limits are taken at the bound and refused one past it") {
  OneQueue shard;
  const auto code = [&](auto change) {
    Receive command = receive_of(shard.queue, 1);
    change(command);
    return shard.apply(command).code;
  };
  CHECK(code([](Receive& c) { c.max_messages = 0; }) == errc::invalid_argument);
  CHECK(code([](Receive& c) { c.max_messages = 1'000; }) == errc::ok);
  CHECK(code([](Receive& c) { c.max_messages = 1'001; }) == errc::invalid_argument);
  CHECK(code([](Receive& c) { c.max_bytes = 0; }) == errc::invalid_argument);
  CHECK(code([](Receive& c) { c.max_bytes = limits::receive_bytes_max; }) == errc::ok);
  CHECK(code([](Receive& c) { c.max_bytes = limits::receive_bytes_max + 1; }) == errc::invalid_argument);
  CHECK(code([](Receive& c) { c.visibility_ms = 12 * 3'600'000; }) == errc::ok);
  CHECK(code([](Receive& c) { c.visibility_ms = 12 * 3'600'000 + 1; }) == errc::invalid_argument);
  CHECK(code([](Receive& c) { c.visibility_ms = -1; }) == errc::invalid_argument);
  const std::string id(limits::attempt_id_size_max, 'i');
  const std::string longer = id + "i";
  CHECK(code([&](Receive& c) { c.attempt_id = as_bytes(id); }) == errc::ok);
  CHECK(code([&](Receive& c) { c.attempt_id = as_bytes(longer); }) == errc::invalid_argument);
}

TEST_CASE("max_bytes bounds a receive, but its first message always fits") {
  OneQueue shard;
  for (const char* body : {"12345678", "1234", "1234", "1"}) shard.send(body);
  Receive command = receive_of(shard.queue, 10);
  command.max_bytes = 7;
  CHECK(bodies(shard.apply(command).grants) == std::vector<std::string>{"12345678"});
  CHECK(bodies(shard.apply(command).grants) == std::vector<std::string>{"1234"});
  CHECK(bodies(shard.apply(command).grants) == std::vector<std::string>{"1234", "1"});
}

TEST_CASE("S25 without delays and returns the order is exact") {
  OneQueue shard;
  std::vector<std::string> sent;
  for (int i = 0; i < 50; ++i) {
    sent.push_back(std::to_string(i));
    shard.send(sent.back());
  }
  auto received = bodies(shard.receive(shard.queue, 20));
  const auto rest = bodies(shard.receive(shard.queue, 100));
  received.insert(received.end(), rest.begin(), rest.end());
  CHECK(received == sent);
}

TEST_CASE("S25 what returns keeps its place before what was sent later") {
  OneQueue shard;
  for (const char* body : {"a", "b", "c", "d"}) shard.send(body);
  const auto grants = shard.receive(shard.queue, 3);
  shard.nack(shard.queue, grants[2].lease);
  shard.nack(shard.queue, grants[0].lease);
  CHECK(bodies(shard.receive(shard.queue, 10)) == std::vector<std::string>{"a", "c", "d"});
}

TEST_CASE("S25 a delayed message takes its place by sequence among the fresh ones") {
  OneQueue shard;
  shard.send("a");
  shard.send_delayed(shard.queue, "b", 1s);
  shard.send("c");
  shard.send_delayed(shard.queue, "d", 2s);
  shard.pass(1s);
  CHECK(bodies(shard.receive(shard.queue, 10)) == std::vector<std::string>{"a", "b", "c"});
  shard.pass(1s);
  CHECK(bodies(shard.receive(shard.queue, 10)) == std::vector<std::string>{"d"});
}

TEST_CASE("S10 a paused queue hands nothing out; sends, deletes and expiry go on; resuming announces it") {
  OneQueue shard;
  shard.send("a");
  shard.send("b");
  const Grant grant = shard.receive_one(shard.queue);
  shard.config.paused = true;
  ++shard.config.version;
  shard.configure(shard.config);
  CHECK(shard.receive(shard.queue).empty());
  CHECK(shard.engine().deliverable(shard.queue) == 0);
  CHECK(shard.engine().facts(shard.queue, shard.now).value().paused);
  shard.send("c");
  CHECK_FALSE(shard.ready(shard.queue));
  CHECK(shard.erase(shard.queue, grant.lease).code == errc::ok);
  shard.config.paused = false;
  ++shard.config.version;
  shard.configure(shard.config);
  CHECK(shard.ready(shard.queue));
  CHECK(shard.receive(shard.queue, 9).size() == 2);
}

TEST_CASE("S24 at the in-flight cap receivers get nothing, and a delete announces the queue again") {
  QueueOptions options;
  options.max_in_flight = 2;
  OneQueue shard(options);
  for (int i = 0; i < 4; ++i) shard.send("x");
  CHECK(shard.engine().deliverable(shard.queue) == 2);
  const auto grants = shard.receive(shard.queue, 10);
  CHECK(grants.size() == 2);
  CHECK(shard.receive(shard.queue).empty());
  CHECK(shard.engine().facts(shard.queue, shard.now).value().at_in_flight_cap);
  shard.send("y");
  CHECK_FALSE(shard.ready(shard.queue));
  shard.erase(shard.queue, grants[0].lease);
  CHECK(shard.ready(shard.queue));
  CHECK(shard.receive(shard.queue, 10).size() == 1);
}

TEST_CASE("S24 a cap lowered below what is in flight hands out nothing until enough has ended") {
  OneQueue shard;
  for (int i = 0; i < 4; ++i) shard.send("x");
  const auto grants = shard.receive(shard.queue, 3);
  shard.config.options.max_in_flight = 2;
  ++shard.config.version;
  shard.configure(shard.config);
  CHECK(shard.receive(shard.queue).empty());
  shard.erase(shard.queue, grants[0].lease);
  CHECK(shard.receive(shard.queue).empty());
  shard.erase(shard.queue, grants[1].lease);
  CHECK(shard.receive(shard.queue).size() == 1);
}

TEST_CASE("S21 the same attempt id gives the same messages and receipts, and moves no deadline") {
  OneQueue shard;
  for (const char* body : {"a", "b", "c"}) shard.send(body);
  const Reply first = shard.apply(receive_of(shard.queue, 2, "id"));
  shard.pass(10s);
  const Reply again = shard.apply(receive_of(shard.queue, 2, "id"));
  REQUIRE(again.grants.size() == 2);
  for (std::size_t i = 0; i < 2; ++i) {
    CHECK(again.grants[i].lease == first.grants[i].lease);
    CHECK(again.grants[i].deadline == first.grants[i].deadline);
    CHECK(again.grants[i].receive_count == 1);
    CHECK(body_of(again.grants[i]) == body_of(first.grants[i]));
  }
  CHECK(shard.counters(shard.queue).received == 2);
}

TEST_CASE(
    "S21 a repeat leaves out what was deleted or returned, and is a new receive when no lease is left") {
  OneQueue shard;
  for (const char* body : {"a", "b", "c"}) shard.send(body);
  const Reply first = shard.apply(receive_of(shard.queue, 2, "id"));
  shard.erase(shard.queue, first.grants[0].lease);
  CHECK(bodies(shard.apply(receive_of(shard.queue, 2, "id")).grants) == std::vector<std::string>{"b"});
  shard.nack(shard.queue, first.grants[1].lease);
  CHECK(shard.tables.rows<AttemptRow>().empty());
  CHECK(shard.tables.rows<AttemptIdRow>().empty());
  const Reply fresh = shard.apply(receive_of(shard.queue, 1, "id"));
  CHECK(bodies(fresh.grants) == std::vector<std::string>{"b"});
  CHECK(fresh.grants[0].lease.attempt == 2);
}

TEST_CASE("S21 a message returned and leased by somebody else is no part of a repeat") {
  OneQueue shard;
  shard.send("a");
  shard.send("b");
  const Reply first = shard.apply(receive_of(shard.queue, 2, "id"));
  shard.release(shard.queue, first.grants[0].lease);
  CHECK(shard.receive(shard.queue).size() == 1);
  CHECK(bodies(shard.apply(receive_of(shard.queue, 2, "id")).grants) == std::vector<std::string>{"b"});
}

TEST_CASE("S21 a repeat after the leases lapsed is a new receive") {
  OneQueue shard;
  shard.send("a");
  shard.apply(receive_of(shard.queue, 1, "id"));
  shard.pass(30s);
  const Reply again = shard.apply(receive_of(shard.queue, 1, "id"));
  REQUIRE(again.grants.size() == 1);
  CHECK(again.grants[0].lease.attempt == 2);
}

TEST_CASE("S21 a repeat works while the queue is paused: it hands out nothing new") {
  OneQueue shard;
  shard.send("a");
  shard.apply(receive_of(shard.queue, 1, "id"));
  shard.config.paused = true;
  ++shard.config.version;
  shard.configure(shard.config);
  CHECK(shard.apply(receive_of(shard.queue, 1, "id")).grants.size() == 1);
}

TEST_CASE("S21 after a purge the id means a new receive, and the old attempt's rows go with the reclaiming") {
  OneQueue shard;
  shard.send_batch(shard.queue, std::vector<SendItem>(1'000, shard.item("x")));
  shard.send_batch(shard.queue, std::vector<SendItem>(999, shard.item("x")));
  shard.receive(shard.queue, 1'000);
  shard.apply(receive_of(shard.queue, 1'000, "id"));
  shard.apply(Purge{shard.queue});
  CHECK(shard.tables.rows<AttemptRow>().size() == 1);
  shard.send("new");
  CHECK(bodies(shard.apply(receive_of(shard.queue, 1, "id")).grants) == std::vector<std::string>{"new"});
  while (shard.engine().next_due().more) shard.tick();
  CHECK(shard.tables.rows<AttemptRow>().size() == 1);
  CHECK(bodies(shard.apply(receive_of(shard.queue, 1, "id")).grants) == std::vector<std::string>{"new"});
}

TEST_CASE("an empty receive with an attempt id leaves nothing behind") {
  OneQueue shard;
  CHECK(shard.apply(receive_of(shard.queue, 1, "id")).grants.empty());
  CHECK(shard.tables.rows<AttemptIdRow>().empty());
}

TEST_CASE("S69 receive and delete hands out and removes in one entry") {
  OneQueue shard;
  shard.send("a");
  shard.send("b");
  Receive command = receive_of(shard.queue, 10, "ignored");
  command.erase = true;
  const Reply reply = shard.apply(command);
  CHECK(bodies(reply.grants) == std::vector<std::string>{"a", "b"});
  CHECK(reply.grants[0].deadline == LeaseTime{});
  CHECK(reply.grants[0].receive_count == 1);
  CHECK(shard.tables.rows<MessageRow>().empty());
  CHECK(shard.tables.payloads().empty());
  const QueueRow row = shard.counters(shard.queue);
  CHECK((row.received == 2 && row.deleted == 2 && row.in_flight == 0 && row.bytes == 0));
  CHECK(shard.erase(shard.queue, reply.grants[0].lease).already_gone);
}

TEST_CASE("a receive that meets 256 rows it may not hand out gives up, says so, and announces the queue") {
  OneQueue shard;
  std::vector<SendItem> delayed(limits::receive_skip_budget - 1, shard.item("later"));
  for (SendItem& item : delayed) item.due = WallTime{-3'600'000};
  shard.send_batch(shard.queue, delayed);
  shard.send("a");
  const Reply within = shard.apply(receive_of(shard.queue, 1));
  CHECK(within.grants.size() == 1);
  CHECK_FALSE(within.skipped);
  delayed.push_back(delayed.front());
  shard.send_batch(shard.queue, delayed);
  shard.send("b");
  const Reply beyond = shard.apply(receive_of(shard.queue, 1));
  CHECK(beyond.grants.empty());
  CHECK(beyond.skipped);
  CHECK(shard.ready(shard.queue));
  CHECK(bodies(shard.apply(receive_of(shard.queue, 1)).grants) == std::vector<std::string>{"b"});
}

TEST_CASE("a receive never hands out what is past its time, although the sweep did not come so far") {
  OneQueue shard;
  SendItem item = shard.item("old");
  item.time_to_live_ms = 1'000;
  shard.send_batch(shard.queue, std::vector<SendItem>(1'000, item));
  shard.send_batch(shard.queue, std::vector<SendItem>(200, item));
  shard.send("new");
  shard.pass(1s);
  CHECK(bodies(shard.receive(shard.queue, 5)) == std::vector<std::string>{"new"});
  CHECK(shard.counters(shard.queue).expired == 1'200);
}

TEST_CASE("redelivered counts the leases beyond a message's first") {
  OneQueue shard;
  shard.send("x");
  shard.nack(shard.queue, shard.receive_one(shard.queue).lease);
  shard.receive_one(shard.queue);
  const QueueRow row = shard.counters(shard.queue);
  CHECK(row.received == 2);
  CHECK(row.redelivered == 1);
}

TEST_CASE("an attempt number is never given twice: a message that used them all is parked") {
  OneQueue shard;
  const MessageId id = shard.send("x");
  shard.release(shard.queue, shard.receive_one(shard.queue).lease);
  shard.tables.rows<MessageRow>().begin()->second.attempt = 0xffff'ffff;
  CHECK(shard.receive(shard.queue).empty());
  CHECK(shard.get(shard.queue, id).value().state == MessageState::parked);
}

TEST_CASE("the next due time is the earliest lease deadline, also after it was deleted or a restart") {
  OneQueue shard;
  shard.send("a");
  shard.send("b");
  CHECK(shard.engine().next_due().lease == LeaseTime::never());
  const Grant first = shard.receive_one(shard.queue);
  shard.pass(1s);
  const Grant second = shard.receive_one(shard.queue);
  CHECK(shard.engine().next_due().lease == first.deadline);
  shard.erase(shard.queue, first.lease);
  CHECK(shard.engine().next_due().lease == second.deadline);
  shard.restart();
  CHECK(shard.engine().next_due().lease == second.deadline);
  Receive early = receive_of(shard.queue, 1);
  early.visibility_ms = 5;
  shard.send("c");
  const Reply third = shard.apply(early);
  CHECK(shard.engine().next_due().lease == third.grants.at(0).deadline);
}

}  // namespace
}  // namespace peerq::test
