// Deduplication and overflow: S15, S17 as far as the engine decides.

#include "engine_fixture.hpp"

namespace peerq::test {
namespace {

class Full : public Shard {
 public:
  explicit Full(QueueOptions options = {}, std::uint64_t dead_letter = 0)
      : config(make(1, std::move(options), dead_letter)) {}

  ItemReply put(std::string_view body, std::string_view id, std::uint8_t priority = 4,
                std::string_view group = {}) {
    SendItem one = item(body);
    one.deduplication_id = as_bytes(id);
    one.priority = priority;
    one.group_id = as_bytes(group);
    return send_batch(queue, {one}).items.at(0);
  }

  QueueId queue{1};
  QueueConfig config;
};

TEST_CASE("S17 inside the window a second send is a success with the first message's id") {
  Full shard;
  const ItemReply first = shard.put("x", "id");
  CHECK_FALSE(first.deduplicated);
  shard.erase(shard.queue, shard.receive_one(shard.queue).lease);
  shard.restart();
  shard.pass(5min - 1ms);
  const ItemReply second = shard.put("y", "id");
  CHECK(second.deduplicated);
  CHECK(second.id == first.id);
  CHECK(shard.counters(shard.queue).sent == 1);
  shard.pass(1ms);  // duplicates do not renew it
  CHECK_FALSE(shard.put("z", "id").deduplicated);
  shard.apply(Purge{shard.queue});
  CHECK(shard.put("z", "id").deduplicated);
  CHECK(shard.tables.rows<DeduplicationRow>().size() == 1);
}

TEST_CASE("S17 cancel forgets the id; a refused send records nothing; a duplicate comes before queue_full") {
  Full shard({.max_messages = 1});
  const ItemReply first = shard.put("x", "id");
  CHECK(shard.put("y", "other").code == errc::queue_full);
  CHECK(shard.put("x", "id").deduplicated);
  shard.apply(Cancel{shard.queue, {&first.id, 1}});
  CHECK_FALSE(shard.put("x", "id").deduplicated);
  shard.erase(shard.queue, shard.receive_one(shard.queue).lease);
  CHECK(shard.put("y", "other").code == errc::ok);
  CHECK_FALSE(shard.put("y", "id").code == errc::queue_full);
}

TEST_CASE("S17 ids past their window are removed, and with the queue all of them") {
  Full shard;
  for (int i = 0; i < 100; ++i) shard.put("x", std::to_string(i));
  shard.tick(5min);
  shard.put("x", "new");
  CHECK(shard.tables.rows<DeduplicationRow>().size() == 1);
  shard.configure(shard.config, true);
  for (int i = 0; i < 5; ++i) shard.tick();
  CHECK(shard.tables.rows<DeduplicationRow>().empty());
  CHECK(shard.tables.rows<DeduplicationEndRow>().empty());
  CHECK(shard.tables.rows<MessageDeduplicationRow>().empty());
}

TEST_CASE("S14 an atomic batch needs no room for duplicates; in FIFO what follows a failed one fails") {
  Full shard({.max_messages = 2});
  shard.put("x", "1");
  std::vector<SendItem> batch{shard.item("a"), shard.item("b"), shard.item("c")};
  batch[0].deduplication_id = as_bytes("1");
  batch[1].deduplication_id = as_bytes("2");
  batch[2].deduplication_id = as_bytes("2");
  const Reply reply = shard.send_batch(shard.queue, batch, true);
  CHECK(reply.code == errc::ok);
  CHECK(reply.items.at(2).deduplicated);
  CHECK(reply.items.at(2).id == reply.items.at(1).id);

  Full fifo({.type = QueueType::fifo, .max_message_size = 5});
  std::vector<SendItem> groups{fifo.item("1"), fifo.item("too long"), fifo.item("2"), fifo.item("3")};
  for (const std::size_t i : {0, 1, 3}) groups[i].group_id = as_bytes("a");
  groups[2].group_id = as_bytes("b");
  const Reply sent = fifo.send_batch(fifo.queue, groups);
  CHECK(sent.items.at(0).code == errc::ok);
  CHECK(sent.items.at(1).code == errc::message_too_large);
  CHECK(sent.items.at(2).code == errc::ok);
  CHECK(sent.items.at(3).code == errc::message_too_large);
}

TEST_CASE("S15 drop_oldest takes the oldest of the lowest priority, never a higher one than the newcomer") {
  Full shard({.max_messages = 3, .overflow = Overflow::drop_oldest});
  const MessageId low = shard.put("low", "", 2).id;
  const MessageId high = shard.put("high", "", 8).id;
  shard.put("grouped", "", 5, "a");
  CHECK(shard.put("new", "", 5).code == errc::ok);
  CHECK(shard.get(shard.queue, low).error() == errc::message_not_found);
  CHECK(shard.counters(shard.queue).dropped == 1);
  CHECK(shard.put("newer", "", 5).code == errc::ok);  // the grouped one went
  CHECK(shard.put("newest", "", 5).code == errc::ok);
  CHECK(shard.get(shard.queue, high));
  CHECK(shard.put("x", "", 1).code == errc::queue_full);
  CHECK(shard.receive(shard.queue, 3).size() == 3);
  CHECK(shard.put("x", "", 9).code == errc::queue_full);  // all in flight
}

TEST_CASE(
    "S15 what is dropped goes to the dead-letter queue with the reason overflow, at most 16 for one send") {
  Full shard({.max_messages = 20, .overflow = Overflow::drop_oldest}, 2);
  shard.make(2);
  for (int i = 0; i < 20; ++i) shard.put("x", "");
  std::vector<SendItem> many(17, shard.item("y"));
  CHECK(shard.send_batch(shard.queue, many, true).code == errc::queue_full);
  CHECK(shard.counters(shard.queue).ready == 20);
  many.pop_back();
  CHECK(shard.send_batch(shard.queue, many, true).code == errc::ok);
  CHECK(shard.counters(QueueId{2}).ready == 16);
  CHECK(shard.counters(shard.queue).dead_lettered == 16);
}

TEST_CASE(
    "S15 of those that came at the same time the ones without a group are dropped first, then as sent") {
  Full shard({.max_messages = 4, .overflow = Overflow::drop_oldest});
  const MessageId a = shard.put("a", "", 4, "g").id;
  const MessageId b = shard.put("b", "", 4, "h").id;
  const MessageId c = shard.put("c", "").id;
  const MessageId d = shard.put("d", "").id;
  shard.pass(1ms);
  std::size_t left = 4;
  for (const MessageId gone : {c, d, a, b}) {
    CHECK(shard.get(shard.queue, gone));
    CHECK(shard.put("x", "").code == errc::ok);
    CHECK_FALSE(shard.get(shard.queue, gone));
    --left;
    std::size_t there = 0;
    for (const MessageId id : {a, b, c, d}) there += shard.get(shard.queue, id) ? 1 : 0;
    CHECK(there == left);
  }
}

TEST_CASE("S15 drop_oldest looks at 256 messages of a level and kind, and no further") {
  for (const int others : {255, 256}) {
    Full shard({.max_messages = 300, .overflow = Overflow::drop_oldest});
    for (int i = 0; i < others; ++i) shard.put("in flight", "");
    while (!shard.receive(shard.queue, 1'000).empty()) {
    }
    for (int i = others; i < 300; ++i) shard.put("ready", "");
    CHECK(shard.put("new", "").code == (others == 255 ? errc::ok : errc::queue_full));
  }
}

}  // namespace
}  // namespace peerq::test
