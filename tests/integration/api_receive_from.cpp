// Receiving from several queues on real files (S27).

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <future>
#include <map>
#include <thread>

#include "eventually.hpp"
#include "opened.hpp"
#include "peerq/peerq.hpp"

namespace peerq::test {
namespace {

using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;

void fill(const Queue& queue, int messages) {
  const std::vector<Message> batch(static_cast<std::size_t>(messages), Message{queue.name(), {}});
  REQUIRE(queue.send(batch));
}

std::map<std::string, int> by_queue(const std::vector<Delivery>& deliveries) {
  std::map<std::string, int> out;
  for (const auto& delivery : deliveries) {
    CHECK(delivery.body() == delivery.queue_name());
    ++out[delivery.queue_name()];
  }
  return out;
}

/// Two queues of one durability and one of another.
struct Three : Opened {
  Queue a = node.create_queue("a").value();
  Queue b = node.create_queue("b").value();
  Queue memory = node.create_queue("m", {.durability = Durability::memory}).value();
};

TEST_CASE("api receive_from: queues give their weights' parts, and name themselves (S27)", "[api]") {
  Three opened;
  fill(opened.a, 100);
  fill(opened.b, 100);
  const std::vector<WeightedQueue> queues{{opened.a, 3}, {opened.b, 1}};
  const auto got = opened.node.receive_from(queues, {.max_messages = 40}).value();
  auto counts = by_queue(got);
  CHECK(counts["a"] == 30);
  CHECK(counts["b"] == 10);
  for (const auto& delivery : got) CHECK(delivery.erase());
  CHECK(opened.a.statistics().value().deleted == 30);
}

/// What `calls` receives get of each queue, all of which stay full.
std::map<std::string, int> shares(Opened& opened, const std::vector<WeightedQueue>& queues, int calls,
                                  const ReceiveOptions& options, bool async) {
  std::map<std::string, int> out;
  for (int i = 0; i < calls; ++i) {
    std::promise<std::vector<Delivery>> told;
    if (async) {
      opened.node.receive_from_async(queues, options,
                                     [&](auto result) { told.set_value(std::move(result).value()); });
    } else {
      told.set_value(opened.node.receive_from(queues, options).value());
    }
    for (const auto& delivery : told.get_future().get()) ++out[delivery.queue_name()];
  }
  return out;
}

TEST_CASE("api receive_from: weights hold over many calls, however few messages each asks for (S27)",
          "[api]") {
  Three opened;
  fill(opened.a, 200);
  fill(opened.b, 200);
  const std::vector<WeightedQueue> queues{{opened.a, 1}, {opened.b, 3}};
  const auto most = GENERATE(1U, 2U, 3U, 5U, 7U);
  const bool async = GENERATE(false, true);
  auto counts = shares(opened, queues, 24, {.max_messages = most}, async);
  CHECK(counts["a"] == static_cast<int>(6 * most));
  CHECK(counts["b"] == static_cast<int>(18 * most));
}

TEST_CASE("api receive_from: weights hold where max_bytes lets only one message go (S27)", "[api]") {
  Three opened;
  fill(opened.a, 100);
  fill(opened.b, 100);
  const std::vector<WeightedQueue> queues{{opened.a, 1}, {opened.b, 3}};
  auto counts = shares(opened, queues, 40, {.max_messages = 10, .max_bytes = 1}, false);
  CHECK(counts["a"] >= 9);
  CHECK(counts["a"] <= 11);
}

TEST_CASE("api receive_from: a queue that had nothing for long gets no more than its part of a round (S27)",
          "[api]") {
  Three opened;
  fill(opened.b, 200);
  const std::vector<WeightedQueue> queues{{opened.a, 1}, {opened.b, 3}};
  CHECK(shares(opened, queues, 50, {}, false)["b"] == 50);
  fill(opened.a, 100);
  auto counts = shares(opened, queues, 40, {}, false);
  CHECK(counts["a"] >= 10);
  CHECK(counts["a"] <= 15);
}

TEST_CASE("api receive_from: a held queue leaves its part to the others (S27)", "[api]") {
  Three opened;
  fill(opened.a, 10);
  fill(opened.b, 10);
  REQUIRE(opened.a.pause());
  const std::vector<WeightedQueue> queues{{opened.a, 1'000}, {opened.b, 1}};
  auto counts = by_queue(opened.node.receive_from(queues, {.max_messages = 10}).value());
  CHECK(counts["a"] == 0);
  CHECK(counts["b"] == 10);
  CHECK(opened.node.receive_from(queues).value().empty());
}

TEST_CASE("api receive_from: a waiting receiver is woken by each of its queues (S22)", "[api]") {
  for (const char* name : {"a", "b", "m"}) {
    Three opened;
    const auto queue = opened.node.open_queue(name).value();
    std::thread sender([&] {
      std::this_thread::sleep_for(30ms);
      fill(queue, 1);
    });
    const std::vector<WeightedQueue> queues{{opened.a}, {opened.b}, {opened.memory}};
    const std::vector<WeightedQueue> one_shard{{opened.a}, {opened.b}};
    const auto wanted = std::string(name) == "m" ? queues : one_shard;
    const auto got = opened.node.receive_from(wanted, {.wait = 10s}).value();
    sender.join();
    REQUIRE(got.size() == 1);
    CHECK(got[0].queue_name() == name);
    CHECK(got[0].receive_count() == 1);
  }
}

TEST_CASE("api receive_from: waiting on several shards ends with the first message, wherever it comes (S27)",
          "[api]") {
  for (const char* name : {"a", "m"}) {
    Three opened;
    const auto queue = opened.node.open_queue(name).value();
    std::thread sender([&] {
      std::this_thread::sleep_for(30ms);
      fill(queue, 1);
    });
    const std::vector<WeightedQueue> queues{{opened.memory}, {opened.b}, {opened.a}};
    const auto got = opened.node.receive_from(queues, {.max_messages = 10, .wait = 10s}).value();
    sender.join();
    REQUIRE(got.size() == 1);
    CHECK(got[0].queue_name() == name);
  }
}

TEST_CASE("api receive_from: never more than asked for over several shards, and nothing is lost (S27)",
          "[api]") {
  Three opened;
  fill(opened.a, 50);
  fill(opened.memory, 50);
  const std::vector<WeightedQueue> queues{{opened.a}, {opened.memory}};
  CHECK(opened.node.receive_from(queues, {.max_messages = 7}).value().size() == 7);
  auto counts = by_queue(opened.node.receive_from(queues, {.max_messages = 80}).value());
  CHECK(counts["a"] + counts["m"] == 80);
  CHECK(counts["a"] >= 30);
  CHECK(counts["m"] >= 30);
  CHECK(opened.node.receive_from(queues, {.max_messages = 80}).value().size() == 13);
  CHECK(opened.node.receive_from(queues, {.wait = 20ms}).value().empty());
}

TEST_CASE("api receive_from: max_bytes holds over several shards, but for one message (S27)", "[api]") {
  Three opened;
  const std::string body(1'000, 'x');
  for (const Queue& queue : {opened.a, opened.memory})
    REQUIRE(queue.send(std::vector<Message>(10, {body, {}})));
  const std::vector<WeightedQueue> queues{{opened.a}, {opened.memory}};
  CHECK(opened.node.receive_from(queues, {.max_messages = 100, .max_bytes = 12'500}).value().size() == 12);
  CHECK(opened.node.receive_from(queues, {.max_messages = 100, .max_bytes = 1}).value().size() == 1);
  CHECK(opened.node.receive_from(queues, {.max_messages = 100}).value().size() == 7);
}

TEST_CASE("api receive_from: shards take turns in being first, by weight (S27)", "[api]") {
  Three opened;
  fill(opened.a, 100);
  fill(opened.memory, 100);
  const std::vector<WeightedQueue> queues{{opened.a, 3}, {opened.memory, 1}};
  std::map<std::string, int> counts;
  for (int i = 0; i < 40; ++i) ++counts[opened.node.receive_from(queues).value().at(0).queue_name()];
  CHECK(counts["a"] == 30);
  CHECK(counts["m"] == 10);
}

TEST_CASE("api receive_from: many receivers over several shards get every message once", "[api]") {
  Three opened;
  const std::vector<WeightedQueue> queues{{opened.a}, {opened.memory}, {opened.b}};
  constexpr int messages = 300;
  std::atomic<int> got = 0;
  std::atomic<int> wrong = 0;
  std::vector<std::thread> receivers;
  for (int i = 0; i < 4; ++i) {
    receivers.emplace_back([&] {
      while (got < messages) {
        const auto deliveries = opened.node.receive_from(queues, {.max_messages = 2, .wait = 200ms}).value();
        if (deliveries.size() > 2) ++wrong;
        for (const auto& delivery : deliveries) {
          if (!delivery.erase()) ++wrong;
          ++got;
        }
      }
    });
  }
  for (int i = 0; i < messages / 3; ++i) {
    fill(opened.a, 1);
    fill(opened.b, 1);
    fill(opened.memory, 1);
  }
  for (auto& receiver : receivers) receiver.join();
  CHECK(got == messages);
  CHECK(wrong == 0);
  std::uint64_t deleted = 0;
  for (const auto& queue : {opened.a, opened.b, opened.memory}) {
    const auto statistics = queue.statistics().value();
    deleted += statistics.deleted;
    CHECK(statistics.in_flight == 0);
  }
  CHECK(deleted == messages);
}

TEST_CASE("api receive_from: plain receivers beside one of several queues lose no wake-up (S22, S27)",
          "[api]") {
  Three opened;
  const std::vector<WeightedQueue> queues{{opened.a}, {opened.b}};
  std::atomic<int> got = 0;
  std::atomic<int> wrong = 0;
  constexpr int messages = 200;
  std::vector<std::thread> receivers;
  const auto count = [&](const std::vector<Delivery>& deliveries) {
    for (const auto& delivery : deliveries) {
      if (!delivery.erase()) ++wrong;
      ++got;
    }
  };
  for (int i = 0; i < 2; ++i) {
    receivers.emplace_back([&] {
      while (got < messages) count(opened.node.receive_from(queues, {.max_messages = 3, .wait = 1s}).value());
    });
    receivers.emplace_back([&] {
      while (got < messages) count(opened.a.receive({.wait = 1s}).value());
    });
  }
  for (int i = 0; i < messages / 2; ++i) {
    fill(opened.a, 1);
    fill(opened.b, 1);
  }
  CHECK(eventually([&] { return got == messages; }));
  for (auto& receiver : receivers) receiver.join();
  CHECK(wrong == 0);
}

TEST_CASE("api receive_from: stopped, closed and deleted while it waits", "[api]") {
  Three opened;
  const std::vector<WeightedQueue> one_shard{{opened.a}, {opened.b}};
  const std::vector<WeightedQueue> both{{opened.a}, {opened.memory}};
  for (const auto& queues : {one_shard, both}) {
    std::stop_source stop;
    std::thread stopper([&] {
      std::this_thread::sleep_for(30ms);
      stop.request_stop();
    });
    CHECK(opened.node.receive_from(queues, {.wait = 10s, .stop = stop.get_token()}).error() ==
          errc::cancelled);
    stopper.join();
    CHECK(opened.node.receive_from(queues, {.stop = stop.get_token()}).error() == errc::cancelled);
  }
  std::thread deleter([&] {
    std::this_thread::sleep_for(30ms);
    REQUIRE(opened.node.delete_queue("b"));
  });
  CHECK(opened.node.receive_from(one_shard, {.wait = 10s}).error() == errc::queue_deleted);
  deleter.join();
  CHECK(opened.node.receive_from(one_shard).error() == errc::queue_deleted);
  std::promise<Error> told;
  opened.node.receive_from_async(both, {.wait = 10s}, [&](const Result<std::vector<Delivery>>& result) {
    told.set_value(result ? Error() : result.error());
  });
  std::this_thread::sleep_for(20ms);
  REQUIRE(opened.node.close());
  CHECK(told.get_future().get() == errc::closed);
}

TEST_CASE("api receive_from: bad input is refused by name, at the bound and one past it",
          "[api][bad-input]") {
  Three opened;
  Opened other;
  const auto error_of = [&](const std::vector<WeightedQueue>& queues, const ReceiveOptions& options = {}) {
    auto result = opened.node.receive_from(queues, options);
    return result ? Error() : std::move(result).error();
  };
  CHECK(error_of({}) == errc::invalid_argument);
  CHECK(error_of({{opened.a, 1'000}}).code == errc::ok);
  const Error heavy = error_of({{opened.b, 1'001}});
  CHECK(heavy == errc::invalid_argument);
  CHECK_THAT(heavy.text(), ContainsSubstring("queue b") && ContainsSubstring("1000"));
  CHECK(error_of({{opened.a, 0}}) == errc::invalid_argument);
  const Error twice = error_of({{opened.a}, {opened.memory}, {opened.a}});
  CHECK(twice == errc::invalid_argument);
  CHECK_THAT(twice.text(), ContainsSubstring("a is named twice"));
  const Error attempt = error_of({{opened.a}}, {.attempt_id = "x"});
  CHECK(attempt == errc::invalid_argument);
  CHECK_THAT(attempt.text(), ContainsSubstring("attempt_id"));
  CHECK(error_of({{opened.a}}, {.max_messages = 1'001}) == errc::invalid_argument);
  CHECK(error_of({{other.node.create_queue("foreign").value()}}) == errc::invalid_argument);
  std::vector<WeightedQueue> many;
  for (int i = 0; i < 64; ++i) {
    many.push_back(
        {opened.node.create_queue("q" + std::to_string(i), {.durability = Durability::memory}).value()});
  }
  CHECK(error_of(many).code == errc::ok);
  many.push_back({opened.a});
  const Error too_many = error_of(many);
  CHECK(too_many == errc::invalid_argument);
  CHECK_THAT(too_many.text(), ContainsSubstring("64"));
}

}  // namespace
}  // namespace peerq::test
