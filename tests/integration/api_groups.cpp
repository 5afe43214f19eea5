// FIFO queues and message groups on real files.

#include <catch2/catch_test_macros.hpp>
#include <map>
#include <mutex>
#include <thread>

#include "opened.hpp"
#include "peerq/peerq.hpp"

namespace peerq::test {
namespace {

using namespace std::chrono_literals;

Queue fifo(Opened& opened, QueueOptions options = {}) {
  options.type = QueueType::fifo;
  return opened.node.create_queue("lines", options).value();
}

void send(const Queue& queue, const std::string& group, const std::string& body) {
  REQUIRE(queue.send(body, {.group_id = group}));
}

/// The next message, which must be there.
Delivery next(const Queue& queue) {
  auto got = queue.receive({.wait = 10s}).value();
  REQUIRE(got.size() == 1);
  return got[0];
}

TEST_CASE("api groups: order is strict in every group, with several consumers (S42, S43)", "[api]") {
  Opened opened;
  auto queue = fifo(opened);
  constexpr int groups = 5;
  constexpr int each = 40;
  for (int i = 0; i < each; ++i) {
    for (int group = 0; group < groups; ++group) send(queue, "g" + std::to_string(group), std::to_string(i));
  }
  std::mutex mutex;
  std::map<std::string, std::vector<int>> seen;
  int held_twice = 0;
  int wrong = 0;
  std::map<std::string, int> held;
  const auto consume = [&] {
    for (;;) {
      const auto got = queue.receive({.max_messages = 3, .wait = 200ms}).value();
      if (got.empty()) return;
      const std::string group(got[0].group_id());
      {
        const std::lock_guard lock(mutex);
        for (const auto& delivery : got)
          seen[std::string(delivery.group_id())].push_back(std::stoi(std::string(delivery.body())));
        if (++held[group] > 1) ++held_twice;
      }
      std::this_thread::yield();
      const std::lock_guard lock(mutex);
      --held[group];
      for (const auto& result : queue.erase(got).value()) wrong += result ? 0 : 1;
    }
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) threads.emplace_back(consume);
  for (auto& thread : threads) thread.join();
  CHECK(held_twice == 0);
  CHECK(wrong == 0);
  REQUIRE(seen.size() == groups);
  for (const auto& [group, bodies] : seen) {
    CHECK(bodies.size() == each);
    CHECK(std::is_sorted(bodies.begin(), bodies.end()));
  }
  CHECK(queue.statistics().value().deleted == groups * each);
}

TEST_CASE("api groups: a leased group gives out no more, the others go on (S43)", "[api]") {
  Opened opened;
  auto queue = fifo(opened);
  send(queue, "a", "a1");
  send(queue, "a", "a2");
  send(queue, "b", "b1");
  const auto first = next(queue);
  CHECK(first.body() == "a1");
  CHECK(first.group_id() == "a");
  const auto other = next(queue);
  CHECK(other.body() == "b1");
  CHECK(queue.receive().value().empty());
  CHECK(queue.statistics().value().held == 1);
  REQUIRE(first.erase());
  CHECK(next(queue).body() == "a2");
}

TEST_CASE("api groups: a nack brings back what follows in order, and its delay holds the group (S44, S46)",
          "[api]") {
  Opened opened;
  auto queue = fifo(opened);
  for (const char* body : {"1", "2", "3"}) send(queue, "a", body);
  const auto got = queue.receive({.max_messages = 3}).value();
  REQUIRE(got.size() == 3);
  REQUIRE(got[0].erase());
  REQUIRE(got[1].nack({.delay = 1h, .reason = "later"}));
  CHECK(queue.receive().value().empty());
  send(queue, "b", "of b");
  CHECK(next(queue).body() == "of b");
  const auto explained = queue.explain(got[2].id()).value();
  CHECK(explained.group_id == "a");
  CHECK(to_string(explained).find("its group 'a' waits for a retry until ") != std::string::npos);
}

TEST_CASE("api groups: the followers of a nack return uncounted (S44)", "[api]") {
  Opened opened;
  auto queue = fifo(opened);
  for (const char* body : {"1", "2"}) send(queue, "a", body);
  const auto got = queue.receive({.max_messages = 2}).value();
  REQUIRE(got[0].nack({.delay = 0ms}));
  const auto again = queue.receive({.max_messages = 2}).value();
  REQUIRE(again.size() == 2);
  CHECK(again[0].body() == "1");
  CHECK(again[0].receive_count() == 2);
  CHECK(again[1].receive_count() == 1);
  CHECK(again[1].attempt() == 2);
}

TEST_CASE("api groups: an extension of one tells the others of its group that their lease is longer (S44)",
          "[api]") {
  Opened opened;
  auto queue = fifo(opened, {.visibility_timeout = 10s});
  for (const char* body : {"1", "2"}) send(queue, "a", body);
  send(queue, "b", "of b");
  const auto got = queue.receive({.max_messages = 3}).value();
  REQUIRE(got.size() == 3);
  REQUIRE(got[0].extend(60s));
  CHECK(got[1].lease_left() > 30s);
  CHECK(got[2].lease_left() <= 10s);
  REQUIRE(queue.extend(std::span(&got[1], 1), 5s).value().at(0));
  CHECK(got[0].lease_left() <= 5s);
}

TEST_CASE("api groups: block holds the group until the poison message is dead-lettered (S45)", "[api]") {
  Opened opened;
  auto queue = fifo(opened, {.max_receives = 2, .dead_letter_queue = "dead"});
  send(queue, "a", "poison");
  send(queue, "a", "next");
  for (int attempt = 0; attempt < 2; ++attempt) {
    const auto delivery = next(queue);
    CHECK(delivery.body() == "poison");
    REQUIRE(delivery.nack({.delay = 0ms}));
  }
  CHECK(next(queue).body() == "next");
  auto dead = opened.node.open_queue("dead").value();
  const auto found = next(dead);
  CHECK(found.body() == "poison");
  CHECK(found.group_id() == "a");
}

TEST_CASE("api groups: park_group keeps the group in order for an operator, also over a restart (S45)",
          "[api]") {
  Opened opened;
  auto queue = fifo(opened, {.max_receives = 1, .poison = Poison::park_group});
  send(queue, "a", "poison");
  send(queue, "a", "next");
  REQUIRE(next(queue).nack({.delay = 0ms}));
  CHECK(queue.receive().value().empty());
  send(queue, "a", "sent to a parked group");
  opened.reopen();
  queue = opened.node.open_queue("lines").value();
  auto page = queue.list_groups().value();
  REQUIRE(page.groups.size() == 1);
  CHECK(page.groups[0].group_id == "a");
  CHECK(page.groups[0].messages == 3);
  CHECK(page.groups[0].parked);
  CHECK_FALSE(page.groups[0].open);
  CHECK(queue.receive().value().empty());
  REQUIRE(queue.resume_parked_group("a"));
  CHECK(next(queue).body() == "poison");
}

TEST_CASE("api groups: a paused group waits, its queue goes on; a waiting receiver is woken", "[api]") {
  Opened opened;
  auto queue = fifo(opened);
  REQUIRE(queue.pause_group("a"));
  send(queue, "a", "held");
  send(queue, "b", "free");
  CHECK(next(queue).body() == "free");
  CHECK(queue.receive().value().empty());
  std::thread operates([&] {
    std::this_thread::sleep_for(30ms);
    REQUIRE(queue.resume_group("a"));
  });
  CHECK(next(queue).body() == "held");
  operates.join();
}

TEST_CASE("api groups: groups are listed by name, page by page", "[api]") {
  Opened opened;
  auto queue = fifo(opened);
  for (int i = 0; i < 25; ++i) send(queue, "g" + std::to_string(100 + i), "x");
  REQUIRE(queue.pause_group("empty but paused"));
  const auto leased = next(queue);
  std::vector<std::string> names;
  ListGroupsOptions options{.after = {}, .max_groups = 10};
  for (;;) {
    const auto page = queue.list_groups(options).value();
    for (const auto& group : page.groups) names.push_back(group.group_id);
    if (!page.next) break;
    options.after = *page.next;
  }
  REQUIRE(names.size() == 26);
  CHECK(names.front() == "empty but paused");
  CHECK(std::is_sorted(names.begin(), names.end()));
  const auto page = queue.list_groups({.after = "g0", .max_groups = 2}).value();
  CHECK(page.groups[0].group_id == "g100");
  CHECK(page.groups[0].in_flight == 1);
  CHECK_FALSE(page.groups[0].open);
  CHECK(page.groups[1].ready == 1);
  CHECK(page.groups[1].open);
}

TEST_CASE("api groups: waiting receivers of a FIFO queue are served as its groups come free (S22, S43)",
          "[api]") {
  Opened opened;
  auto queue = fifo(opened);
  constexpr int messages = 30;
  std::atomic<int> got = 0;
  std::atomic<int> wrong = 0;
  const auto consume = [&] {
    while (got < messages) {
      for (const auto& delivery : queue.receive({.wait = 300ms}).value()) {
        ++got;
        if (!delivery.erase()) ++wrong;
      }
    }
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) threads.emplace_back(consume);
  for (int i = 0; i < messages; ++i) send(queue, i % 2 == 0 ? "a" : "b", std::to_string(i));
  for (auto& thread : threads) thread.join();
  CHECK(got == messages);
  CHECK(wrong == 0);
  CHECK(queue.statistics().value().redelivered == 0);
}

}  // namespace
}  // namespace peerq::test
