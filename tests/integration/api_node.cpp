// The public API on a node of this process, on real files.

#include <catch2/catch_test_macros.hpp>
#include <thread>

#include "opened.hpp"
#include "peerq/peerq.hpp"

namespace peerq::test {
namespace {

using namespace std::chrono_literals;

TEST_CASE("api node: what is sent is received once, and deleted for good", "[api]") {
  Opened opened;
  auto queue = opened.node.create_queue("orders").value();
  const auto sent = queue.send("hello").value();
  auto deliveries = queue.receive({.max_messages = 10}).value();
  REQUIRE(deliveries.size() == 1);
  CHECK(deliveries[0].body() == "hello");
  CHECK(deliveries[0].id() == sent.id);
  CHECK(deliveries[0].receive_count() == 1);
  CHECK(queue.receive().value().empty());
  CHECK_FALSE(deliveries[0].erase().value().already_gone);
  CHECK(deliveries[0].erase().value().already_gone);
  const auto statistics = queue.statistics().value();
  CHECK(statistics.ready == 0);
  CHECK(statistics.in_flight == 0);
  CHECK(statistics.sent == 1);
  CHECK(statistics.deleted == 1);
}

TEST_CASE("api node: acknowledged messages, leases and receipts survive close and open (S12, S59)", "[api]") {
  Opened opened;
  auto queue = opened.node.create_queue("orders", {.max_receives = 3}).value();
  for (int i = 0; i < 100; ++i) REQUIRE(queue.send("message " + std::to_string(i)));
  auto leased = queue.receive({.max_messages = 10}).value();
  REQUIRE(leased.size() == 10);
  const std::string receipt = leased[3].receipt();
  opened.reopen();
  CHECK(leased[0].erase().error() == errc::closed);
  CHECK(leased[0].body() == "message 0");
  queue = opened.node.open_queue("orders").value();
  CHECK(queue.options().value().max_receives == 3);
  CHECK(queue.statistics().value().in_flight == 10);
  CHECK_FALSE(queue.erase(receipt).value().already_gone);
  auto rest = queue.receive({.max_messages = 1'000}).value();
  CHECK(rest.size() == 90);
  CHECK(rest.front().body() == "message 10");
}

TEST_CASE("api node: a node destroyed without close loses nothing acknowledged (S56)", "[api]") {
  TemporaryDirectory directory;
  const NodeOptions options{.data_dir = directory.inside("data")};
  {
    auto node = Node::open(options).value();
    auto queue = node.create_queue("orders").value();
    REQUIRE(queue.send("kept"));
  }
  auto node = Node::open(options).value();
  CHECK(node.open_queue("orders").value().receive().value().at(0).body() == "kept");
}

TEST_CASE("api node: a waiting receiver gets a message sent by another thread (S22)", "[api]") {
  Opened opened;
  for (const auto durability : {Durability::sync, Durability::interval, Durability::memory}) {
    auto queue =
        opened.node
            .create_queue("q" + std::to_string(static_cast<int>(durability)), {.durability = durability})
            .value();
    std::thread producer([&] {
      std::this_thread::sleep_for(50ms);
      REQUIRE(queue.send("late"));
    });
    const auto got = queue.receive({.wait = 10s}).value();
    producer.join();
    REQUIRE(got.size() == 1);
    CHECK(got[0].body() == "late");
    REQUIRE(got[0].erase());
  }
}

TEST_CASE("api node: an empty wait ends at its deadline with success (S22)", "[api]") {
  Opened opened;
  auto queue = opened.node.create_queue("orders").value();
  const auto begin = std::chrono::steady_clock::now();
  CHECK(queue.receive({.wait = 100ms}).value().empty());
  CHECK(std::chrono::steady_clock::now() - begin >= 100ms);
}

TEST_CASE("api node: a stop token ends a waiting receive with cancelled", "[api]") {
  Opened opened;
  auto queue = opened.node.create_queue("orders").value();
  std::stop_source stop;
  std::thread stopper([&] {
    std::this_thread::sleep_for(30ms);
    stop.request_stop();
  });
  CHECK(queue.receive({.wait = 10s, .stop = stop.get_token()}).error() == errc::cancelled);
  stopper.join();
  REQUIRE(queue.send("still there"));
  CHECK(queue.receive().value().size() == 1);
}

TEST_CASE("api node: an expired lease makes the message visible again, the old receipt is stale (S33)",
          "[api]") {
  Opened opened;
  auto queue = opened.node.create_queue("orders", {.visibility_timeout = 100ms}).value();
  REQUIRE(queue.send("again"));
  const auto first = queue.receive().value().at(0);
  const auto second = queue.receive({.wait = 10s}).value().at(0);
  CHECK(second.receive_count() == 2);
  CHECK(second.attempt() == 2);
  CHECK(first.erase().error() == errc::stale_receipt);
  CHECK(second.erase());
}

TEST_CASE(
    "api node: the last failed attempt moves the message to the dead-letter queue with its reason (S37, S38)",
    "[api]") {
  Opened opened;
  auto queue =
      opened.node.create_queue("orders", {.max_receives = 2, .dead_letter_queue = "orders.dead"}).value();
  auto dead = opened.node.open_queue("orders.dead").value();
  const auto id = queue.send("poison", {.attributes = {{"kind", "test"}}}).value().id;
  REQUIRE(queue.receive().value().at(0).nack({.delay = 0ms, .reason = "first"}));
  REQUIRE(queue.receive().value().at(0).nack({.delay = 0ms, .reason = "second"}));
  CHECK(queue.receive().value().empty());
  const auto got = dead.receive().value().at(0);
  CHECK(got.id() == id);
  CHECK(got.attributes() == Attributes{{"kind", "test"}});
  CHECK(got.failure().cause == FailureCause::attempts);
  CHECK(got.failure().last_error == "second");
  CHECK(got.failure().source == "orders");
  CHECK(got.failure().attempts == 2);
}

TEST_CASE("api node: a batch gives a result for each message; atomic is all or nothing (S14)", "[api]") {
  Opened opened;
  auto queue = opened.node.create_queue("orders", {.max_message_size = 10, .max_messages = 3}).value();
  const std::vector<Message> mixed{{"ok", {}}, {"much too large", {}}, {"fine", {}}};
  const auto results = queue.send(mixed).value();
  REQUIRE(results.size() == 3);
  CHECK(results[0]);
  CHECK(results[1].error() == errc::message_too_large);
  CHECK(results[2]);
  const std::vector<Message> two{{"a", {}}, {"b", {}}};
  const auto atomic = queue.send(two, {.atomic = true});
  REQUIRE_FALSE(atomic);
  CHECK(atomic.error() == errc::queue_full);
  CHECK(queue.statistics().value().ready == 2);
}

TEST_CASE("api node: a batch of deliveries is rejected with one reason", "[api]") {
  Opened opened;
  auto queue = opened.node.create_queue("orders", {.dead_letter_queue = "dead"}).value();
  REQUIRE(queue.send("a"));
  REQUIRE(queue.send("b"));
  const auto results = queue.reject(queue.receive({.max_messages = 2}).value(), "both bad").value();
  REQUIRE(results.size() == 2);
  CHECK(results[0]);
  CHECK(results[1]);
  const auto dead = opened.node.open_queue("dead").value().peek(10).value();
  REQUIRE(dead.size() == 2);
  CHECK(dead[1].failure.last_error == "both bad");
}

TEST_CASE("api node: receive_and_delete hands out at most once (S69)", "[api]") {
  Opened opened;
  auto queue = opened.node.create_queue("orders").value();
  REQUIRE(queue.send("once"));
  const auto got = queue.receive_and_delete().value();
  REQUIRE(got.size() == 1);
  CHECK(got[0].body() == "once");
  CHECK(got[0].erase().value().already_gone);
  CHECK(queue.statistics().value().ready + queue.statistics().value().in_flight == 0);
}

TEST_CASE("api node: pause stops deliveries only and survives a restart (S10)", "[api]") {
  Opened opened;
  auto queue = opened.node.create_queue("orders").value();
  REQUIRE(queue.pause());
  REQUIRE(queue.send("waits"));
  CHECK(queue.receive().value().empty());
  CHECK(queue.statistics().value().paused);
  opened.reopen();
  queue = opened.node.open_queue("orders").value();
  CHECK(queue.receive().value().empty());
  REQUIRE(queue.resume());
  CHECK(queue.receive().value().size() == 1);
}

TEST_CASE("api node: a deleted queue's handles, waiters and receipts are dead; its name is free at once (S7)",
          "[api]") {
  Opened opened;
  auto queue = opened.node.create_queue("orders").value();
  REQUIRE(queue.send("old"));
  const auto delivery = queue.receive().value().at(0);
  std::thread waiter([&] { CHECK(queue.receive({.wait = 10s}).error() == errc::queue_deleted); });
  std::this_thread::sleep_for(50ms);
  REQUIRE(opened.node.delete_queue("orders"));
  waiter.join();
  CHECK(queue.send("x").error() == errc::queue_deleted);
  CHECK(delivery.erase().error() == errc::queue_deleted);
  auto again = opened.node.create_queue("orders").value();
  CHECK(again.receive().value().empty());
  CHECK(again.erase(delivery.receipt()).error() == errc::invalid_receipt);
}

TEST_CASE("api node: a memory queue is empty after a restart and keeps its name (S82)", "[api]") {
  Opened opened;
  auto queue = opened.node.create_queue("scratch", {.durability = Durability::memory}).value();
  REQUIRE(queue.send("gone"));
  const std::string receipt = queue.receive().value().at(0).receipt();
  opened.reopen();
  queue = opened.node.open_queue("scratch").value();
  CHECK(queue.receive().value().empty());
  CHECK(queue.erase(receipt).value().already_gone);
  REQUIRE(queue.send("new"));
  CHECK(queue.receive().value().size() == 1);
}

TEST_CASE("api node: an interval queue keeps everything over a clean close (S82)", "[api]") {
  Opened opened;
  auto queue = opened.node.create_queue("fast", {.durability = Durability::interval}).value();
  for (int i = 0; i < 500; ++i) REQUIRE(queue.send(std::to_string(i)));
  const std::string receipt = queue.receive().value().at(0).receipt();
  opened.reopen();
  queue = opened.node.open_queue("fast").value();
  CHECK(queue.statistics().value().ready == 499);
  CHECK_FALSE(queue.erase(receipt).value().already_gone);
}

TEST_CASE("api node: two nodes in one process work side by side", "[api]") {
  Opened one;
  Opened two;
  auto first = one.node.create_queue("orders").value();
  auto second = two.node.create_queue("orders").value();
  REQUIRE(first.send("one"));
  REQUIRE(second.send("two"));
  CHECK(first.receive().value().at(0).body() == "one");
  const auto other = second.receive().value().at(0);
  CHECK(first.erase(other.receipt()).error() == errc::invalid_receipt);
}

TEST_CASE("api node: peek, list and get show messages without leasing them (S28)", "[api]") {
  Opened opened;
  auto queue = opened.node.create_queue("orders").value();
  std::vector<MessageId> ids;
  for (int i = 0; i < 5; ++i) ids.push_back(queue.send(std::to_string(i)).value().id);
  REQUIRE(queue.send("later", {.delay = 1h}));
  const auto leased = queue.receive().value();
  const auto peeked = queue.peek(10).value();
  REQUIRE(peeked.size() == 4);
  CHECK(peeked[0].body == "1");
  const auto page = queue.list({.max_messages = 2}).value();
  REQUIRE(page.messages.size() == 2);
  REQUIRE(page.next);
  CHECK(page.messages[0].status == MessageStatus::in_flight);
  std::size_t count = 2;
  for (auto next = page.next; next;) {
    const auto more = queue.list({.after = *next, .max_messages = 2}).value();
    count += more.messages.size();
    next = more.next;
  }
  CHECK(count == 6);
  CHECK(queue.list({.status = MessageStatus::delayed}).value().messages.size() == 1);
  CHECK(queue.get(ids[3]).value().body == "3");
  CHECK(queue.get({ids[3].incarnation, {ids[3].sequence.value + 100}}).error() == errc::message_not_found);
  CHECK(queue.peek(10).value().size() == 4);
}

TEST_CASE("api node: peek and list find what follows thousands of other messages (S28)", "[api]") {
  Opened opened;
  auto queue = opened.node.create_queue("orders").value();
  const std::vector<Message> later(1'000, Message{"later", {.delay = 1h}});
  for (int i = 0; i < 3; ++i) REQUIRE(queue.send(later));
  for (int i = 0; i < 3; ++i) REQUIRE(queue.send(std::to_string(i)));
  const auto peeked = queue.peek(2).value();
  REQUIRE(peeked.size() == 2);
  CHECK(peeked[1].body == "1");
  CHECK(queue.peek(10).value().size() == 3);
  const auto page = queue.list({.status = MessageStatus::ready, .max_messages = 2}).value();
  REQUIRE(page.messages.size() == 2);
  REQUIRE(page.next);
  const auto rest =
      queue.list({.status = MessageStatus::ready, .after = *page.next, .max_messages = 2}).value();
  REQUIRE(rest.messages.size() == 1);
  CHECK(rest.messages[0].body == "2");
  CHECK_FALSE(rest.next);
}

TEST_CASE("api node: purge is one point; parked messages are kicked (S8, S37, S67)", "[api]") {
  Opened opened;
  auto queue = opened.node.create_queue("orders", {.max_receives = 1}).value();
  REQUIRE(queue.send("fails"));
  REQUIRE(queue.receive().value().at(0).nack());
  CHECK(queue.statistics().value().parked == 1);
  CHECK(queue.kick_all().value() == 1);
  CHECK(queue.receive().value().at(0).receive_count() == 1);
  for (int i = 0; i < 10; ++i) REQUIRE(queue.send("x"));
  CHECK(queue.purge().value() == 11);
  const auto statistics = queue.statistics().value();
  CHECK(statistics.ready + statistics.in_flight + statistics.parked == 0);
  CHECK(queue.receive().value().empty());
}

TEST_CASE("api node: after close every call says closed", "[api]") {
  Opened opened;
  auto queue = opened.node.create_queue("orders").value();
  REQUIRE(opened.node.close());
  CHECK(queue.send("x").error() == errc::closed);
  CHECK(queue.receive({.wait = 1s}).error() == errc::closed);
  CHECK(queue.statistics().error() == errc::closed);
  CHECK(opened.node.create_queue("more").error() == errc::closed);
  CHECK(opened.node.close().error() == errc::closed);
}

}  // namespace
}  // namespace peerq::test
