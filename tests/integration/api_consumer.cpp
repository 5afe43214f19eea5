// Consumers and typed queues on a real node.

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <charconv>
#include <functional>
#include <future>
#include <set>
#include <thread>

#include "eventually.hpp"
#include "opened.hpp"
#include "peerq/peerq.hpp"

namespace peerq::test {
namespace {

using namespace std::chrono_literals;

TEST_CASE("api node: a consumer handles every message once, several at a time", "[api][consumer]") {
  Opened opened;
  auto queue = opened.node.create_queue("orders").value();
  std::mutex mutex;
  std::set<std::string> seen;
  std::atomic<int> calls = 0;
  Consumer consumer(queue, {.concurrency = 4, .prefetch = 16}, [&](const Delivery& delivery) {
    const std::lock_guard lock(mutex);
    seen.insert(std::string(delivery.body()));
    ++calls;
  });
  for (int i = 0; i < 200; ++i) REQUIRE(queue.send(std::to_string(i)));
  REQUIRE(eventually([&] { return queue.statistics().value().deleted == 200; }));
  CHECK(calls == 200);
  CHECK(seen.size() == 200);
  consumer.stop();
  CHECK(consumer.statistics().handled == 200);
}

TEST_CASE("api node: outcomes and exceptions of a handler settle the message", "[api][consumer]") {
  Opened opened;
  auto queue = opened.node.create_queue("orders", {.max_receives = 3, .dead_letter_queue = "dead"}).value();
  auto dead = opened.node.open_queue("dead").value();
  std::atomic<int> retries = 0;
  Consumer consumer(queue, {.concurrency = 2}, [&](const Delivery& delivery) -> Outcome {
    if (delivery.body() == "bad") return reject("cannot be");
    if (delivery.body() == "throws") throw std::runtime_error("boom");
    if (delivery.body() == "later" && delivery.receive_count() == 1) {
      ++retries;
      return retry_in(1ms, "not yet");
    }
    return done;
  });
  for (const char* body : {"bad", "throws", "later", "good"}) REQUIRE(queue.send(body));
  REQUIRE(eventually(
      [&] { return queue.statistics().value().deleted == 2 && dead.statistics().value().ready == 2; }));
  consumer.stop();
  CHECK(retries == 1);
  std::set<std::string> errors;
  for (const auto& message : dead.peek(10).value())
    errors.insert(message.body + ": " + message.failure.last_error);
  CHECK(errors == std::set<std::string>{"bad: cannot be", "throws: boom"});
}

TEST_CASE("api node: a consumer extends the lease of a handler that takes long (S35)", "[api][consumer]") {
  Opened opened;
  auto queue = opened.node.create_queue("orders", {.visibility_timeout = 1s}).value();
  std::atomic<int> calls = 0;
  std::atomic<bool> lost = false;
  Consumer consumer(queue, [&](const Delivery&, const std::stop_token& lease_lost) {
    ++calls;
    std::this_thread::sleep_for(2'200ms);
    lost = lease_lost.stop_requested();
  });
  REQUIRE(queue.send("slow"));
  REQUIRE(eventually([&] { return queue.statistics().value().deleted == 1; }));
  CHECK(calls == 1);
  CHECK_FALSE(lost);
}

TEST_CASE("api node: the token tells that a lease cannot be extended any more (S35, S65)",
          "[api][consumer]") {
  Opened opened;
  auto queue =
      opened.node.create_queue("orders", {.visibility_timeout = 400ms, .max_lease_time = 400ms}).value();
  std::atomic<bool> told = false;
  Consumer consumer(queue, [&](const Delivery& delivery, const std::stop_token& lease_lost) {
    if (delivery.attempt() > 1) return done;
    for (int i = 0; i < 400 && !lease_lost.stop_requested(); ++i) std::this_thread::sleep_for(5ms);
    told = lease_lost.stop_requested();
    return release;
  });
  REQUIRE(queue.send("slow"));
  REQUIRE(eventually([&] { return queue.statistics().value().deleted == 1; }));
  CHECK(told);
  CHECK(consumer.statistics().leases_lost == 1);
}

TEST_CASE("api node: stopping a consumer releases what was not begun, uncounted", "[api][consumer]") {
  Opened opened;
  auto queue = opened.node.create_queue("orders").value();
  for (int i = 0; i < 10; ++i) REQUIRE(queue.send(std::to_string(i)));
  std::promise<void> begun;
  std::atomic<int> calls = 0;
  Consumer consumer(queue, {.concurrency = 1, .prefetch = 9}, [&](const Delivery&) {
    if (++calls == 1) begun.set_value();
    std::this_thread::sleep_for(100ms);
  });
  begun.get_future().wait();
  consumer.stop(5s);
  const auto statistics = queue.statistics().value();
  CHECK(statistics.in_flight == 0);
  CHECK(statistics.deleted == static_cast<std::uint64_t>(calls));
  const auto rest = queue.receive({.max_messages = 10}).value();
  REQUIRE(rest.size() == 10 - static_cast<std::size_t>(calls));
  CHECK(rest.front().receive_count() == 1);
}

TEST_CASE("api node: closing the node lets handlers finish and ends their consumer (S56)",
          "[api][consumer]") {
  Opened opened;
  auto queue = opened.node.create_queue("orders").value();
  std::promise<void> begun;
  Consumer consumer(queue, [&](const Delivery&) {
    begun.set_value();
    std::this_thread::sleep_for(200ms);
  });
  REQUIRE(queue.send("last"));
  begun.get_future().wait();
  REQUIRE(opened.node.close());
  opened.node = Node::open({.data_dir = opened.directory.inside("data")}).value();
  const auto statistics = opened.node.open_queue("orders").value().statistics().value();
  CHECK(statistics.deleted == 1);
  CHECK(statistics.in_flight == 0);
}

TEST_CASE("api node: bad consumer options are told, and nothing is consumed", "[api][consumer]") {
  Opened opened;
  auto queue = opened.node.create_queue("orders").value();
  REQUIRE(queue.send("x"));
  Error told;
  Consumer consumer(queue, {.concurrency = 0, .on_error = [&](const Error& error) { told = error; }},
                    [](const Delivery&) {});
  CHECK(consumer.status().error() == errc::invalid_argument);
  CHECK(told == errc::invalid_argument);
  CHECK(queue.statistics().value().ready == 1);
}

TEST_CASE("api node: handlers run on the host's executor when it gives one", "[api][consumer]") {
  Opened opened;
  auto queue = opened.node.create_queue("orders").value();
  std::mutex mutex;
  std::vector<std::thread> threads;
  std::atomic<int> tasks = 0;
  {
    Consumer consumer(
        queue,
        {.concurrency = 2,
         .executor =
             [&](Task task) {
               ++tasks;
               const std::lock_guard lock(mutex);
               threads.emplace_back([task = std::make_shared<Task>(std::move(task))] { (*task)(); });
             }},
        [](const Delivery&) {});
    for (int i = 0; i < 20; ++i) REQUIRE(queue.send(std::to_string(i)));
    REQUIRE(eventually([&] { return queue.statistics().value().deleted == 20; }));
  }
  for (auto& thread : threads) thread.join();
  CHECK(tasks >= 1);
}

struct NumberCodec {
  static std::string encode(const int& value) { return std::to_string(value); }
  static std::optional<int> decode(std::string_view body) {
    int out = 0;
    const auto [end, error] = std::from_chars(body.data(), body.data() + body.size(), out);
    return error == std::errc() && end == body.data() + body.size() ? std::optional(out) : std::nullopt;
  }
};

TEST_CASE("api node: a typed queue carries values; what it cannot decode is dead-lettered", "[api][typed]") {
  Opened opened;
  const TypedQueue<int, NumberCodec> numbers(
      opened.node.create_queue("numbers", {.dead_letter_queue = "dead"}).value());
  auto dead = opened.node.open_queue("dead").value();
  REQUIRE(numbers.send(42));
  REQUIRE(numbers.queue().send("not a number"));
  const auto got = numbers.receive({.max_messages = 10}).value();
  REQUIRE(got.size() == 1);
  CHECK(got[0].value == 42);
  REQUIRE(got[0].delivery.erase());
  CHECK(dead.statistics().value().ready == 1);
  std::atomic<int> sum = 0;
  auto consumer = numbers.consume({.concurrency = 2}, [&](const int& value) { sum += value; });
  for (int i = 1; i <= 10; ++i) REQUIRE(numbers.send(i));
  CHECK(eventually([&] { return sum == 55; }));
}

/// Takes for ever over what it cannot decode: meanwhile the lease ends and another receiver has the message.
struct SlowCodec : NumberCodec {
  static inline std::function<void()> meanwhile;
  static std::optional<int> decode(std::string_view body) {
    auto value = NumberCodec::decode(body);
    if (!value) meanwhile();
    return value;
  }
};

TEST_CASE("api node: a typed receive keeps the others when one cannot be rejected", "[api][typed]") {
  Opened opened;
  auto queue = opened.node.create_queue("numbers", {.visibility_timeout = 100ms}).value();
  const TypedQueue<int, SlowCodec> numbers(queue);
  SlowCodec::meanwhile = [&] { CHECK(queue.receive({.wait = 10s}).value().size() == 1); };
  REQUIRE(queue.send("not a number"));
  REQUIRE(numbers.send(42));
  const auto got = numbers.receive({.max_messages = 10});
  REQUIRE(got);
  REQUIRE(got->size() == 1);
  CHECK(got->at(0).value == 42);
}

}  // namespace
}  // namespace peerq::test
