// Priorities, fairness, rates, caps, deduplication, overflow and cancel on real files.

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <map>
#include <thread>

#include "opened.hpp"
#include "peerq/peerq.hpp"

namespace peerq::test {
namespace {

using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;

std::string bodies(const std::vector<Delivery>& deliveries) {
  std::string out;
  for (const auto& delivery : deliveries) out += delivery.body();
  return out;
}

TEST_CASE("api flow: strict priority hands out the highest first (S26)", "[api]") {
  Opened opened;
  auto queue = opened.node.create_queue("q").value();
  for (const auto& [body, priority] : {std::pair{"d", 4}, {"a", 0}, {"j", 9}, {"h", 7}, {"D", 4}}) {
    REQUIRE(queue.send(body, {.priority = static_cast<std::uint8_t>(priority)}));
  }
  opened.reopen();
  queue = opened.node.open_queue("q").value();
  CHECK(bodies(queue.receive({.max_messages = 10}).value()) == "jhdDa");
}

TEST_CASE("api flow: weighted priority gives each level its weight in a round (S26)", "[api]") {
  Opened opened;
  QueueOptions options{.priority_mode = PriorityMode::weighted};
  options.weights.fill(1);
  options.weights[9] = 3;
  auto queue = opened.node.create_queue("q", options).value();
  for (int i = 0; i < 12; ++i) {
    REQUIRE(queue.send("9", {.priority = 9}));
    REQUIRE(queue.send("0", {.priority = 0}));
  }
  std::map<char, int> got;
  for (const char body : bodies(queue.receive({.max_messages = 8}).value())) ++got[body];
  CHECK(got['9'] == 6);
  CHECK(got['0'] == 2);
}

TEST_CASE("api flow: groups of a standard queue share the deliveries, whatever was sent first (S29)",
          "[api]") {
  Opened opened;
  auto queue = opened.node.create_queue("q").value();
  for (int i = 0; i < 100; ++i) REQUIRE(queue.send("a", {.group_id = "loud"}));
  for (int i = 0; i < 5; ++i) REQUIRE(queue.send("b", {.group_id = "quiet"}));
  for (int i = 0; i < 5; ++i) REQUIRE(queue.send("c"));
  std::map<char, int> got;
  for (const char body : bodies(queue.receive({.max_messages = 12}).value())) ++got[body];
  CHECK(got['a'] == 4);
  CHECK(got['b'] == 4);
  CHECK(got['c'] == 4);
}

TEST_CASE("api flow: a rate gives its burst and then waits for tokens (S30)", "[api]") {
  Opened opened;
  // A token in 1,000 s: none comes while the test runs.
  auto queue = opened.node.create_queue("q", {.rate = {.per_second_thousandths = 1, .burst = 3}}).value();
  for (int i = 0; i < 5; ++i) REQUIRE(queue.send("x"));
  auto got = queue.receive({.max_messages = 10}).value();
  CHECK(got.size() == 3);
  REQUIRE(got[0].release());
  CHECK(queue.receive().value().empty());  // a release refunds nothing
  CHECK_THAT(to_string(queue.explain(got[0].id()).value()), ContainsSubstring("rate is used up until 20"));
  opened.reopen();
  queue = opened.node.open_queue("q").value();
  CHECK(queue.receive().value().empty());
  REQUIRE(opened.node.update_queue("q", {}));
  CHECK(queue.receive({.max_messages = 10}).value().size() == 3);
}

TEST_CASE("api flow: a waiting receiver gets a message when a token comes (S30)", "[api]") {
  Opened opened;
  auto queue =
      opened.node.create_queue("q", {.rate = {.per_second_thousandths = 20'000, .burst = 1}}).value();
  for (int i = 0; i < 3; ++i) REQUIRE(queue.send("x"));
  for (int i = 0; i < 3; ++i) CHECK(queue.receive({.wait = 10s}).value().size() == 1);
}

TEST_CASE("api flow: a group's rate holds that group only (S30)", "[api]") {
  Opened opened;
  auto queue =
      opened.node.create_queue("q", {.group_rate = {.per_second_thousandths = 1, .burst = 2}}).value();
  for (int i = 0; i < 5; ++i) REQUIRE(queue.send("a", {.group_id = "a"}));
  for (int i = 0; i < 5; ++i) REQUIRE(queue.send("b", {.group_id = "b"}));
  CHECK(queue.receive({.max_messages = 10}).value().size() == 4);
  CHECK(queue.statistics().value().held == 6);
}

TEST_CASE("api flow: caps on messages in flight, of the queue and of a group (S24, S30)", "[api]") {
  Opened opened;
  auto queue = opened.node.create_queue("q", {.max_in_flight = 3, .max_in_flight_per_group = 1}).value();
  for (const char* group : {"a", "a", "b", "c", "d"}) REQUIRE(queue.send(group, {.group_id = group}));
  auto got = queue.receive({.max_messages = 10}).value();
  CHECK(bodies(got) == "abc");
  auto statistics = queue.statistics().value();
  CHECK(statistics.at_in_flight_cap);
  CHECK(statistics.in_flight == 3);
  std::thread finisher([&] {
    std::this_thread::sleep_for(30ms);
    REQUIRE(got[1].erase());
  });
  CHECK(bodies(queue.receive({.max_messages = 10, .wait = 10s}).value()) == "d");
  finisher.join();
  REQUIRE(got[0].erase());
  CHECK(bodies(queue.receive({.max_messages = 10}).value()) == "a");
}

TEST_CASE("api flow: a deduplication id counts for its window, exactly, over a restart (S17)", "[api]") {
  Opened opened;
  auto queue = opened.node.create_queue("q").value();
  const auto first = queue.send("one", {.deduplication_id = "order 1"}).value();
  CHECK_FALSE(first.deduplicated);
  REQUIRE(queue.receive_and_delete().value().size() == 1);
  opened.reopen();
  queue = opened.node.open_queue("q").value();
  const auto again = queue.send("another body", {.deduplication_id = "order 1"}).value();
  CHECK(again.deduplicated);
  CHECK(again.id == first.id);
  CHECK_FALSE(queue.send("two", {.deduplication_id = "order 2"}).value().deduplicated);
  const auto statistics = queue.statistics().value();
  CHECK(statistics.sent == 2);
  CHECK(statistics.ready == 1);
}

TEST_CASE("api flow: a duplicate in a batch is a success, also in an atomic one (S14, S17)", "[api]") {
  Opened opened;
  auto queue = opened.node.create_queue("q", {.max_messages = 2}).value();
  const std::vector<Message> messages{
      {"a", {.deduplication_id = "1"}}, {"b", {.deduplication_id = "2"}}, {"a", {.deduplication_id = "1"}}};
  const auto sent = queue.send(messages, {.atomic = true}).value();
  CHECK_FALSE(sent[0].value().deduplicated);
  CHECK(sent[2].value().deduplicated);
  CHECK(sent[2].value().id == sent[0].value().id);
  // Recognised although the queue is full.
  CHECK(queue.send("a", {.deduplication_id = "1"}).value().deduplicated);
  CHECK(queue.send("c", {.deduplication_id = "3"}).error() == errc::queue_full);
}

TEST_CASE("api flow: content-based deduplication goes by the body, an explicit id wins (S17)", "[api]") {
  Opened opened;
  auto queue = opened.node.create_queue("q", {.content_based_deduplication = true}).value();
  const auto first = queue.send("same", {.attributes = {{"k", "1"}}}).value();
  const auto again = queue.send("same", {.attributes = {{"k", "2"}}}).value();
  CHECK(again.deduplicated);
  CHECK(again.id == first.id);
  CHECK_FALSE(queue.send("other").value().deduplicated);
  CHECK_FALSE(queue.send("same", {.deduplication_id = "explicit"}).value().deduplicated);
  const std::vector<Message> messages{{"batch", {}}, {"same", {}}, {"batch", {}}};
  const auto sent = queue.send(messages).value();
  CHECK_FALSE(sent[0].value().deduplicated);
  CHECK(sent[1].value().deduplicated);
  CHECK(sent[2].value().deduplicated);
}

TEST_CASE("api flow: a handle follows an update of content-based deduplication (S9, S17)", "[api]") {
  Opened opened;
  const auto old_handle = opened.node.create_queue("q").value();
  CHECK_FALSE(old_handle.send("same").value().deduplicated);
  CHECK_FALSE(old_handle.send("same").value().deduplicated);
  REQUIRE(opened.node.update_queue("q", {.content_based_deduplication = true}));
  CHECK_FALSE(old_handle.send("same").value().deduplicated);
  CHECK(old_handle.send("same").value().deduplicated);
  CHECK(old_handle.send("same").value().deduplicated);
  const auto new_handle = opened.node.open_queue("q").value();
  CHECK(new_handle.send("same").value().deduplicated);
  REQUIRE(opened.node.update_queue("q", {}));
  CHECK_FALSE(new_handle.send("same").value().deduplicated);
  CHECK_FALSE(old_handle.send("same").value().deduplicated);
}

TEST_CASE("api flow: a window of 0 switches deduplication off", "[api]") {
  Opened opened;
  auto queue = opened.node.create_queue("q", {.deduplication_window = 0ms}).value();
  REQUIRE(queue.send("x", {.deduplication_id = "1"}));
  CHECK_FALSE(queue.send("x", {.deduplication_id = "1"}).value().deduplicated);
}

TEST_CASE("api flow: drop_oldest makes room out of the lowest level, into the dead-letter queue (S15, S38)",
          "[api]") {
  Opened opened;
  auto queue =
      opened.node
          .create_queue("q",
                        {.max_messages = 2, .overflow = Overflow::drop_oldest, .dead_letter_queue = "dead"})
          .value();
  REQUIRE(queue.send("old", {.priority = 4}));
  REQUIRE(queue.send("urgent", {.priority = 8}));
  REQUIRE(queue.send("new", {.priority = 4}));
  CHECK(queue.send("nobody is lower", {.priority = 3}).error() == errc::queue_full);
  auto dead = opened.node.open_queue("dead").value();
  const auto dropped = dead.receive().value();
  REQUIRE(dropped.size() == 1);
  CHECK(dropped[0].body() == "old");
  CHECK(dropped[0].failure().cause == FailureCause::overflow);
  CHECK(bodies(queue.receive({.max_messages = 10}).value()) == "urgentnew");
  CHECK(queue.statistics().value().dead_lettered == 1);
}

TEST_CASE("api flow: drop_oldest without a dead-letter queue counts what it dropped (S15)", "[api]") {
  Opened opened;
  auto queue = opened.node.create_queue("q", {.max_messages = 2, .overflow = Overflow::drop_oldest}).value();
  for (const char* body : {"1", "2", "3", "4"}) REQUIRE(queue.send(body));
  CHECK(queue.statistics().value().dropped == 2);
  CHECK(bodies(queue.receive({.max_messages = 10}).value()) == "34");
}

TEST_CASE("api flow: cancel takes out what is delayed, ready or parked, and nothing in flight (S66)",
          "[api]") {
  Opened opened;
  auto queue = opened.node.create_queue("q", {.max_receives = 1}).value();
  const auto parked = queue.send("parked").value().id;
  REQUIRE(queue.receive().value().at(0).nack());
  const auto leased = queue.send("leased").value().id;
  REQUIRE(queue.receive().value().size() == 1);
  const auto delayed = queue.send("delayed", {.delay = 1h}).value().id;
  const auto ready = queue.send("ready", {.deduplication_id = "once"}).value().id;
  CHECK(queue.cancel(leased).error() == errc::lease_held);
  CHECK_FALSE(queue.cancel(ready).value().already_gone);
  CHECK(queue.cancel(ready).value().already_gone);
  const std::vector<MessageId> ids{parked, delayed, leased, ready, MessageId{}};
  const auto results = queue.cancel(ids).value();
  CHECK_FALSE(results[0].value().already_gone);
  CHECK_FALSE(results[1].value().already_gone);
  CHECK(results[2].error() == errc::lease_held);
  CHECK(results[3].value().already_gone);
  CHECK(results[4].value().already_gone);
  const auto statistics = queue.statistics().value();
  CHECK(statistics.cancelled == 3);
  CHECK(statistics.in_flight == 1);
  CHECK(statistics.ready + statistics.delayed + statistics.parked == 0);
  // The id is forgotten with the message (S17).
  CHECK_FALSE(queue.send("again", {.deduplication_id = "once"}).value().deduplicated);
}

TEST_CASE("api flow: explain says what keeps a message back, in words (S24)", "[api]") {
  Opened opened;
  auto queue = opened.node.create_queue("q", {.max_receives = 1, .max_in_flight = 1}).value();
  const auto id = queue.send("x").value().id;
  CHECK(queue.explain(id).value().holds.empty());
  CHECK(to_string(queue.explain(id).value()) == "ready: handed out after those before it");
  const auto delayed =
      queue.send("x", {.deliver_at = std::chrono::system_clock::time_point(1'900'000'000'123ms)}).value().id;
  CHECK(queue.explain(delayed).value().status == MessageStatus::delayed);
  CHECK(to_string(queue.explain(delayed).value()) == "delayed until 2030-03-17 17:46:40.123");
  REQUIRE(queue.pause());
  CHECK(to_string(queue.explain(id).value()) == "the queue is paused");
  REQUIRE(queue.resume());
  const auto leased = queue.receive().value();
  const auto in_flight = queue.explain(id).value();
  CHECK(in_flight.status == MessageStatus::in_flight);
  REQUIRE(in_flight.holds.size() == 2);
  CHECK(in_flight.holds[0].kind == HoldKind::in_flight);
  const auto left = *in_flight.holds[0].until - std::chrono::system_clock::now();
  CHECK(left > 20s);
  CHECK(left <= 31s);
  CHECK(in_flight.holds[1].kind == HoldKind::in_flight_cap);
  REQUIRE(leased[0].nack());
  CHECK(to_string(queue.explain(id).value()) == "parked until it is kicked");
  CHECK(queue.explain(MessageId{}).error() == errc::message_not_found);
  CHECK(to_string(Explanation{.group_id = "\x01'", .holds = {{HoldKind::group_paused, {}}}}) ==
        "its group '\\x01'' is paused");
}

TEST_CASE("api flow: explain tells who stands before a message in its group (S42, S43)", "[api]") {
  Opened opened;
  auto queue = opened.node.create_queue("q", {.type = QueueType::fifo}).value();
  REQUIRE(queue.send("1", {.group_id = "a"}));
  const auto second = queue.send("2", {.group_id = "a"}).value().id;
  CHECK(to_string(queue.explain(second).value()) == "others of its group 'a' come first");
  REQUIRE(queue.receive().value().size() == 1);
  const auto held = queue.explain(second).value();
  CHECK_THAT(to_string(held), ContainsSubstring("its group 'a' is leased until 20"));
  CHECK_THAT(to_string(held), ContainsSubstring(" under receipt " + held.holds[0].receipt));
  REQUIRE(queue.release(held.holds[0].receipt));
  CHECK(to_string(queue.explain(second).value()) == "others of its group 'a' come first");
}

TEST_CASE("api flow: statistics say why nothing is handed out (S24, S30)", "[api]") {
  Opened opened;
  const QueueOptions options{.max_in_flight = 1, .rate = {.per_second_thousandths = 1, .burst = 2}};
  auto queue = opened.node.create_queue("q", options).value();
  for (int i = 0; i < 3; ++i) REQUIRE(queue.send("x"));
  CHECK_FALSE(queue.statistics().value().at_in_flight_cap);
  CHECK(queue.receive({.max_messages = 3}).value().size() == 1);
  CHECK(queue.statistics().value().at_in_flight_cap);
  CHECK_FALSE(queue.statistics().value().at_rate_limit);
  REQUIRE(opened.node.update_queue("q", {.rate = options.rate}));
  CHECK(queue.receive({.max_messages = 3}).value().size() == 1);
  CHECK_FALSE(queue.statistics().value().at_in_flight_cap);
  CHECK(queue.statistics().value().at_rate_limit);
}

TEST_CASE("api flow: priority and group of a message are shown", "[api]") {
  Opened opened;
  auto queue = opened.node.create_queue("q").value();
  REQUIRE(queue.send("plain", {.priority = 7}));
  REQUIRE(queue.send("grouped", {.priority = 2, .group_id = "g"}));
  const auto listed = queue.peek(10).value();
  REQUIRE(listed.size() == 2);
  CHECK(listed[0].priority == 2);
  CHECK(listed[0].group_id == "g");
  CHECK(listed[1].priority == 7);
  CHECK(listed[1].group_id.empty());
  const auto got = queue.receive({.max_messages = 2}).value();
  REQUIRE(got.size() == 2);
  CHECK(got[0].priority() == 7);
  CHECK(got[1].priority() == 2);
}

}  // namespace
}  // namespace peerq::test
