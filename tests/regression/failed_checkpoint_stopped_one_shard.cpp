// What went wrong: a checkpoint whose write or sync failed stopped its shard, while the node went on with the
// others on the same disk. Found by I/O errors.
#include <catch2/catch_test_macros.hpp>

#include "peerq/testkit/node.hpp"

namespace peerq::testkit {
namespace {

using namespace std::chrono_literals;

TEST_CASE("a checkpoint that fails to be written stops the node, and loses nothing") {
  Simulation simulation;
  {
    auto node = open_node(simulation).value();
    const auto queue = node.create_queue("work").value();
    const auto other = node.create_queue("other", {.durability = Durability::interval}).value();
    REQUIRE(queue.send("acknowledged"));
    simulation.disk().fail_next_checkpoint();
    const auto closed = node.close();
    REQUIRE_FALSE(closed);
    CHECK(closed.error() == errc::node_failed);
    CHECK(simulation.observer()->count(NodeEvent::node_failed) == 1);
  }
  simulation.boot();
  auto node = open_node(simulation).value();
  const auto received = node.open_queue("work").value().receive().value();
  REQUIRE(received.size() == 1);
  CHECK(received[0].body() == "acknowledged");
  CHECK(node.open_queue("other"));
}

}  // namespace
}  // namespace peerq::testkit
