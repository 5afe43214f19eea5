// Receiving from several queues in virtual time (S22, S27).

#include <catch2/catch_test_macros.hpp>

#include "peerq/peerq.hpp"
#include "peerq/testkit/node.hpp"

namespace peerq::testkit {
namespace {

using namespace std::chrono_literals;
using Deliveries = std::vector<Delivery>;

const auto ignore_sent = [](const Result<Sent>&) {};

struct SeveralQueues {
  Node node;
  Queue durable = node.create_queue("durable").value();
  Queue other = node.create_queue("other").value();
  Queue third = node.create_queue("third").value();
  Queue interval = node.create_queue("interval", {.durability = Durability::interval}).value();
  Queue memory = node.create_queue("memory", {.durability = Durability::memory}).value();

  explicit SeveralQueues(Simulation& sim) : node(open_node(sim).value()) {}
};

TEST_CASE("several queues of several shards are waited for in virtual time too (S27)") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Simulation sim({.seed = seed});
    SeveralQueues queues(sim);
    const std::vector<WeightedQueue> all{{queues.durable}, {queues.interval}, {queues.memory}};
    sim.scheduler().after(1s, [&] { queues.interval.send_async("x", {}, ignore_sent); });
    const auto got = queues.node.receive_from(all, {.max_messages = 3, .wait = 10s}).value();
    REQUIRE(got.size() == 1);
    CHECK(got[0].queue_name() == "interval");
    sim.run_for(1s);
    for (const auto& queue : {queues.durable, queues.memory}) {
      queue.send("y").value();
      CHECK(queue.receive().value().at(0).receive_count() == 1);
    }
  }
}

TEST_CASE("what several shards give at once beyond max_messages goes back uncounted (S27)") {
  std::size_t both = 0;
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    Simulation sim({.seed = seed});
    Deliveries got;
    SeveralQueues queues(sim);
    // One that acknowledges at once and one that may: both can have a message in the same step.
    const Queue& first = seed % 2 == 0 ? queues.durable : queues.memory;
    const std::vector<WeightedQueue> all{{first}, {queues.interval}};
    queues.node.receive_from_async(all, {.max_messages = 1, .wait = 10s},
                                   [&](Result<Deliveries> result) { got = std::move(result).value(); });
    sim.run_for(1s);
    first.send_async("x", {}, ignore_sent);
    if (seed % 4 < 2) sim.run_for(std::chrono::microseconds(seed * 10));
    queues.interval.send_async("x", {}, ignore_sent);
    sim.run_for(1s);
    REQUIRE(got.size() == 1);
    const auto received = [](const Queue& queue) { return queue.statistics().value().received; };
    both += received(first) + received(queues.interval) == 2 ? 1 : 0;
    std::size_t rest = 0;
    for (const auto& queue : {first, queues.interval}) {
      for (const auto& delivery : queue.receive().value()) {
        CHECK(delivery.receive_count() == 1);
        ++rest;
      }
    }
    CHECK(rest == 1);
    CHECK(first.statistics().value().in_flight + queues.interval.statistics().value().in_flight == 2);
  }
  CHECK(both > 0);
}

TEST_CASE(
    "a message that one of several queues' receivers was promised and left is another's at once (S22)") {
  std::size_t left = 0;
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    Simulation sim({.seed = seed});
    std::size_t several = 0;
    std::size_t plain = 0;
    SeveralQueues queues(sim);
    queues.durable.send("held").value();
    const auto held = queues.durable.receive().value();
    const std::vector<WeightedQueue> both{{queues.other}, {queues.durable}};
    queues.node.receive_from_async(both, {.wait = 20s},
                                   [&](const Result<Deliveries>& r) { several += r ? r->size() : 0; });
    sim.run_for(1s);
    queues.durable.receive_async({.wait = 20s},
                                 [&](const Result<Deliveries>& r) { plain += r ? r->size() : 0; });
    sim.run_for(1s);
    queues.durable.nack_async(held[0], {.delay = 0ms}, [](const Result<Returned>&) {});
    sim.run_for(20us);
    // Keeps the writer busy while the message is known to be back, so that both ride in one entry.
    queues.third.send_async("y", {}, ignore_sent);
    sim.run_for(std::chrono::microseconds(seed * 20));
    queues.other.send_async("x", {}, ignore_sent);
    sim.run_for(1s);
    CHECK(several == 1);
    CHECK(queues.durable.statistics().value().ready == 0);
    left += plain;
  }
  CHECK(left > 0);
}

}  // namespace
}  // namespace peerq::testkit
