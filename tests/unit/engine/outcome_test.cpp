// S77: what became of a message that somebody waits for.
#include <catch2/generators/catch_generators.hpp>
#include <string>

#include "engine_fixture.hpp"

namespace peerq::test {
namespace {

const QueueId work{1};

struct Requests : Shard {
  Requests() { make(work.value); }
  MessageId request(Milliseconds wait = 30s) {
    SendItem one = item("question");
    one.outcome_until = now.wall + wait;
    return send_batch(work, {one}).items.at(0).id;
  }
  ItemReply answer(LeaseRef lease, std::string_view result) {
    SettleItem one;
    one.lease = lease;
    one.result = as_bytes(result);
    return apply(Settle{work, Verb::erase, {&one, 1}}).items.at(0);
  }
};

TEST_CASE("S77 the result that a worker gives with its delete is kept for who waits") {
  Requests shard;
  const MessageId id = shard.request();
  CHECK(shard.engine().outcome(id).value().fate == Fate::open);
  CHECK_FALSE(shard.answer(shard.receive_one(work).lease, "the answer").requester_gone);
  CHECK(shard.effects.outcomes == std::vector<MessageId>{id});
  shard.restart();
  const OutcomeRow outcome = shard.engine().outcome(id).value();
  CHECK(outcome.fate == Fate::done);
  CHECK(outcome.result == "the answer");
  shard.tick(31s);
  CHECK(shard.engine().outcome(id).error() == errc::message_not_found);
  CHECK(shard.tables.rows<OutcomeDueRow>().empty());
}

TEST_CASE("S77 a result for which nobody waits is a success that says so") {
  Requests shard;
  const MessageId late = shard.request(1s);
  const Grant grant = shard.receive_one(work);
  shard.tick(2s);
  CHECK(shard.engine().outcome(late).error() == errc::message_not_found);
  CHECK(shard.effects.outcomes == std::vector<MessageId>{late});
  CHECK(shard.answer(grant.lease, "too late").requester_gone);
  shard.send(work, "no request");
  CHECK(shard.answer(shard.receive_one(work).lease, "who asked?").requester_gone);
  shard.send(work, "no request, no result");
  CHECK_FALSE(shard.erase(work, shard.receive_one(work).lease).requester_gone);
}

TEST_CASE("S77 a message that is dead-lettered or parked tells who waits why") {
  const bool has_queue = GENERATE_COPY(true, false);
  Requests shard;
  if (has_queue) {
    shard.make(2);
    shard.configure({.id = work,
                     .version = 2,
                     .name = "q1",
                     .options = {.dead_letter_queue = "q2"},
                     .dead_letter = QueueId{2}});
  }
  const MessageId id = shard.request();
  shard.reject(work, shard.receive_one(work).lease, "cannot parse");
  const OutcomeRow outcome = shard.engine().outcome(id).value();
  CHECK(outcome.fate == Fate::failed);
  CHECK(outcome.cause == Cause::rejected);
  CHECK(outcome.error == "cannot parse");
}

TEST_CASE("S77 the first fate counts: a redriven message does not answer again") {
  Requests shard;
  shard.make(2);
  shard.configure({.id = work,
                   .version = 2,
                   .name = "q1",
                   .options = {.dead_letter_queue = "q2"},
                   .dead_letter = QueueId{2}});
  const MessageId id = shard.request();
  shard.reject(work, shard.receive_one(work).lease);
  shard.apply(StartRedrive{.queue = QueueId{2}});
  shard.tick();
  CHECK(shard.answer(shard.receive_one(work).lease, "at last").requester_gone);
  CHECK(shard.engine().outcome(id).value().fate == Fate::failed);
}

TEST_CASE("S77 expiry, cancel and purge are told too") {
  Requests shard;
  SendItem one = shard.item("short");
  one.outcome_until = shard.now.wall + 1h;
  one.time_to_live_ms = 1000;
  const MessageId expired = shard.send_batch(work, {one}).items.at(0).id;
  shard.tick(2s);
  CHECK(shard.engine().outcome(expired).value().fate == Fate::expired);
  const MessageId cancelled = shard.request();
  shard.apply(Cancel{work, {&cancelled, 1}});
  CHECK(shard.engine().outcome(cancelled).value().fate == Fate::cancelled);
  const MessageId purged = shard.request();
  shard.apply(Purge{work});
  shard.tick();
  CHECK(shard.engine().outcome(purged).value().fate == Fate::cancelled);
}

TEST_CASE("S77 a request that is delayed beyond its requester's deadline goes at the deadline") {
  Shard shard;
  const QueueId queue{1};
  shard.make(1, {.delay = 10s});
  SendItem request = shard.item("x");
  request.time_to_live_ms = 5'000;
  request.outcome_until = shard.now.wall + 5s;
  const MessageId id = shard.send_batch(queue, {request}).items.at(0).id;
  shard.tick(5s - 1ms);
  CHECK(shard.counters(queue).delayed == 1);
  shard.tick(1ms);
  CHECK(shard.counters(queue).delayed == 0);
  CHECK(shard.counters(queue).expired == 1);
  CHECK_FALSE(shard.get(queue, id));
}

TEST_CASE("S77 how long somebody waits counts from the entry's stamp, whatever the calendar said before") {
  Requests shard;
  SendItem one = shard.item("question");
  one.outcome_until = WallTime{-30'000};
  const MessageId id = shard.send_batch(work, {one}).items.at(0).id;
  CHECK(shard.engine().outcome(id).value().until == shard.now.wall + 30s);
  shard.tick(30s - 1ms);
  CHECK(shard.engine().outcome(id).value().fate == Fate::open);
  shard.tick(1ms);
  CHECK(shard.engine().outcome(id).error() == errc::message_not_found);
}

TEST_CASE("S45 S77 who waits for a message that parks its group is told that it failed") {
  Shard shard;
  QueueOptions options;
  options.type = QueueType::fifo;
  options.max_receives = 1;
  options.poison = Poison::park_group;
  shard.make(work.value, options);
  SendItem one = shard.item("question");
  one.group_id = as_bytes(std::string_view("a"));
  one.outcome_until = shard.now.wall + 30s;
  const MessageId id = shard.send_batch(work, {one}).items.at(0).id;
  shard.nack(work, shard.receive_one(work).lease);
  CHECK(shard.engine().outcome(id).value().fate == Fate::failed);
  CHECK(shard.engine().outcome(id).value().cause == Cause::attempts);
  CHECK(shard.effects.outcomes == std::vector<MessageId>{id});
}

}  // namespace
}  // namespace peerq::test
