// Senders that wait for room, on real files (S15).

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <future>
#include <thread>

#include "eventually.hpp"
#include "opened.hpp"
#include "peerq/peerq.hpp"

namespace peerq::test {
namespace {

using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;

/// A queue for two messages that lets its senders wait.
struct Blocking : Opened {
  QueueOptions options{.max_messages = 2, .overflow = Overflow::block};
  Queue queue = node.create_queue("q", options).value();

  std::future<Result<Sent>> later(const std::string& body, const SendOptions& how = {}) const {
    auto told = std::make_shared<std::promise<Result<Sent>>>();
    queue.send_async(body, how, [told](Result<Sent> sent) { told->set_value(std::move(sent)); });
    return told->get_future();
  }
  std::string take() const {
    const auto got = queue.receive_and_delete({.wait = 10s}).value();
    REQUIRE(got.size() == 1);
    return std::string(got[0].body());
  }
};

bool waits(const std::future<Result<Sent>>& sent) {
  return sent.wait_for(50ms) == std::future_status::timeout;
}

TEST_CASE("api blocked: a send to a full queue waits for room, first come, first served (S15)", "[api]") {
  Blocking opened;
  REQUIRE(opened.queue.send("1"));
  REQUIRE(opened.queue.send("2"));
  std::vector<std::future<Result<Sent>>> waiting;
  for (const char* body : {"3", "4", "5"}) waiting.push_back(opened.later(body));
  for (const auto& one : waiting) CHECK(waits(one));
  CHECK(opened.queue.statistics().value().sent == 2);
  for (int i = 0; i < 5; ++i) {
    CHECK(opened.take() == std::to_string(i + 1));
    if (i < 3) CHECK(waiting[static_cast<std::size_t>(i)].get());
  }
}

TEST_CASE("api blocked: a send that would fit does not overtake one that waits (S15)", "[api]") {
  Blocking opened;
  opened.options = {.max_message_size = 10, .max_bytes = 10, .overflow = Overflow::block};
  auto queue = opened.queue = opened.node.create_queue("bytes", opened.options).value();
  REQUIRE(queue.send("123456"));
  auto large = opened.later("123456789");
  CHECK(waits(large));
  auto small = opened.later("1");
  CHECK(waits(small));
  CHECK(opened.take() == "123456");
  CHECK(large.get());
  CHECK(small.get());
  CHECK(opened.take() == "123456789");
  CHECK(opened.take() == "1");
}

TEST_CASE("api blocked: the wait ends at the caller's timeout with queue_full (S15)", "[api]") {
  Blocking opened;
  REQUIRE(opened.queue.send(std::vector<Message>(2)));
  const auto begin = std::chrono::steady_clock::now();
  const Error full = opened.queue.send("x", {.timeout = 100ms}).error();
  CHECK(full == errc::queue_full);
  CHECK_THAT(full.text(), ContainsSubstring("max_messages 2"));
  CHECK(std::chrono::steady_clock::now() - begin >= 100ms);
  CHECK(opened.queue.statistics().value().sent == 2);
  opened.take();
  CHECK(opened.queue.send("x", {.timeout = 100ms}));
}

TEST_CASE("api blocked: purge, larger limits and another overflow let waiting senders go (S8, S9, S15)",
          "[api]") {
  Blocking opened;
  REQUIRE(opened.queue.send(std::vector<Message>(2)));
  auto third = opened.later("3");
  CHECK(waits(third));
  REQUIRE(opened.queue.purge());
  CHECK(third.get());
  REQUIRE(opened.queue.send("4"));
  auto fifth = opened.later("5");
  CHECK(waits(fifth));
  opened.options.max_messages = 3;
  REQUIRE(opened.node.update_queue("q", opened.options));
  CHECK(fifth.get());
  auto sixth = opened.later("6");
  auto seventh = opened.later("7");
  CHECK(waits(sixth));
  opened.options.max_messages = 4;
  opened.options.overflow = Overflow::reject;
  REQUIRE(opened.node.update_queue("q", opened.options));
  CHECK(sixth.get());
  CHECK(seventh.get().error() == errc::queue_full);
}

TEST_CASE("api blocked: deleting the queue and closing the node end the wait at once (S7)", "[api]") {
  Blocking opened;
  REQUIRE(opened.queue.send(std::vector<Message>(2)));
  auto third = opened.later("3");
  CHECK(waits(third));
  REQUIRE(opened.node.delete_queue("q"));
  CHECK(third.get().error() == errc::queue_deleted);
  opened.queue = opened.node.create_queue("q", opened.options).value();
  REQUIRE(opened.queue.send(std::vector<Message>(2)));
  auto again = opened.later("3");
  CHECK(waits(again));
  REQUIRE(opened.node.close());
  CHECK(again.get().error() == errc::closed);
}

TEST_CASE("api blocked: a batch goes in as there is room, in order; an atomic one waits for all of it (S14)",
          "[api]") {
  Blocking opened;
  std::vector<Message> batch;
  for (int i = 0; i < 6; ++i) batch.push_back({std::to_string(i), {}});
  std::promise<Result<std::vector<Result<Sent>>>> told;
  opened.queue.send_async(batch, {}, [&](auto result) { told.set_value(std::move(result)); });
  auto after = opened.later("after");
  for (int i = 0; i < 6; ++i) CHECK(opened.take() == std::to_string(i));
  const auto results = told.get_future().get().value();
  REQUIRE(results.size() == 6);
  for (std::size_t i = 0; i < 6; ++i) {
    REQUIRE(results[i]);
    if (i > 0) CHECK(results[i].value().id > results[i - 1].value().id);
  }
  CHECK(after.get());
  CHECK(opened.take() == "after");
  REQUIRE(opened.queue.send("one"));
  std::promise<Result<std::vector<Result<Sent>>>> atomic;
  opened.queue.send_async(std::span(batch).first(2), {.atomic = true},
                          [&](auto result) { atomic.set_value(std::move(result)); });
  std::this_thread::sleep_for(50ms);
  CHECK(opened.queue.statistics().value().ready == 1);
  CHECK(opened.take() == "one");
  CHECK(atomic.get_future().get().value().size() == 2);
}

TEST_CASE("api blocked: in a batch nobody overtakes, whatever would fit (S14, S15)", "[api]") {
  Blocking opened;
  opened.options = {.max_message_size = 10, .max_bytes = 10, .overflow = Overflow::block};
  auto queue = opened.queue = opened.node.create_queue("bytes", opened.options).value();
  REQUIRE(queue.send("0"));
  const std::vector<Message> batch{{"1234", {}}, {"56789012", {}}, {"3", {}}};
  std::promise<Result<std::vector<Result<Sent>>>> told;
  queue.send_async(batch, {}, [&](auto result) { told.set_value(std::move(result)); });
  CHECK(opened.take() == "0");
  for (const auto& message : batch) CHECK(opened.take() == message.body);
  for (const auto& result : told.get_future().get().value()) CHECK(result);
}

TEST_CASE("api blocked: what of a batch found room before its timeout stays sent (S15)", "[api]") {
  Blocking opened;
  std::vector<Message> batch;
  for (int i = 0; i < 4; ++i) batch.push_back({std::to_string(i), {}});
  const auto results = opened.queue.send(batch, {.timeout = 100ms}).value();
  CHECK(results[0]);
  CHECK(results[1]);
  CHECK(results[2].error() == errc::queue_full);
  CHECK(results[3].error() == errc::queue_full);
  CHECK(opened.queue.send(batch, {.atomic = true, .timeout = 50ms}).error() == errc::queue_full);
  CHECK(opened.queue.statistics().value().sent == 2);
}

TEST_CASE("api blocked: a duplicate needs no room (S17)", "[api]") {
  Blocking opened;
  const auto first = opened.queue.send("1", {.deduplication_id = "a"}).value();
  REQUIRE(opened.queue.send("2"));
  CHECK(opened.queue.send("1", {.deduplication_id = "a"}).value().id == first.id);
  auto other = opened.later("3", {.deduplication_id = "b"});
  CHECK(waits(other));
  opened.take();
  CHECK_FALSE(other.get().value().deduplicated);
}

TEST_CASE("api blocked: a session's send waits too, and is made once (S15, S18)", "[api]") {
  Blocking opened;
  const auto session = opened.node.open_session().value();
  const auto in = [&](std::uint64_t number) { return opened.queue.in(session.request(number)); };
  REQUIRE(in(1).send("1"));
  REQUIRE(in(2).send("2"));
  CHECK(in(3).send("3", {.timeout = 50ms}).error() == errc::queue_full);
  std::thread consumer([&] {
    std::this_thread::sleep_for(50ms);
    if (opened.queue.receive_and_delete().value().size() != 1) std::abort();
  });
  const auto third = in(3).send("3");
  consumer.join();
  REQUIRE(third);
  CHECK(in(3).send("3").value().id == third->id);  // although the queue is full again
  std::vector<Message> batch(2);
  CHECK(in(4).send(batch, {.timeout = 50ms}).error() == errc::queue_full);
  opened.take();
  CHECK(in(4).send(batch, {.timeout = 50ms}).error() == errc::queue_full);  // one would fit: all or none
  opened.take();
  CHECK(in(4).send(batch).value().size() == 2);
  CHECK(opened.queue.statistics().value().sent == 5);
}

TEST_CASE("api blocked: a transaction waits for nothing and overtakes nobody (S76)", "[api]") {
  Blocking opened;
  opened.options = {.max_message_size = 10, .max_bytes = 10, .overflow = Overflow::block};
  auto queue = opened.queue = opened.node.create_queue("bytes", opened.options).value();
  REQUIRE(queue.send("123456"));
  CHECK(opened.node.transact(Transaction().send(queue, "1")));
  auto large = opened.later("123456789");
  CHECK(waits(large));
  const Error error = opened.node.transact(Transaction().send(queue, "1")).error();
  CHECK(error == errc::queue_full);
  CHECK_THAT(error.text(), ContainsSubstring("bytes"));
}

TEST_CASE("api blocked: many senders through a small queue lose and repeat nothing", "[api]") {
  for (const auto durability : {Durability::sync, Durability::memory}) {
    Blocking opened;
    opened.options.durability = durability;
    opened.options.max_messages = 3;
    opened.queue = opened.node.create_queue("small", opened.options).value();
    constexpr int senders = 4;
    constexpr int each = 50;
    std::atomic<int> wrong = 0;
    std::vector<std::thread> threads;
    for (int sender = 0; sender < senders; ++sender) {
      threads.emplace_back([&, sender] {
        for (int i = 0; i < each; ++i) {
          if (!opened.queue.send(std::to_string(sender) + ":" + std::to_string(1000 + i))) ++wrong;
        }
      });
    }
    std::vector<std::string> last(senders);
    for (int i = 0; i < senders * each; ++i) {
      const std::string body = opened.take();
      auto& former = last[static_cast<std::size_t>(body[0] - '0')];
      if (!(former < body)) ++wrong;
      former = body;
      CHECK(opened.queue.statistics().value().ready <= 3);
    }
    for (auto& thread : threads) thread.join();
    CHECK(wrong == 0);
    CHECK(opened.queue.statistics().value().sent == senders * each);
  }
}

}  // namespace
}  // namespace peerq::test
