// "For ever": the longest duration there is, wherever one may be given.

#include <catch2/catch_test_macros.hpp>
#include <future>
#include <thread>

#include "opened.hpp"
#include "peerq/peerq.hpp"

namespace peerq::test {
namespace {

using namespace std::chrono_literals;

constexpr Milliseconds for_ever = Milliseconds::max();

TEST_CASE("api node: a receive may wait for ever", "[api]") {
  Opened opened;
  auto queue = opened.node.create_queue("orders").value();
  std::thread producer([&] {
    std::this_thread::sleep_for(50ms);
    CHECK(queue.send("late"));
  });
  const auto got = queue.receive({.wait = for_ever, .timeout = for_ever});
  producer.join();
  REQUIRE(got);
  CHECK(got->size() == 1);
}

TEST_CASE("api node: a send may take for ever, and ends as soon as it is durable", "[api]") {
  Opened opened;
  auto queue = opened.node.create_queue("orders").value();
  CHECK(queue.send("x", {.timeout = for_ever}));
  const std::vector<Message> batch{{"y", {}}};
  CHECK(queue.send(batch, {.timeout = for_ever}));
  std::promise<bool> sent;
  queue.send_async("z", {.timeout = for_ever},
                   [&](const Result<Sent>& result) { sent.set_value(bool(result)); });
  CHECK(sent.get_future().get());
}

/// Whether a handler that is under way when `end` is called may finish without being told to stop.
template <class End>
bool finishes_in_peace(Opened& opened, End end) {
  auto queue = opened.node.create_queue("orders").value();
  std::promise<void> begun;
  std::atomic<bool> told = false;
  Consumer consumer(queue, [&](const Delivery&, const std::stop_token& stop) {
    begun.set_value();
    std::this_thread::sleep_for(200ms);
    told = stop.stop_requested();
  });
  REQUIRE(queue.send("last"));
  begun.get_future().wait();
  end(consumer);
  consumer.stop();
  return !told && consumer.statistics().handled == 1;
}

TEST_CASE("api node: a close that may take for ever lets handlers finish", "[api][consumer]") {
  Opened opened;
  CHECK(finishes_in_peace(opened, [&](Consumer&) { CHECK(opened.node.close(for_ever)); }));
}

TEST_CASE("api node: a consumer that may stop for ever lets handlers finish", "[api][consumer]") {
  Opened opened;
  CHECK(finishes_in_peace(opened, [](Consumer& consumer) { consumer.stop(for_ever); }));
}

}  // namespace
}  // namespace peerq::test
