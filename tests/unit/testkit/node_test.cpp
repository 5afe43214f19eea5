// The whole node in virtual time: the public API over production classes, a simulated clock, executor and
// disk.

#include "peerq/testkit/node.hpp"

#include <catch2/catch_test_macros.hpp>

#include "support/sim/simulated_life.hpp"

namespace peerq::testkit {
namespace {

using namespace std::chrono_literals;
using test::SimulatedLife;

TEST_CASE("a node runs a seeded hour of virtual time through crashes and clock jumps and loses nothing") {
  for (const std::uint64_t seed : {1U, 2U, 3U}) {
    INFO("seed " << seed);
    SimulatedLife life(seed);
    life.run(1h);
    life.prove();
    CHECK(life.acknowledged() > 50);
    CHECK(life.deliveries() > 50);
    CHECK(life.worked());
    CHECK(life.crashes() > 0);
    CHECK(life.violations() == std::vector<std::string>());
  }
}

TEST_CASE("a life in which nothing was acknowledged does not count") {
  SimulatedLife life(1);
  CHECK_FALSE(life.worked());
  life.simulation().disk().set_full(true);
  life.run(2s);
  CHECK(life.sent() > 0);
  CHECK_FALSE(life.worked());
  life.simulation().kill();  // a node that waits for room does not end in peace
}

TEST_CASE("the same seed gives the same hour") {
  const auto steps = [](std::uint64_t seed) {
    SimulatedLife life(seed);
    life.run(10min);
    return std::pair(life.simulation().scheduler().steps(), life.sent());
  };
  CHECK(steps(7) == steps(7));
  CHECK(steps(7) != steps(8));
}

TEST_CASE("a disk that lies about its syncs is found out") {
  std::uint64_t lost = 0;
  for (std::uint64_t seed = 1; seed <= 20 && lost == 0; ++seed) {
    Simulation simulation({.seed = seed, .disk = {.lie_about_sync = true}});
    {
      auto node = open_node(simulation).value();
      auto queue = node.create_queue("work").value();
      REQUIRE(queue.send("acknowledged"));
      simulation.cut_power();
    }
    simulation.boot();
    auto node = open_node(simulation).value();
    const auto queue = node.open_queue("work");
    if (!queue || queue->receive().value().empty()) ++lost;
  }
  CHECK(lost > 0);
}

}  // namespace
}  // namespace peerq::testkit
