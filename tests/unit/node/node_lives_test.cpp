// The whole node in virtual time, through one awkward moment each: a restart, a cancel, a clock that jumps, a
// disk that is full while the node closes.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "peerq/peerq.hpp"
#include "peerq/testkit/node.hpp"

using namespace peerq;
using namespace std::chrono_literals;
using testkit::open_node;
using testkit::Simulation;

namespace {

const QueueOptions by_interval{.durability = Durability::interval, .sync_interval = 1s};
constexpr auto year = std::chrono::hours(24 * 365);

/// One life of a node with the queue "i", killed before anything of it is written.
struct LostLife {
  MessageId id;
  std::string receipt;
};

LostLife lose_a_life(Simulation& sim) {
  auto node = open_node(sim).value();
  auto queue = node.create_queue("i", by_interval).value();
  sim.run_for(5s);
  LostLife out;
  out.id = queue.send("lost").value().id;
  out.receipt = queue.receive().value().at(0).receipt();
  sim.kill();
  return out;
}

}  // namespace

TEST_CASE("an interval queue never gives an id or a receipt twice, whenever it was killed (S58, S82)") {
  Simulation sim;
  {
    auto node = open_node(sim).value();
    node.create_queue("i", by_interval).value();
    sim.run_for(5s);
    REQUIRE(node.close());
  }
  sim.boot();
  const LostLife first = lose_a_life(sim);
  sim.boot();
  const LostLife second = lose_a_life(sim);
  sim.boot();
  auto node = open_node(sim).value();
  auto queue = node.open_queue("i").value();
  const MessageId id = queue.send("kept").value().id;
  CHECK(id != first.id);
  CHECK(id != second.id);
  CHECK(first.id != second.id);
  REQUIRE(queue.receive().value().size() == 1);
  for (const auto& receipt : {first.receipt, second.receipt}) {
    const auto erased = queue.erase(receipt);
    CHECK((!erased || erased->already_gone));
  }
  CHECK(queue.statistics().value().in_flight == 1);
}

TEST_CASE("receipts of an interval queue stay good over a clean restart") {
  Simulation sim;
  std::string receipt;
  {
    auto node = open_node(sim).value();
    auto queue = node.create_queue("i", by_interval).value();
    queue.send("x").value();
    receipt = queue.receive().value().at(0).receipt();
    REQUIRE(node.close());
  }
  sim.boot();
  auto node = open_node(sim).value();
  auto queue = node.open_queue("i").value();
  CHECK(queue.erase(receipt));
  CHECK(queue.statistics().value().deleted == 1);
}

TEST_CASE("a receive that was cancelled loses no message, and says so if it took one (S23, S57, S69)") {
  const bool erase = GENERATE(false, true);
  for (std::chrono::microseconds stop_at = 0us; stop_at < 3ms; stop_at += 50us) {
    Simulation sim;
    auto node = open_node(sim).value();
    auto queue = node.create_queue("t").value();
    std::stop_source stop;
    sim.scheduler().after(1ms, [&] { queue.send_async("x", {}, [](const Result<Sent>&) {}); });
    sim.scheduler().after(1ms + stop_at, [&] { stop.request_stop(); });
    const ReceiveOptions options{.wait = 10s, .stop = stop.get_token()};
    const auto got = erase ? queue.receive_and_delete(options) : queue.receive(options);
    sim.run_for(1s);
    const auto now = queue.statistics().value();
    INFO("stopped " << stop_at.count() << " us after the send");
    if (got) {
      CHECK(got->size() == 1);
      CHECK(now.deleted == (erase ? 1 : 0));
      continue;
    }
    CHECK(got.error() == errc::cancelled);
    CHECK(now.ready == 1);
    const auto again = queue.receive();
    REQUIRE(again.value().size() == 1);
    CHECK(again->at(0).receive_count() == 1);
  }
}

TEST_CASE("a calendar that was wrong for a while expires nothing (S64)") {
  const bool restart = GENERATE(false, true);
  Simulation sim;
  std::optional<Node> node = open_node(sim).value();
  auto queue = node->create_queue("t", {.retention = std::chrono::hours(24 * 30)}).value();
  queue.send("one").value();
  sim.clock()->jump_wall(year);
  sim.run_for(5s);
  queue.send("two").value();
  CHECK(sim.observer()->times(NodeEvent::clock_suspect) == 1);
  sim.clock()->jump_wall(-year);
  sim.run_for(5s);
  if (restart) {
    REQUIRE(node->close());
    node.reset();
    sim.boot();
    node = open_node(sim).value();
    queue = node->open_queue("t").value();
  }
  queue.send("three").value();
  sim.run_for(5s);
  CHECK(queue.statistics().value().expired == 0);
  CHECK(queue.statistics().value().ready == 3);
}

TEST_CASE("after confirm_clock an idle node expires what is due (S64)") {
  Simulation sim;
  auto node = open_node(sim).value();
  auto queue = node.create_queue("t", {.retention = std::chrono::hours(24 * 30)}).value();
  queue.send("old").value();
  sim.clock()->jump_wall(year);
  sim.run_for(5s);
  CHECK(queue.statistics().value().expired == 0);
  node.confirm_clock();
  sim.run_for(5s);
  CHECK(queue.statistics().value().expired == 1);
}

TEST_CASE("a node whose checkpoint waits for room still ends in time (S56)") {
  const bool sync_fails = GENERATE(false, true);
  Simulation sim(
      testkit::SimulationOptions{.disk = {.checkpoint = {Microseconds(20'000), Microseconds(30'000)}}});
  auto node = open_node(sim, 4U << 20).value();
  auto queue = node.create_queue("t").value();
  const std::string body(100'000, 'x');
  for (int i = 0; i < 2'000 && sim.observer()->times(NodeEvent::checkpoint_failed) == 0; ++i) {
    sim.disk().set_full(false);
    (void)queue.send(body);
    sim.disk().set_full(true);
    sim.run_for(50us);
  }
  REQUIRE(sim.observer()->times(NodeEvent::checkpoint_failed) > 0);
  if (sync_fails) {
    sim.disk().set_full(false);
    sim.disk().fail_next_sync();
    (void)queue.receive();
  }
  const SteadyTime begun = sim.scheduler().now();
  (void)node.close(100ms);
  CHECK(sim.scheduler().now() - begun < 2s);
}

TEST_CASE("a node that goes while its disk is full leaves nothing behind") {
  Simulation sim(
      testkit::SimulationOptions{.disk = {.checkpoint = {Microseconds(20'000), Microseconds(30'000)}}});
  {
    auto node = open_node(sim, 4U << 20).value();
    auto queue = node.create_queue("t").value();
    for (int i = 0; i < 2'000 && sim.observer()->times(NodeEvent::checkpoint_failed) == 0; ++i) {
      sim.disk().set_full(false);
      (void)queue.send(std::string(100'000, 'x'));
      sim.disk().set_full(true);
      sim.run_for(50us);
    }
    REQUIRE(sim.observer()->times(NodeEvent::checkpoint_failed) > 0);
  }
  sim.disk().set_full(false);
  CHECK(open_node(sim));
}

TEST_CASE("a call that meets the queue's deletion is told queue_deleted (S7)") {
  int deleted = 0;
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    Simulation sim({.seed = seed});
    std::optional<Error> error;
    auto node = open_node(sim).value();
    auto queue = node.create_queue("t").value();
    sim.scheduler().after(std::chrono::microseconds(20 * seed), [&] {
      queue.send_async("x", {}, [&](const Result<Sent>& sent) {
        if (!sent) error = sent.error();
      });
    });
    REQUIRE(node.delete_queue("t"));
    sim.run_for(100ms);
    if (!error) continue;
    REQUIRE(*error == errc::queue_deleted);
    ++deleted;
  }
  CHECK(deleted > 0);
}

TEST_CASE("from send to a waiting receiver it takes one commit") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Simulation sim({.seed = seed});
    std::size_t got = 0;
    auto node = open_node(sim).value();
    auto queue = node.create_queue("t").value();
    sim.run_for(1s);
    queue.receive_async({.wait = 10s},
                        [&](const Result<std::vector<Delivery>>& r) { got = r.value().size(); });
    sim.run_for(1s);
    const auto before = sim.disk().facts().commits;
    queue.send("x").value();
    sim.run_for(100ms);
    CHECK(got == 1);
    CHECK(sim.disk().facts().commits - before == 1);
  }
}

TEST_CASE("receivers are served in the order they came, with or without an attempt id (S22)") {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    Simulation sim({.seed = seed});
    std::string served;
    auto node = open_node(sim).value();
    auto queue = node.create_queue("t").value();
    const auto serve = [&](char who) {
      return [&served, who](const Result<std::vector<Delivery>>& r) {
        if (r && !r->empty()) served.push_back(who);
      };
    };
    queue.receive_async({.wait = 10s}, serve('1'));
    sim.run_for(1s);
    queue.receive_async({.wait = 10s, .attempt_id = "second"}, serve('2'));
    sim.run_for(1s);
    queue.send_async("x", {}, [](const Result<Sent>&) {});
    queue.receive_async({.wait = 10s, .attempt_id = "third"}, serve('3'));
    sim.run_for(1s);
    CHECK(served == "1");
    queue.send("y").value();
    sim.run_for(1s);
    CHECK(served == "12");
    queue.send("z").value();
    sim.run_for(1s);
    CHECK(served == "123");
  }
}

TEST_CASE("waiters have a limit, also those with an attempt id (S83)") {
  Simulation sim;
  std::size_t refused = 0;
  auto node = open_node(sim).value();
  auto queue = node.create_queue("m", {.durability = Durability::memory}).value();
  const auto count = [&](const Result<std::vector<Delivery>>& r) {
    if (!r && r.error() == errc::limit_exceeded) ++refused;
  };
  for (std::size_t i = 0; i < limits::waiters_max; ++i) queue.receive_async({.wait = 100s}, count);
  sim.run_for(1s);
  CHECK(refused == 0);
  queue.receive_async({.wait = 100s}, count);
  queue.receive_async({.wait = 100s, .attempt_id = "a"}, count);
  sim.run_for(1s);
  CHECK(refused == 2);
}

TEST_CASE("the same attempt that waits twice takes its former place (S21)") {
  Simulation sim;
  std::vector<std::string> ends;  // before the node, whose end ends receivers too
  auto node = open_node(sim).value();
  auto queue = node.create_queue("t").value();
  const auto note = [&](const char* who) {
    return [&ends, who](const Result<std::vector<Delivery>>& r) {
      ends.push_back(std::string(who) + (r ? " served" : " " + std::string(name_of(r.error().code))));
    };
  };
  queue.receive_async({.wait = 10s, .attempt_id = "a"}, note("first"));
  sim.run_for(1s);
  queue.receive_async({.wait = 10s}, note("other"));
  sim.run_for(1s);
  queue.receive_async({.wait = 10s, .attempt_id = "a"}, note("second"));
  sim.run_for(1s);
  queue.send("x").value();
  sim.run_for(1s);
  CHECK(ends == std::vector<std::string>{"first cancelled", "second served"});
}

TEST_CASE("an existing queue is found again on a full disk (S6)") {
  Simulation sim;
  auto node = open_node(sim).value();
  node.create_queue("t").value();
  sim.disk().set_full(true);
  for (int i = 0; i < 100 && node.create_queue("other" + std::to_string(i)); ++i) sim.run_for(1s);
  CHECK(node.create_queue("new").error() == errc::storage_full);
  CHECK(node.create_queue("t"));
}
