// Sessions in virtual time (S18).

#include <catch2/catch_test_macros.hpp>

#include "peerq/peerq.hpp"
#include "peerq/testkit/node.hpp"

namespace peerq::testkit {
namespace {

using namespace std::chrono_literals;

struct Queues {
  Node node;
  Queue durable = node.create_queue("durable").value();
  Queue interval = node.create_queue("interval", {.durability = Durability::interval}).value();
  Queue memory = node.create_queue("memory", {.durability = Durability::memory}).value();
  Session session = node.open_session().value();

  explicit Queues(Simulation& sim) : node(open_node(sim).value()) {}
  Result<Sent> send(const Queue& queue, std::uint64_t number) const {
    return queue.in(session.request(number)).send("x");
  }
};

TEST_CASE("a session is opened on every shard at once, and taken up again by the next process (S18)") {
  Simulation sim;
  SessionId id;
  {
    Queues queues(sim);
    id = queues.session.id();
    for (const auto& queue : {queues.durable, queues.interval, queues.memory}) {
      CHECK(queues.send(queue, 1));
    }
    REQUIRE(queues.node.close());
  }
  sim.boot();
  auto node = open_node(sim).value();
  const auto session = node.open_session(id).value();
  for (const char* name : {"durable", "interval", "memory"}) {
    const auto queue = node.open_queue(name).value();
    CHECK(queue.in(session.request(1)).send("x"));
    CHECK(queue.statistics().value().ready == 1);  // memory forgot the message, and the request with it
  }
}

TEST_CASE("a session ends 10 minutes after its last request, on every shard (S18)") {
  Simulation sim;
  Queues queues(sim);
  REQUIRE(queues.send(queues.durable, 1));
  sim.run_for(9min);
  REQUIRE(queues.send(queues.durable, 2));
  sim.run_for(9min);
  REQUIRE(queues.session.keep_alive());
  sim.run_for(9min);
  REQUIRE(queues.send(queues.durable, 3));
  sim.run_for(11min);
  for (const auto& queue : {queues.durable, queues.interval, queues.memory}) {
    CHECK(queues.send(queue, 4).error() == errc::session_expired);
  }
  CHECK(queues.node.open_session(queues.session.id()).error() == errc::session_expired);
}

TEST_CASE("requests of one durability keep their session alive on the others (S18)") {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    Simulation sim({.seed = seed});
    Queues queues(sim);
    const auto first = queues.send(queues.interval, 1).value().id;
    const auto in_memory = queues.send(queues.memory, 1).value().id;
    for (std::uint64_t number = 2; number <= 60; ++number) {
      REQUIRE(queues.send(queues.durable, number));
      sim.run_for(30s);
    }
    CHECK(queues.send(queues.interval, 1).value().id == first);
    CHECK(queues.send(queues.memory, 1).value().id == in_memory);
    CHECK(queues.send(queues.interval, 2));
  }
}

TEST_CASE("after a power cut a session repeats what was acknowledged and nothing twice (S18)") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Simulation sim({.seed = seed});
    std::vector<MessageId> ids;
    SessionId id;
    {
      Queues queues(sim);
      id = queues.session.id();
      for (std::uint64_t number = 1; number <= 5; ++number) {
        ids.push_back(queues.send(queues.durable, number).value().id);
      }
      queues.durable.in(queues.session.request(6)).send_async("x", {}, [](const Result<Sent>&) {});
      sim.run_for(std::chrono::microseconds(seed * 100));
      sim.cut_power();
    }
    sim.boot();
    auto node = open_node(sim).value();
    auto queue = node.open_queue("durable").value();
    const auto session = node.open_session(id).value();
    for (std::uint64_t number = 1; number <= 6; ++number) {
      const auto again = queue.in(session.request(number)).send("x").value();
      if (number <= 5) CHECK(again.id == ids[number - 1]);
    }
    CHECK(queue.statistics().value().sent == 6);
  }
}

}  // namespace
}  // namespace peerq::testkit
