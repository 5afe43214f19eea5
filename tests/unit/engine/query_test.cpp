// Peek, list, get by id, facts: S28; age of the oldest message.

#include "engine_fixture.hpp"

namespace peerq::test {
namespace {

/// Every page of a request, one after the other.
std::vector<MessageInfo> all_pages(Shard& shard, PageRequest request) {
  std::vector<MessageInfo> out;
  for (int pages = 0; pages < 10'000; ++pages) {
    MessagePage page = shard.engine().page(request, shard.now).value();
    CHECK(page.messages.size() <= request.max_messages);
    CHECK(page.applied == shard.index);
    for (MessageInfo& info : page.messages) out.push_back(std::move(info));
    if (!page.next) return out;
    request.after = *page.next;
  }
  FAIL("endless pages");
  return out;
}

std::vector<std::string> texts(const std::vector<MessageInfo>& infos) {
  std::vector<std::string> out;
  for (const MessageInfo& info : infos) out.emplace_back(as_text(info.payload.bytes.bytes()));
  return out;
}

/// One message in every state: a returned, b leased, c delayed, d parked, e and f fresh.
struct Mixed : OneQueue {
  Mixed() : OneQueue(options()) {
    for (const char* body : {"a", "b"}) ids[body] = send(body);
    const auto grants = receive(queue, 2);
    release(queue, grants[0].lease);
    ids["c"] = send_delayed(queue, "c", 1h);
    ids["d"] = send("d");
    for (const Grant& grant : receive(queue, 2)) {
      if (body_of(grant) == "a") {
        release(queue, grant.lease);
      } else {
        nack(queue, grant.lease);
      }
    }
    for (const char* body : {"e", "f"}) ids[body] = send(body);
  }
  static QueueOptions options() {
    QueueOptions out;
    out.max_receives = 1;
    return out;
  }
  std::map<std::string, MessageId> ids;
};

TEST_CASE("S28 peek shows what would be handed out next, in order, without a lease or a count") {
  Mixed shard;
  const std::string before = shard.tables.dump();
  for (const std::size_t page_size : {std::size_t{1}, std::size_t{2}, std::size_t{100}}) {
    PageRequest request;
    request.queue = shard.queue;
    request.deliverable_only = true;
    request.max_messages = page_size;
    CHECK(texts(all_pages(shard, request)) == std::vector<std::string>{"a", "e", "f"});
  }
  CHECK(shard.tables.dump() == before);
  CHECK(bodies(shard.receive(shard.queue, 9)) == std::vector<std::string>{"a", "e", "f"});
}

TEST_CASE("S28 peek shows groups' messages as they were sent, held or not, before those without a group") {
  OneQueue shard({.type = QueueType::fifo});
  const auto put = [&](Shard& to, std::string_view body, std::string_view group, std::uint8_t priority) {
    SendItem one = to.item(body);
    one.group_id = as_bytes(group);
    one.priority = priority;
    REQUIRE(to.send_batch(shard.queue, {one}).items.at(0).code == errc::ok);
  };
  const auto peek = [&](Shard& at) {
    PageRequest request;
    request.queue = shard.queue;
    request.deliverable_only = true;
    return texts(all_pages(at, request));
  };
  for (const char* body : {"1", "2"}) put(shard, body, "a", 1);
  put(shard, "3", "b", 9);
  CHECK(peek(shard) == std::vector<std::string>{"1", "2", "3"});
  CHECK(body_of(shard.receive_one(shard.queue)) == "3");
  CHECK(body_of(shard.receive_one(shard.queue)) == "1");
  CHECK(peek(shard) == std::vector<std::string>{"2"});
  OneQueue standard;
  put(standard, "low", "", 1);
  put(standard, "high", "", 9);
  put(standard, "grouped", "a", 0);
  CHECK(peek(standard) == std::vector<std::string>{"grouped", "high", "low"});
}

TEST_CASE("S28 a list shows every state by sequence, or one of them") {
  Mixed shard;
  const auto listed = [&](std::optional<MessageState> state, std::size_t page_size = 2) {
    PageRequest request;
    request.queue = shard.queue;
    request.state = state;
    request.max_messages = page_size;
    return texts(all_pages(shard, request));
  };
  CHECK(listed(std::nullopt) == std::vector<std::string>{"a", "b", "c", "d", "e", "f"});
  CHECK(listed(std::nullopt, 1'000) == std::vector<std::string>{"a", "b", "c", "d", "e", "f"});
  CHECK(listed(MessageState::ready) == std::vector<std::string>{"a", "e", "f"});
  CHECK(listed(MessageState::fresh) == std::vector<std::string>{"a", "e", "f"});
  CHECK(listed(MessageState::in_flight) == std::vector<std::string>{"b"});
  CHECK(listed(MessageState::delayed) == std::vector<std::string>{"c"});
  CHECK(listed(MessageState::parked) == std::vector<std::string>{"d"});
}

TEST_CASE("S28 get by id tells a message's state") {
  Mixed shard;
  shard.pass(10s);
  CHECK(shard.get(shard.queue, shard.ids["a"]).value().state == MessageState::ready);
  const MessageInfo leased = shard.get(shard.queue, shard.ids["b"]).value();
  CHECK(leased.state == MessageState::in_flight);
  CHECK(leased.lease_left_ms == 20'000);
  CHECK(leased.attempt == 1);
  CHECK(leased.receive_count == 1);
  const MessageInfo delayed = shard.get(shard.queue, shard.ids["c"]).value();
  CHECK(delayed.due == shard.now.wall + (1h - 10s));
  CHECK(shard.get(shard.queue, shard.ids["d"]).value().note.cause == Cause::attempts);
  const MessageInfo fresh = shard.get(shard.queue, shard.ids["e"]).value();
  CHECK(fresh.counted_bytes == 1);
  CHECK(as_text(fresh.payload.bytes.bytes()) == "e");
  CHECK(shard.get(shard.queue, {shard.queue, Sequence::make(4, 99)}).error() == errc::message_not_found);
  CHECK(shard.get(shard.queue, {shard.queue, Sequence{~std::uint64_t{0}}}).error() ==
        errc::message_not_found);
  CHECK(shard.get(shard.queue, {QueueId{1}, Sequence::make(4, 1)}).error() == errc::message_not_found);
  CHECK(shard.get(QueueId{1}, shard.ids["a"]).error() == errc::queue_not_found);
}

TEST_CASE("S28 a page without payloads reads none; 1,000 messages a page are taken, 0 and 1,001 refused") {
  Mixed shard;
  PageRequest request;
  request.queue = shard.queue;
  request.with_payload = false;
  for (const MessageInfo& info : all_pages(shard, request)) CHECK(info.payload.bytes.empty());
  for (const auto& [size, good] : {std::pair{0, false}, {1, true}, {1'000, true}, {1'001, false}}) {
    request.max_messages = static_cast<std::size_t>(size);
    CHECK(shard.engine().page(request, shard.now).has_value() == good);
  }
  request.queue = QueueId{99};
  request.max_messages = 1;
  CHECK(shard.engine().page(request, shard.now).error() == errc::queue_not_found);
}

TEST_CASE("S28 a page that filters much is short, and its end says where to go on") {
  OneQueue shard;
  std::vector<SendItem> delayed(1'000, shard.item("later"));
  for (SendItem& item : delayed) item.due = WallTime{-3'600'000};
  for (int i = 0; i < 2; ++i) shard.send_batch(shard.queue, delayed);
  shard.send("ready");
  for (const bool deliverable : {true, false}) {
    PageRequest request;
    request.queue = shard.queue;
    request.deliverable_only = deliverable;
    request.state = MessageState::ready;
    const MessagePage first = shard.engine().page(request, shard.now).value();
    CHECK(first.messages.empty());
    CHECK(first.next.has_value());
    CHECK(texts(all_pages(shard, request)) == std::vector<std::string>{"ready"});
  }
}

TEST_CASE("S28 a page continues after any place, even one that never was") {
  Mixed shard;
  PageRequest request;
  request.queue = shard.queue;
  for (const bool deliverable : {true, false}) {
    request.deliverable_only = deliverable;
    for (const Sequence after : {Sequence::make(4, 4), Sequence::make(3, 1), Sequence::make(4, 1'000'000),
                                 Sequence::make(9, 1), Sequence{~std::uint64_t{0}}}) {
      request.after = after;
      CHECK(all_pages(shard, request).size() <= 6);
    }
    request.after = Sequence::make(4, 4);
    CHECK(texts(all_pages(shard, request)) == std::vector<std::string>{"e", "f"});
  }
}

TEST_CASE("S3 a message past its time is not there for queries, whether or not the sweep came by") {
  OneQueue shard;
  const MessageId id = shard.send_expiring(shard.queue, "x", 5s);
  shard.pass(5s);
  CHECK(shard.get(shard.queue, id).error() == errc::message_not_found);
  PageRequest request;
  request.queue = shard.queue;
  CHECK(all_pages(shard, request).empty());
  request.deliverable_only = true;
  CHECK(all_pages(shard, request).empty());
}

TEST_CASE("the oldest message is the oldest ready one, else the oldest live one") {
  OneQueue shard;
  const auto oldest = [&] { return shard.engine().facts(shard.queue, shard.now).value().oldest; };
  CHECK_FALSE(oldest().has_value());
  const WallTime start = shard.now.wall;
  shard.send("a");
  shard.pass(1s);
  shard.send("b");
  shard.pass(1s);
  CHECK(oldest() == start);
  const auto first = shard.receive_one(shard.queue);
  CHECK(oldest() == start + 1s);
  shard.receive_one(shard.queue);
  CHECK(oldest() == start);  // nothing is ready
  shard.release(shard.queue, first.lease);
  shard.send("c");
  CHECK(oldest() == start);
  CHECK(shard.engine().facts(QueueId{99}, shard.now).error() == errc::queue_not_found);
}

}  // namespace
}  // namespace peerq::test
