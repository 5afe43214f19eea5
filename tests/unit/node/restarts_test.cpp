// What a killed process leaves to the next one: leases go on, waiting is forgotten (S2, S19, S71, S81).
#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <vector>

#include "peerq/peerq.hpp"
#include "peerq/testkit/node.hpp"

namespace peerq::testkit {
namespace {

using namespace std::chrono_literals;

/// The node's process was killed and everything of it is gone; the next one begins later.
Node open_later(Simulation& sim, std::chrono::seconds outage) {
  sim.run_for(outage);
  sim.boot();
  return open_node(sim).value();
}

/// A life in which a message is leased for a minute, of which so much passes before the kill.
void lease_and_die(Simulation& sim, std::chrono::seconds used) {
  auto node = open_node(sim).value();
  auto queue = node.create_queue("q", {.visibility_timeout = 60s}).value();
  queue.send("x").value();
  REQUIRE(queue.receive().value().size() == 1);
  sim.run_for(used);
  sim.kill();
}

TEST_CASE("S2 a crash prolongs a lease by the outage and at most 10 s, and never shortens it") {
  for (const auto used : {1s, 9s, 11s, 35s, 59s}) {
    Simulation sim;
    lease_and_die(sim, used);
    auto node = open_later(sim, 3600s);
    auto queue = node.open_queue("q").value();
    CHECK(queue.statistics().value().in_flight == 1);
    const SteadyTime before = sim.clock()->steady();
    REQUIRE(queue.receive({.wait = 10min}).value().size() == 1);
    const auto waited = std::chrono::duration_cast<Milliseconds>(sim.clock()->steady() - before);
    INFO("the lease had " << (60s - used).count() << " s left, and lasted " << waited.count() << " ms");
    CHECK(waited >= 60s - used - 100ms);
    CHECK(waited <= 60s - used + 10s + 1s);
  }
}

TEST_CASE("S19 who is handed a message has a lease that survives a loss of power at that instant") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Simulation sim({.seed = seed});
    {
      auto node = open_node(sim).value();
      auto queue = node.create_queue("q").value();
      queue.send("x").value();
      bool served = false;
      queue.receive_async({.wait = 1min}, [&](const Result<std::vector<Delivery>>&) { served = true; });
      while (!served) sim.run_for(1us);
      sim.cut_power();
    }
    auto node = open_later(sim, 1s);
    CHECK(node.open_queue("q").value().statistics().value().in_flight == 1);
  }
}

TEST_CASE("S71 the lease of a killed process lapses at its deadline, and counts") {
  Simulation sim;
  bool served = false;
  {
    auto node = open_node(sim).value();
    auto queue = node.create_queue("q", {.visibility_timeout = 30s}).value();
    queue.receive_async({.wait = 10min}, [&](const Result<std::vector<Delivery>>&) { served = true; });
    sim.run_for(1s);
    queue.send("for the one who waits").value();
    sim.run_for(1s);
    REQUIRE(served);
    sim.kill();
  }
  auto node = open_later(sim, 1s);
  auto queue = node.open_queue("q").value();
  CHECK(queue.receive().value().empty());
  const SteadyTime before = sim.clock()->steady();
  const auto again = queue.receive({.wait = 10min}).value();
  REQUIRE(again.size() == 1);
  CHECK(sim.clock()->steady() - before >= 28s);
  CHECK(again[0].receive_count() == 2);
  CHECK(again[0].attempt() == 2);
}

TEST_CASE("S81 receivers and senders that wait are not remembered across a restart") {
  Simulation sim;
  int ends = 0;
  const auto count = [&](const auto&) { ++ends; };
  {
    auto node = open_node(sim).value();
    auto full = node.create_queue("full", {.max_messages = 1, .overflow = Overflow::block}).value();
    auto empty = node.create_queue("empty").value();
    full.send("first").value();
    full.send_async("waits", {.timeout = 10min}, count);
    empty.receive_async({.wait = 10min}, count);
    sim.run_for(5s);
    CHECK(ends == 0);
    sim.kill();
  }
  auto node = open_later(sim, 1s);
  auto full = node.open_queue("full").value();
  auto empty = node.open_queue("empty").value();
  REQUIRE(full.receive_and_delete().value().size() == 1);
  empty.send("for nobody").value();
  sim.run_for(5s);
  CHECK(full.statistics().value().sent == 1);
  CHECK(full.statistics().value().ready == 0);
  CHECK(empty.statistics().value().ready == 1);
}

}  // namespace
}  // namespace peerq::testkit
