// Leases in the hands of a consumer: when they are extended, and when their handlers are told.

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <thread>

#include "eventually.hpp"
#include "opened.hpp"
#include "peerq/peerq.hpp"

namespace peerq::test {
namespace {

using namespace std::chrono_literals;

/// What a handler saw that works until its token is stopped, on the first delivery.
struct Told {
  std::atomic<bool> told = false;
  std::atomic<bool> in_time = false;

  Outcome operator()(const Delivery& delivery, const std::stop_token& lease_lost) {
    if (delivery.attempt() > 1) return done;
    for (int i = 0; i < 2'000 && !lease_lost.stop_requested(); ++i) std::this_thread::sleep_for(2ms);
    in_time = delivery.lease_left() > 0ms;
    told = lease_lost.stop_requested();
    return release;
  }
};

TEST_CASE("api node: without extension the token tells before the lease ends (S65)", "[api][consumer]") {
  Opened opened;
  auto queue = opened.node.create_queue("orders", {.visibility_timeout = 1s}).value();
  Told seen;
  Consumer consumer(queue, {.extend = false}, std::ref(seen));
  REQUIRE(queue.send("slow"));
  REQUIRE(eventually([&] { return queue.statistics().value().deleted == 1; }));
  CHECK(seen.told);
  CHECK(seen.in_time);
  CHECK(consumer.statistics().leases_lost == 1);
}

TEST_CASE("api node: a lease at max_lease_time is told lost before it ends (S35, S65)", "[api][consumer]") {
  Opened opened;
  auto queue =
      opened.node.create_queue("orders", {.visibility_timeout = 2s, .max_lease_time = 2'225ms}).value();
  Told seen;
  Consumer consumer(queue, std::ref(seen));
  REQUIRE(queue.send("slow"));
  REQUIRE(eventually([&] { return queue.statistics().value().deleted == 1; }));
  CHECK(seen.told);
  CHECK(seen.in_time);
}

TEST_CASE("api node: leases are extended by their own length after the queue's was lowered (S35)",
          "[api][consumer]") {
  Opened opened;
  auto queue = opened.node.create_queue("orders", {.visibility_timeout = 30s}).value();
  std::atomic<bool> lost = false;
  std::atomic<int> calls = 0;
  Consumer consumer(queue, {.concurrency = 2},
                    [&](const Delivery& delivery, const std::stop_token& lease_lost) {
                      if (delivery.body() == "quick") return;
                      ++calls;
                      std::this_thread::sleep_for(2s);
                      lost = lease_lost.stop_requested();
                    });
  REQUIRE(queue.send("quick"));
  REQUIRE(eventually([&] { return queue.statistics().value().deleted == 1; }));
  REQUIRE(opened.node.update_queue("orders", {.visibility_timeout = 800ms}));
  REQUIRE(queue.send("slow"));
  REQUIRE(eventually([&] { return queue.statistics().value().deleted == 2; }));
  CHECK(calls == 1);
  CHECK_FALSE(lost);
}

TEST_CASE("api node: a longer lease that a handler asked for is not cut short (S35)", "[api][consumer]") {
  Opened opened;
  auto queue = opened.node.create_queue("orders", {.visibility_timeout = 400ms}).value();
  std::atomic<std::int64_t> left = 0;
  Consumer consumer(queue, [&](const Delivery& delivery) {
    CHECK(delivery.extend(60s));
    std::this_thread::sleep_for(600ms);
    left = delivery.lease_left().count();
  });
  REQUIRE(queue.send("slow"));
  REQUIRE(eventually([&] { return queue.statistics().value().deleted == 1; }));
  CHECK(left > 10'000);
}

}  // namespace
}  // namespace peerq::test
