// Delivery windows in virtual time: what an update sets is so when it returns (S9, S78).

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include "peerq/peerq.hpp"
#include "peerq/testkit/node.hpp"

namespace peerq::testkit {
namespace {

using namespace std::chrono_literals;

const DeliveryWindow always{.from = std::chrono::minutes(0), .to = std::chrono::minutes(24 * 60)};

/// Closed whenever the simulation begins in it: it is open for a minute two hours from now.
DeliveryWindow later(Simulation& sim) {
  const auto minute = sim.clock()->wall().ms / 60'000 % (24 * 60);
  const std::chrono::minutes from((minute + 120) % (23 * 60));
  return {.from = from, .to = from + std::chrono::minutes(1)};
}

TEST_CASE("a window that was opened by an update is open when the update returns (S9, S78)") {
  const auto durability = GENERATE(Durability::sync, Durability::interval, Durability::memory);
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    // As outside of a simulation: who updates goes on as soon as it is told.
    Simulation sim({.seed = seed, .executor = {.callers_may_run = true}});
    auto node = open_node(sim).value();
    const auto options = [&](DeliveryWindow window) {
      return QueueOptions{.durability = durability, .windows = {window}};
    };
    auto queue = node.create_queue("q", options(always)).value();
    queue.send("at once").value();
    CHECK(queue.receive_and_delete().value().size() == 1);
    for (int i = 0; i < 5; ++i) {
      queue.send("x").value();
      node.update_queue("q", options(later(sim))).value();
      CHECK(queue.receive_and_delete().value().empty());
      sim.run_for(1s);
      node.update_queue("q", options(always)).value();
      CHECK_FALSE(queue.statistics().value().window_closed);
      CHECK(queue.receive_and_delete().value().size() == 1);
    }
  }
}

}  // namespace
}  // namespace peerq::testkit
