// Messages between shards in virtual time (S39, S41): what waits for room holds up nobody else.

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "node/move_chains.hpp"
#include "peerq/peerq.hpp"
#include "peerq/testkit/node.hpp"

namespace peerq::testkit {
namespace {

using namespace std::chrono_literals;

constexpr node::MoveChain first_chain{QueueId(1), QueueId(9)};
constexpr node::MoveChain other_chain{QueueId(1), QueueId(8)};

/// Sends messages that end as dead letters.
void fail(const Queue& queue, std::size_t count) {
  std::vector<Message> messages(count);
  for (std::size_t i = 0; i < count; ++i) messages[i].body = queue.name() + std::to_string(i);
  queue.send(messages).value();
  const auto held = queue.receive({.max_messages = static_cast<std::uint32_t>(count)}).value();
  REQUIRE(held.size() == count);
  queue.reject(held, "no").value();
}

std::uint64_t ready(const Queue& queue) { return queue.statistics().value().ready; }
std::uint64_t moving(const Queue& queue) { return queue.statistics().value().moving; }

TEST_CASE("chains have their turn one after the other, and one that is put off holds up nobody") {
  node::MoveChains chains;
  CHECK_FALSE(chains.next(SteadyTime{5}));
  CHECK(chains.next_at() == SteadyTime::never());
  chains.add(first_chain, SteadyTime{1});
  chains.add(other_chain, SteadyTime{1});
  CHECK(chains.next(SteadyTime{1}) == first_chain);
  chains.put_off(first_chain, SteadyTime{1});
  CHECK(chains.next(SteadyTime{1}) == other_chain);
  chains.put_off(other_chain, SteadyTime{100});
  chains.add(other_chain, SteadyTime{2});
  CHECK(chains.next(SteadyTime{2}) == first_chain);
  chains.remove(first_chain);
  CHECK_FALSE(chains.next(SteadyTime{99}));
  CHECK(chains.next_at() == SteadyTime{100});
  CHECK(chains.next(SteadyTime{100}) == other_chain);
}

TEST_CASE("a redrive to a full queue of another shard holds up no other of its shard (S39, S41)") {
  const bool second_is_full = GENERATE(false, true);
  Simulation sim;
  auto node = open_node(sim).value();
  std::vector<Queue> dead;
  std::vector<Queue> sources;
  for (const char* name : {"1", "2"}) {
    dead.push_back(node.create_queue(std::string("dead") + name).value());
    sources.push_back(
        node.create_queue(std::string("source") + name, {.durability = Durability::memory,
                                                         .max_messages = 1'000,
                                                         .dead_letter_queue = std::string("dead") + name})
            .value());
  }
  const std::size_t full = second_is_full ? 1 : 0;
  const std::size_t open = 1 - full;
  for (const Queue& source : sources) fail(source, 1'000);
  sim.run_for(1s);
  sources[full].send(std::vector<Message>(1'000)).value();
  dead[open].redrive().value();
  dead[full].redrive().value();
  sim.run_for(3s);
  CHECK(moving(dead[full]) == 1'000);
  CHECK(ready(sources[open]) == 1'000);
  CHECK(dead[open].redrive_status().value()->finished);
  CHECK_FALSE(dead[full].redrive_status().value()->finished);
  sources[full].purge().value();
  sim.run_for(2s);
  CHECK(ready(sources[full]) == 1'000);
  CHECK(dead[full].redrive_status().value()->finished);
}

TEST_CASE("dead letters of an interval queue do not wait behind a redrive to a full queue (S39, S41)") {
  Simulation sim;
  auto node = open_node(sim).value();
  const auto dead = node.create_queue("dead", {.durability = Durability::interval}).value();
  const auto last = node.create_queue("last").value();
  const auto full =
      node.create_queue("full",
                        {.durability = Durability::memory, .max_messages = 1, .dead_letter_queue = "dead"})
          .value();
  fail(full, 1);
  sim.run_for(1s);
  full.send("full").value();
  const QueueOptions options{.durability = Durability::interval, .dead_letter_queue = "last"};
  fail(node.create_queue("a", options).value(), 1'000);
  dead.redrive().value();
  sim.run_for(5s);
  CHECK(moving(dead) == 1);
  CHECK(ready(last) == 1'000);
}

TEST_CASE("in an interval shard that is busy all the time dead letters move (S41)") {
  Simulation sim;
  auto node = open_node(sim).value();
  const auto last = node.create_queue("last").value();
  const QueueOptions options{.durability = Durability::interval, .dead_letter_queue = "last"};
  const auto queue = node.create_queue("a", options).value();
  fail(queue, 10);
  for (int i = 0; i < 30'000; ++i) {
    queue.send_async("x", {}, [](const Result<Sent>&) {});
    sim.run_for(100us);
  }
  CHECK(ready(last) == 10);
}

TEST_CASE("one full source holds up no other source of the same dead-letter queue (S39)") {
  const std::string full_name = GENERATE(std::string("a"), std::string("b"));
  Simulation sim;
  auto node = open_node(sim).value();
  const auto dead = node.create_queue("dead").value();
  std::map<std::string, Queue> sources;
  for (const char* name : {"a", "b"}) {
    const QueueOptions options{
        .durability = Durability::memory, .max_messages = 100, .dead_letter_queue = "dead"};
    sources.emplace(name, node.create_queue(name, options).value());
    fail(sources.at(name), 100);
    sim.run_for(1s);
  }
  sources.at(full_name).send(std::vector<Message>(70)).value();
  dead.redrive().value();
  sim.run_for(2s);
  for (const auto& [name, source] : sources) CHECK(ready(source) == 100);
  CHECK(moving(dead) == 70);
}

TEST_CASE("a redrive that is stopped brings back what a full queue does not take (S39)") {
  const bool restart = GENERATE(false, true);
  Simulation sim;
  std::optional<Node> node = open_node(sim).value();
  node->create_queue("dead").value();
  const QueueOptions options{
      .durability = Durability::interval, .max_messages = 100, .dead_letter_queue = "dead"};
  auto source = node->create_queue("source", options).value();
  fail(source, 100);
  sim.run_for(1s);
  source.send(std::vector<Message>(98)).value();
  auto dead = node->open_queue("dead").value();
  dead.redrive().value();
  sim.run_for(1s);
  CHECK(ready(source) == 100);
  CHECK(moving(dead) == 98);
  if (restart) {
    REQUIRE(node->close());
    node.reset();
    sim.boot();
    node = open_node(sim).value();
    dead = node->open_queue("dead").value();
    source = node->open_queue("source").value();
    sim.run_for(1s);
    CHECK(moving(dead) == 98);
  }
  dead.stop_redrive().value();
  sim.run_for(1s);
  CHECK(moving(dead) == 0);
  CHECK(ready(dead) == 98);
  auto status = dead.redrive_status().value().value();
  CHECK(status.moved == 2);
  CHECK(status.failed == 98);
  source.purge().value();
  dead.redrive().value();
  sim.run_for(1s);
  CHECK(ready(source) == 98);
  CHECK(dead.redrive_status().value()->finished);
}

TEST_CASE("what a stopped redrive sent away comes back although another redrive is under way (S39)") {
  Simulation sim;
  auto node = open_node(sim).value();
  const auto dead = node.create_queue("dead").value();
  const auto other = node.create_queue("other", {.durability = Durability::memory}).value();
  const auto source =
      node.create_queue("source",
                        {.durability = Durability::memory, .max_messages = 10, .dead_letter_queue = "dead"})
          .value();
  fail(source, 10);
  sim.run_for(1s);
  source.send(std::vector<Message>(10)).value();
  dead.redrive().value();
  sim.run_for(1s);
  REQUIRE(moving(dead) == 10);
  dead.stop_redrive().value();
  dead.redrive({.target = "other"}).value();
  sim.run_for(1s);
  CHECK(moving(dead) == 0);
  CHECK(dead.redrive_status().value()->finished);
  CHECK(ready(dead) + ready(other) == 10);
}

TEST_CASE("a full queue of another shard is not asked again and again for the same (S39)") {
  Simulation sim;
  auto node = open_node(sim).value();
  const auto dead = node.create_queue("dead").value();
  const QueueOptions options{
      .durability = Durability::interval, .max_messages = 64, .dead_letter_queue = "dead"};
  const auto source = node.create_queue("source", options).value();
  fail(source, 64);
  sim.run_for(1s);
  source.send(std::vector<Message>(64)).value();
  dead.redrive().value();
  sim.run_for(1s);
  const auto before = sim.observer()->counter("log.bytes");
  sim.run_for(10s);
  CHECK(sim.observer()->counter("log.bytes") - before < 20'000);
}

/// A queue, the dead-letter queue of another shard, and somebody who redrives, stops, drains and restarts.
struct MovingLife {
  Simulation sim;
  std::minstd_rand dice;
  std::optional<Node> node;
  std::map<std::string, int> taken;

  explicit MovingLife(std::uint64_t seed)
      : sim({.seed = seed}), dice(static_cast<unsigned>(seed)), node(open_node(sim).value()) {
    node->create_queue("dead").value();
    const QueueOptions options{
        .durability = Durability::interval, .max_messages = 120, .dead_letter_queue = "dead"};
    const auto source = node->create_queue("source", options).value();
    fail(source, 120);
    sim.run_for(1s);
  }
  Queue queue(const char* name) { return node->open_queue(name).value(); }
  void take(const char* name) {
    const auto most = static_cast<std::uint32_t>(1 + dice() % 40);
    for (const auto& got : queue(name).receive_and_delete({.max_messages = most}).value()) {
      if (!got.body().empty()) ++taken[std::string(got.body())];
    }
  }
  void restart() {
    REQUIRE(node->close());
    node.reset();
    sim.boot();
    node = open_node(sim).value();
  }
  void step() {
    switch (dice() % 8) {
      case 0: (void)queue("dead").redrive(); break;
      case 1: (void)queue("dead").stop_redrive(); break;
      case 2: (void)queue("source").send(std::vector<Message>(1 + dice() % 120)); break;
      case 3: take("source"); break;
      case 4: fail_some(); break;
      case 5: restart(); break;
      default: sim.run_for(std::chrono::milliseconds(dice() % 300));
    }
  }
  void fail_some() {
    const auto held = queue("source").receive({.max_messages = 20}).value();
    if (!held.empty()) queue("source").reject(held, "again").value();
  }
  void drain() {
    (void)queue("dead").stop_redrive();
    for (int i = 0; i < 1'000 && (moving(queue("dead")) > 0 || ready(queue("dead")) > 0 ||
                                  moving(queue("source")) > 0 || ready(queue("source")) > 0);
         ++i) {
      take("source");
      take("dead");
      sim.run_for(50ms);
    }
  }
};

TEST_CASE("what moves between shards and comes back is there once, over restarts (S41)") {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    INFO("seed " << seed);
    MovingLife life(seed);
    for (int i = 0; i < 60; ++i) life.step();
    life.drain();
    CHECK(life.taken.size() == 120);
    for (const auto& [body, times] : life.taken) {
      if (times != 1) FAIL_CHECK(body << " was taken " << times << " times");
    }
  }
}

}  // namespace
}  // namespace peerq::testkit
