// Send: S12-S16, S60, S62 as far as the engine decides.

#include <catch2/generators/catch_generators.hpp>

#include "engine_fixture.hpp"

namespace peerq::test {
namespace {

TEST_CASE("a sent message is ready and can be received with its body, id and first send time") {
  OneQueue shard;
  const MessageId id = shard.send("hello");
  CHECK(id.incarnation == shard.queue);
  CHECK(shard.ready(shard.queue));
  CHECK(shard.counters(shard.queue).ready == 1);
  CHECK(shard.counters(shard.queue).bytes == 5);
  const WallTime sent = shard.now.wall;
  shard.pass(5s);
  const Grant grant = shard.receive_one(shard.queue);
  CHECK(body_of(grant) == "hello");
  CHECK(grant.id == id);
  CHECK(grant.first_sent == sent);
}

TEST_CASE(
    "S13 an empty body and one of exactly max_message_size are taken, one byte more is message_too_large") {
  QueueOptions options;
  options.max_message_size = 4;
  OneQueue shard(options);
  const Reply reply =
      shard.send_batch(shard.queue, {shard.item(""), shard.item("1234"), shard.item("12345")});
  CHECK(reply.code == errc::ok);
  CHECK(reply.items[0].code == errc::ok);
  CHECK(reply.items[1].code == errc::ok);
  CHECK(reply.items[2].code == errc::message_too_large);
  CHECK(reply.detail == "max_message_size is 4 bytes");
  CHECK(bodies(shard.receive(shard.queue, 10)) == std::vector<std::string>{"", "1234"});
}

TEST_CASE("S14 a batch keeps its order and gives a result per entry") {
  QueueOptions options;
  options.max_message_size = 2;
  OneQueue shard(options);
  const Reply reply =
      shard.send_batch(shard.queue, {shard.item("a"), shard.item("bbb"), shard.item("c"), shard.item("d")});
  REQUIRE(reply.items.size() == 4);
  CHECK(reply.items[1].code == errc::message_too_large);
  CHECK(reply.items[0].id.sequence < reply.items[2].id.sequence);
  CHECK(bodies(shard.receive(shard.queue, 10)) == std::vector<std::string>{"a", "c", "d"});
}

TEST_CASE("S14 a batch of nothing is invalid_argument, 1,000 entries are taken, 1,001 are batch_too_large") {
  OneQueue shard;
  CHECK(shard.send_batch(shard.queue, {}).code == errc::invalid_argument);
  std::vector<SendItem> items(limits::send_entries_max, shard.item("x"));
  CHECK(shard.send_batch(shard.queue, items).code == errc::ok);
  CHECK(shard.counters(shard.queue).ready == limits::send_entries_max);
  items.push_back(shard.item("x"));
  CHECK(shard.send_batch(shard.queue, items).code == errc::batch_too_large);
  CHECK(shard.counters(shard.queue).ready == limits::send_entries_max);
}

TEST_CASE("S14 an atomic batch with one bad entry sends nothing and says why") {
  QueueOptions options;
  options.max_message_size = 2;
  OneQueue shard(options);
  const Reply reply = shard.send_batch(shard.queue, {shard.item("a"), shard.item("bbb")}, true);
  CHECK(reply.code == errc::message_too_large);
  CHECK(reply.detail == "max_message_size is 2 bytes");
  CHECK(reply.items.empty());
  CHECK(shard.counters(shard.queue) == QueueRow{});
  CHECK(shard.send_batch(shard.queue, {shard.item("a"), shard.item("bb")}, true).items.size() == 2);
}

TEST_CASE("S15 max_messages counts ready, delayed, in flight and parked messages and is exact") {
  QueueOptions options;
  options.max_messages = 4;
  options.max_receives = 1;
  OneQueue shard(options);
  shard.send("parked");
  shard.nack(shard.queue, shard.receive_one(shard.queue).lease);
  shard.send("in flight");
  shard.receive_one(shard.queue);
  shard.send_delayed(shard.queue, "delayed", 1h);
  shard.send("ready");
  const QueueRow row = shard.counters(shard.queue);
  CHECK((row.parked == 1 && row.in_flight == 1 && row.delayed == 1 && row.ready == 1));
  const Reply full = shard.send_batch(shard.queue, {shard.item("x")});
  CHECK(full.items[0].code == errc::queue_full);
  CHECK(full.detail == "max_messages is 4");
  shard.erase(shard.queue, shard.receive_one(shard.queue).lease);
  CHECK(shard.send_batch(shard.queue, {shard.item("x")}).items[0].code == errc::ok);
}

TEST_CASE("S15 max_bytes is exact, and a smaller message of the same batch may still fit") {
  QueueOptions options;
  options.max_message_size = 10;
  options.max_bytes = 10;
  OneQueue shard(options);
  const Reply reply = shard.send_batch(
      shard.queue, {shard.item("1234567"), shard.item("1234"), shard.item("123"), shard.item("")});
  CHECK(reply.items[0].code == errc::ok);
  CHECK(reply.items[1].code == errc::queue_full);
  CHECK(reply.items[2].code == errc::ok);
  CHECK(reply.items[3].code == errc::ok);
  CHECK(reply.detail == "max_bytes is 10");
  CHECK(shard.send_batch(shard.queue, {shard.item("1")}).items[0].code == errc::queue_full);
}

TEST_CASE("S15 an atomic batch that does not fit as a whole sends nothing") {
  QueueOptions options;
  options.max_messages = 2;
  OneQueue shard(options);
  const std::vector<SendItem> three(3, shard.item("x"));
  CHECK(shard.send_batch(shard.queue, three, true).code == errc::queue_full);
  CHECK(shard.counters(shard.queue).ready == 0);
  const std::vector<SendItem> two(2, shard.item("x"));
  CHECK(shard.send_batch(shard.queue, two, true).code == errc::ok);
}

TEST_CASE("S15 a queue with max_messages 0 takes nothing") {
  QueueOptions options;
  options.max_messages = 0;
  OneQueue shard(options);
  CHECK(shard.send_batch(shard.queue, {shard.item("")}).items[0].code == errc::queue_full);
}

TEST_CASE("S16 a delayed message is not handed out before its due time and is ready at it") {
  OneQueue shard;
  const MessageId id = shard.send_delayed(shard.queue, "later", 10s);
  CHECK(shard.counters(shard.queue).delayed == 1);
  CHECK_FALSE(shard.ready(shard.queue));
  CHECK(shard.engine().next_due().wall == shard.now.wall + 10s);
  shard.pass(9'999ms);
  CHECK(shard.receive(shard.queue).empty());
  shard.pass(1ms);
  CHECK(shard.receive_one(shard.queue).id == id);
}

TEST_CASE("S3 S16 timers far ahead wait in buckets, and are exact all the same") {
  const auto delay = GENERATE(limits::far_due_span * 2 + 1ms, Milliseconds(24h), Milliseconds(24h * 400));
  OneQueue shard;
  const MessageId id = shard.send_delayed(shard.queue, "late", delay);
  shard.send_expiring(shard.queue, "gone", delay);
  shard.send_delayed(shard.queue, "soon", 1s);
  CHECK(shard.tables.rows<FarDueRow>().size() == 2);
  CHECK(shard.tables.rows<WallDueRow>().size() == 1);
  const WallTime due = shard.now.wall + delay;
  shard.restart();
  shard.tick(1s);
  CHECK(shard.receive_one(shard.queue).receive_count == 1);
  const Milliseconds before = FarDueRow::near_from(FarDueRow::bucket_of(due)) - shard.now.wall;
  CHECK(shard.engine().next_due().wall == shard.now.wall + before);
  shard.tick(before);
  CHECK(shard.tables.rows<FarDueRow>().empty());
  CHECK(shard.tables.rows<WallDueRow>().size() == 2);
  CHECK(shard.engine().next_due().wall == due);
  shard.tick(due - shard.now.wall - 1ms);
  CHECK(shard.get(shard.queue, id)->state == MessageState::delayed);
  shard.tick(1ms);
  CHECK(shard.get(shard.queue, id)->state == MessageState::ready);
  CHECK(shard.counters(shard.queue).expired == 1);
}

TEST_CASE("S3 after a jump of the clock what was far ahead falls due in its order, in slices") {
  OneQueue shard;
  shard.check_every_entry = false;
  for (int i = 0; i < 2'500; ++i)
    shard.send_delayed(shard.queue, std::to_string(i), Milliseconds(24h) - Milliseconds(i * 10'000));
  shard.tick(24h);
  CHECK(shard.effects.more_due);
  while (shard.effects.more_due) shard.tick();
  CHECK(shard.counters(shard.queue).ready == 2'500);
  CHECK(shard.tables.rows<FarDueRow>().empty());
  CHECK(shard.tables.rows<WallDueRow>().empty());
}

TEST_CASE("S8 S66 a message far ahead is cancelled, purged and reclaimed with its timers") {
  OneQueue shard;
  SendItem item = shard.item("x");
  item.due = shard.now.wall + 24h;
  item.time_to_live_ms = Milliseconds(48h).count();
  const MessageId id = shard.send_batch(shard.queue, {item}).items.at(0).id;
  shard.send_batch(shard.queue, {item});
  CHECK(shard.tables.rows<FarDueRow>().size() == 4);
  CHECK(shard.apply(Cancel{shard.queue, {&id, 1}}).items.at(0).code == errc::ok);
  CHECK(shard.tables.rows<FarDueRow>().size() == 2);
  shard.apply(Purge{shard.queue});
  shard.tick();
  CHECK(shard.tables.rows<FarDueRow>().empty());
  CHECK(shard.tables.payloads().empty());
}

TEST_CASE("S16 a due time in the past, or an explicit delay of nothing, means now") {
  QueueOptions options;
  options.delay = 1h;
  OneQueue shard(options);
  SendItem past = shard.item("past");
  past.due = WallTime{1};
  SendItem now = shard.item("now");
  now.due = shard.now.wall;
  shard.send_batch(shard.queue, {past, now});
  CHECK(bodies(shard.receive(shard.queue, 2)) == std::vector<std::string>{"past", "now"});
}

TEST_CASE("S16 a negative due time is a delay from the entry's wall stamp") {
  OneQueue shard;
  SendItem item = shard.item("relative");
  item.due = WallTime{-5'000};
  shard.send_batch(shard.queue, {item});
  CHECK(shard.engine().next_due().wall == shard.now.wall + 5s);
}

TEST_CASE("S16 a delay of 10 years is taken, one millisecond more is invalid_argument") {
  OneQueue shard;
  SendItem item = shard.item("x");
  item.due = shard.now.wall + limits::delay_max;
  CHECK(shard.send_batch(shard.queue, {item}).items[0].code == errc::ok);
  item.due = item.due + 1ms;
  CHECK(shard.send_batch(shard.queue, {item}).items[0].code == errc::invalid_argument);
  item.due = WallTime{-limits::delay_max.count()};
  CHECK(shard.send_batch(shard.queue, {item}).items[0].code == errc::ok);
  item.due = WallTime{-limits::delay_max.count() - 1};
  CHECK(shard.send_batch(shard.queue, {item}).items[0].code == errc::invalid_argument);
  item.due = WallTime{INT64_MIN};
  CHECK(shard.send_batch(shard.queue, {item}).items[0].code == errc::invalid_argument);
}

TEST_CASE("the queue's delay and time-to-live hold for a send that names none") {
  QueueOptions options;
  options.delay = 2s;
  options.time_to_live = 3s;
  OneQueue shard(options);
  const MessageId id = shard.send("x");
  const MessageInfo info = shard.get(shard.queue, id).value();
  CHECK(info.state == MessageState::delayed);
  CHECK(info.due == shard.now.wall + 2s);
  CHECK(info.expires == shard.now.wall + 5s);
  SendItem item = shard.item("y");
  item.due = WallTime{1};
  item.time_to_live_ms = -1;
  const MessageInfo plain = shard.get(shard.queue, shard.send_batch(shard.queue, {item}).items[0].id).value();
  CHECK(plain.state == MessageState::fresh);
  CHECK(plain.expires == WallTime{});
}

TEST_CASE("a time-to-live of 10 years is taken, more or a negative one is invalid_argument") {
  OneQueue shard;
  SendItem item = shard.item("x");
  for (const auto& [value, code] : {std::pair{limits::expiry_max.count(), errc::ok},
                                    {limits::expiry_max.count() + 1, errc::invalid_argument},
                                    {std::int64_t{-1}, errc::ok},
                                    {std::int64_t{-2}, errc::invalid_argument}}) {
    item.time_to_live_ms = value;
    CHECK(shard.send_batch(shard.queue, {item}).items[0].code == code);
  }
}

TEST_CASE("every command to an unknown queue gets queue_not_found") {
  Shard shard;
  const QueueId queue{99};
  const SendItem item = shard.item("x");
  const SettleItem settle{{Sequence::make(4, 1), 1}, -1, {}};
  CHECK(shard.apply(Send{queue, false, {&item, 1}}).code == errc::queue_not_found);
  CHECK(shard.apply(Receive{.queue = queue, .attempt_id = {}}).code == errc::queue_not_found);
  CHECK(shard.apply(Settle{queue, Verb::erase, {&settle, 1}}).code == errc::queue_not_found);
  CHECK(shard.apply(Kick{queue, {}, 1}).code == errc::queue_not_found);
  CHECK(shard.apply(Purge{queue}).code == errc::queue_not_found);
}

TEST_CASE("a payload inside the entry shares its bytes, one outside is copied") {
  OneQueue shard;
  auto [bytes, room] = SharedBytes::allocate(16);
  std::memcpy(room.data(), "0123456789abcdef", 16);
  SendItem inside;
  inside.payload = bytes.bytes().subspan(4, 6);
  inside.counted_bytes = 6;
  const std::vector<SendItem> items{inside, shard.item("out")};
  Command command;
  command.body = Send{shard.queue, false, items};
  EntryView entry;
  entry.header.stamps = shard.now;
  entry.commands = {&command, 1};
  entry.bytes = bytes;
  shard.engine().apply(shard.index = next(shard.index), entry, shard.effects);
  const auto grants = shard.receive(shard.queue, 2);
  CHECK(body_of(grants.at(0)) == "456789");
  CHECK(grants.at(0).payload.bytes.bytes().data() == bytes.bytes().data() + 4);
  CHECK(body_of(grants.at(1)) == "out");
}

}  // namespace
}  // namespace peerq::test
