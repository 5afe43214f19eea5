// Dead-lettering, parking and kick: S37, S38, S63, S67, S68, S72, S73.

#include "engine_fixture.hpp"

namespace peerq::test {
namespace {

QueueOptions receives(std::uint32_t max_receives) {
  QueueOptions options;
  options.max_receives = max_receives;
  return options;
}

TEST_CASE(
    "S37 when the last attempt ends without a delete the message is in the dead-letter queue in that entry") {
  WithDeadLetter shard(receives(2));
  const MessageId id = shard.send(shard.queue, "x");
  shard.nack(shard.queue, shard.receive_one(shard.queue).lease);
  CHECK(shard.counters(shard.queue).ready == 1);
  shard.nack(shard.queue, shard.receive_one(shard.queue).lease, 1h, "boom");
  CHECK(shard.counters(shard.queue).live() == 0);
  CHECK(shard.counters(shard.queue).dead_lettered == 1);
  CHECK(shard.counters(shard.dead).arrived == 1);
  CHECK(shard.ready(shard.dead));
  CHECK(shard.events(EventKind::dead_lettered, shard.queue) == 1);
  CHECK(shard.receive_one(shard.dead).id == id);
}

TEST_CASE("S37 a lease that lapses at its last attempt dead-letters in the sweep") {
  WithDeadLetter shard(receives(1));
  shard.send(shard.queue, "x");
  shard.receive_one(shard.queue);
  shard.tick(30s);
  CHECK(shard.counters(shard.dead).ready == 1);
  CHECK(shard.events(EventKind::lease_lapsed, shard.queue) == 1);
}

TEST_CASE("S37 a delete after the end of the last attempt finds the message gone from the queue") {
  WithDeadLetter shard(receives(1));
  shard.send(shard.queue, "x");
  const Grant grant = shard.receive_one(shard.queue);
  shard.pass(30s);
  CHECK(shard.erase(shard.queue, grant.lease).already_gone);
  CHECK(shard.counters(shard.dead).ready == 1);
}

TEST_CASE("S37 without a dead-letter queue the message is parked, and a receive does not get it") {
  OneQueue shard(receives(1));
  const MessageId id = shard.send("x");
  shard.nack(shard.queue, shard.receive_one(shard.queue).lease, 1h, "why");
  CHECK(shard.events(EventKind::parked, shard.queue) == 1);
  CHECK(shard.counters(shard.queue).parked == 1);
  CHECK(shard.receive(shard.queue).empty());
  const MessageInfo info = shard.get(shard.queue, id).value();
  CHECK(info.state == MessageState::parked);
  CHECK(info.note.cause == Cause::attempts);
  CHECK(info.note.attempts == 1);
  CHECK(info.note.last_error == "why");
}

TEST_CASE("S41 a dead-letter queue that this shard does not have is another shard's") {
  Shard shard;
  shard.make(7, receives(1), 1234);
  shard.send(QueueId{7}, "x");
  shard.nack(QueueId{7}, shard.receive_one(QueueId{7}).lease);
  CHECK(shard.counters(QueueId{7}).moving == 1);
}

TEST_CASE("S37 a release never dead-letters") {
  WithDeadLetter shard(receives(1));
  shard.send(shard.queue, "x");
  for (int i = 0; i < 5; ++i) shard.release(shard.queue, shard.receive_one(shard.queue).lease);
  CHECK(shard.counters(shard.queue).ready == 1);
  CHECK(shard.counters(shard.dead).live() == 0);
}

TEST_CASE(
    "S38 in the dead-letter queue a message keeps id, body, first send time and attempt, and gains a note") {
  WithDeadLetter shard(receives(2));
  const WallTime sent = shard.now.wall;
  const MessageId id = shard.send(shard.queue, "body");
  shard.pass(1s);
  shard.nack(shard.queue, shard.receive_one(shard.queue).lease, 0ms, "first");
  shard.nack(shard.queue, shard.receive_one(shard.queue).lease, 0ms, "second");
  const WallTime died = shard.now.wall;
  shard.pass(1s);
  const MessageInfo info = shard.get(shard.dead, id).value();
  CHECK(info.arrived == died);
  CHECK(info.receive_count == 0);
  const Grant grant = shard.receive_one(shard.dead);
  CHECK(grant.id == id);
  CHECK(body_of(grant) == "body");
  CHECK(grant.first_sent == sent);
  CHECK(grant.lease.attempt == 3);
  CHECK(grant.receive_count == 1);
  CHECK(grant.source == shard.queue);
  const NoteRow note = note_of(grant);
  CHECK(note.cause == Cause::attempts);
  CHECK(note.last_error == "second");
  CHECK(note.source == shard.queue);
  CHECK(note.source_name == "q7");
  CHECK(note.origin == shard.queue);
  CHECK(note.origin_name == "q7");
  CHECK(note.attempts == 2);
  CHECK(note.dead_lettered_at == died);
}

TEST_CASE("S38 reject dead-letters at once with its reason") {
  WithDeadLetter shard;
  shard.send(shard.queue, "x");
  shard.reject(shard.queue, shard.receive_one(shard.queue).lease, "bad input");
  const NoteRow note = note_of(shard.receive_one(shard.dead));
  CHECK(note.cause == Cause::rejected);
  CHECK(note.last_error == "bad input");
  CHECK(note.attempts == 1);
}

TEST_CASE("S32 reject after the lease ended, not leased again, still dead-letters") {
  WithDeadLetter shard;
  shard.send(shard.queue, "x");
  const Grant grant = shard.receive_one(shard.queue);
  shard.tick(30s);
  CHECK(shard.reject(shard.queue, grant.lease).code == errc::ok);
  CHECK(shard.counters(shard.dead).ready == 1);
}

TEST_CASE("reject without a dead-letter queue parks the message") {
  OneQueue shard;
  const MessageId id = shard.send("x");
  shard.reject(shard.queue, shard.receive_one(shard.queue).lease, "why");
  const MessageInfo info = shard.get(shard.queue, id).value();
  CHECK(info.state == MessageState::parked);
  CHECK(info.note.cause == Cause::rejected);
}

TEST_CASE("S38 dead-lettering bypasses the dead-letter queue's depth and size limits and is counted there") {
  QueueOptions small;
  small.max_messages = 0;
  small.max_message_size = 1;
  WithDeadLetter shard(receives(1), small);
  shard.send(shard.queue, "longer than one byte");
  shard.nack(shard.queue, shard.receive_one(shard.queue).lease);
  CHECK(shard.counters(shard.dead).ready == 1);
  CHECK(shard.counters(shard.dead).bytes == 20);
  CHECK(shard.send_batch(shard.dead, {shard.item("")}).items[0].code == errc::queue_full);
}

TEST_CASE("S38 time-to-live does not run in the dead-letter queue, retention counts from arrival there") {
  QueueOptions dead_options;
  dead_options.retention = 10s;
  WithDeadLetter shard(receives(1), dead_options);
  const MessageId id = shard.send_expiring(shard.queue, "x", 20s);
  shard.pass(19s);
  shard.nack(shard.queue, shard.receive_one(shard.queue).lease);
  CHECK(shard.get(shard.dead, id).value().expires == WallTime{});
  shard.tick(9'999ms);
  CHECK(shard.counters(shard.dead).ready == 1);
  shard.tick(1ms);
  CHECK(shard.counters(shard.dead).expired == 1);
}

TEST_CASE("S72 source is the queue that dead-lettered last, origin the first") {
  Shard shard;
  shard.make(3);
  shard.make(2, receives(1), 3);
  shard.make(1, receives(1), 2);
  const MessageId id = shard.send(QueueId{1}, "x");
  shard.nack(QueueId{1}, shard.receive_one(QueueId{1}).lease, 0ms, "one");
  shard.nack(QueueId{2}, shard.receive_one(QueueId{2}).lease, 0ms, "two");
  const Grant grant = shard.receive_one(QueueId{3});
  CHECK(grant.id == id);
  CHECK(grant.lease.attempt == 3);
  const NoteRow note = note_of(grant);
  CHECK(note.source == QueueId{2});
  CHECK(note.origin == QueueId{1});
  CHECK(note.last_error == "two");
  CHECK(shard.get(QueueId{2}, id).error() == errc::message_not_found);
  shard.erase(QueueId{3}, grant.lease);
  CHECK(shard.tables.rows<ForeignRow>().empty());
  CHECK(shard.tables.payloads().empty());
}

TEST_CASE("S73 a message sent straight to a dead-letter queue has no source") {
  WithDeadLetter shard;
  shard.send(shard.dead, "x");
  const Grant grant = shard.receive_one(shard.dead);
  CHECK(grant.source == QueueId{0});
  CHECK(grant.note.empty());
}

TEST_CASE("a receipt of the source never settles the message in the dead-letter queue") {
  WithDeadLetter shard(receives(1));
  shard.send(shard.queue, "x");
  const Grant grant = shard.receive_one(shard.queue);
  shard.nack(shard.queue, grant.lease);
  CHECK(shard.erase(shard.dead, grant.lease).code == errc::ok);  // same place and attempt: never leased there
  CHECK(shard.counters(shard.queue).dead_lettered == 1);
}

TEST_CASE("S67 kick makes parked messages ready with receive count 0, in their own place") {
  OneQueue shard(receives(1));
  const MessageId a = shard.send("a");
  shard.send("b");
  const auto grants = shard.receive(shard.queue, 2);
  shard.nack(shard.queue, grants[0].lease);
  shard.release(shard.queue, grants[1].lease);
  const Reply reply = shard.apply(Kick{shard.queue, {&a, 1}, 0});
  CHECK(reply.items.at(0).code == errc::ok);
  CHECK(reply.count == 1);
  CHECK(shard.ready(shard.queue));
  const auto again = shard.receive(shard.queue, 2);
  CHECK(bodies(again) == std::vector<std::string>{"a", "b"});
  CHECK(again[0].receive_count == 1);
  CHECK(again[0].lease.attempt == 2);
}

TEST_CASE("S67 kick by id says what is not parked") {
  WithDeadLetter shard(receives(1));
  const MessageId leased = shard.send(shard.queue, "leased");
  const MessageId moved = shard.send(shard.queue, "moved");
  shard.receive_one(shard.queue);
  shard.nack(shard.queue, shard.receive_one(shard.queue).lease);
  const MessageId ready = shard.send(shard.queue, "ready");
  const std::vector<MessageId> ids{
      leased, moved, ready, {shard.queue, Sequence::make(4, 77)}, {QueueId{55}, {}}};
  const Reply reply = shard.apply(Kick{shard.queue, ids, 0});
  CHECK(reply.items.at(0).code == errc::lease_held);
  CHECK(reply.items.at(1).code == errc::message_not_found);
  CHECK(reply.items.at(2).code == errc::ok);
  CHECK(reply.items.at(3).code == errc::message_not_found);
  CHECK(reply.items.at(4).code == errc::message_not_found);
  CHECK(reply.count == 0);
}

TEST_CASE("S67 kick of up to n messages takes them from the front") {
  OneQueue shard(receives(1));
  for (const char* body : {"a", "b", "c"}) shard.send(body);
  for (const Grant& grant : shard.receive(shard.queue, 3)) shard.nack(shard.queue, grant.lease);
  CHECK(shard.apply(Kick{shard.queue, {}, 0}).count == 0);
  CHECK(shard.apply(Kick{shard.queue, {}, 2}).count == 2);
  CHECK(bodies(shard.receive(shard.queue, 9)) == std::vector<std::string>{"a", "b"});
  CHECK(shard.apply(Kick{shard.queue, {}, 1'000'000}).count == 1);
  CHECK(bodies(shard.receive(shard.queue, 9)) == std::vector<std::string>{"c"});
}

TEST_CASE("S67 a dead-lettered message that was parked is kicked by its own id") {
  WithDeadLetter shard(receives(1), receives(1));
  const MessageId id = shard.send(shard.queue, "x");
  shard.nack(shard.queue, shard.receive_one(shard.queue).lease);
  shard.nack(shard.dead, shard.receive_one(shard.dead).lease);
  CHECK(shard.counters(shard.dead).parked == 1);
  CHECK(shard.apply(Kick{shard.dead, {&id, 1}, 0}).count == 1);
  CHECK(shard.receive_one(shard.dead).id == id);
}

TEST_CASE("a kick of 1,001 ids is batch_too_large") {
  OneQueue shard;
  std::vector<MessageId> ids(limits::batch_max, MessageId{shard.queue, Sequence::make(4, 1)});
  CHECK(shard.apply(Kick{shard.queue, ids, 0}).items.size() == limits::batch_max);
  ids.push_back(ids.front());
  CHECK(shard.apply(Kick{shard.queue, ids, 0}).code == errc::batch_too_large);
}

TEST_CASE("S68 lowering max_receives ends no attempt, a ready message above it gets one more") {
  WithDeadLetter shard(receives(10));
  shard.send(shard.queue, "ready");
  shard.send(shard.queue, "leased");
  for (int i = 0; i < 3; ++i) {
    for (const Grant& grant : shard.receive(shard.queue, 2)) shard.nack(shard.queue, grant.lease);
  }
  const auto grants = shard.receive(shard.queue, 2);
  shard.nack(shard.queue, grants[0].lease);
  shard.config.options.max_receives = 2;
  ++shard.config.version;
  shard.configure(shard.config);
  CHECK(shard.counters(shard.queue).in_flight == 1);
  const Grant more = shard.receive_one(shard.queue);
  CHECK(more.receive_count == 5);
  shard.nack(shard.queue, more.lease);
  CHECK(shard.counters(shard.dead).ready == 1);
  shard.tick(30s);
  CHECK(shard.counters(shard.dead).ready == 2);
}

TEST_CASE("S68 raising max_receives un-parks nothing") {
  OneQueue shard(receives(1));
  shard.send("x");
  shard.nack(shard.queue, shard.receive_one(shard.queue).lease);
  shard.config.options.max_receives = 100;
  ++shard.config.version;
  shard.configure(shard.config);
  CHECK(shard.counters(shard.queue).parked == 1);
  CHECK(shard.receive(shard.queue).empty());
}

TEST_CASE("S9 a dead-letter queue set later counts from when an attempt next ends") {
  Shard shard;
  shard.make(9);
  QueueConfig config = shard.make(7, receives(1));
  shard.send(QueueId{7}, "x");
  const Grant grant = shard.receive_one(QueueId{7});
  config.dead_letter = QueueId{9};
  ++config.version;
  shard.configure(config);
  shard.nack(QueueId{7}, grant.lease);
  CHECK(shard.counters(QueueId{9}).ready == 1);
}

TEST_CASE("max_receives at its bound counts to the last attempt, 0 is no limit") {
  WithDeadLetter shard(receives(0));
  shard.send(shard.queue, "x");
  for (int i = 0; i < 50; ++i) shard.nack(shard.queue, shard.receive_one(shard.queue).lease);
  CHECK(shard.counters(shard.queue).ready == 1);
}

}  // namespace
}  // namespace peerq::test
