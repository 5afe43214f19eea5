// What went wrong: creating or deleting a queue is an entry of the catalog and then one of the queue's shard.
// When the second could not be written, nobody answered the caller, not even at its deadline. Found by I/O
// errors.
#include <catch2/catch_test_macros.hpp>

#include "peerq/testkit/node.hpp"

namespace peerq::testkit {
namespace {

using namespace std::chrono_literals;

/// Calls `then` while the commit of this number is under way.
void during_commit(Simulation& simulation, std::uint64_t number, std::function<void()> then) {
  if (simulation.disk().facts().commits >= number) return then();
  simulation.scheduler().after(10us, [&simulation, number, then = std::move(then)]() mutable {
    during_commit(simulation, number, std::move(then));
  });
}

TEST_CASE("a queue whose configuration meets a failing disk is answered with node_failed") {
  Simulation simulation;
  auto node = open_node(simulation).value();
  REQUIRE(node.create_queue("first"));
  SECTION("create") {
    const auto commits = simulation.disk().facts().commits;
    during_commit(simulation, commits + 2, [&] { simulation.disk().fail_next_sync(); });
    const auto created = node.create_queue("second");
    REQUIRE_FALSE(created);
    CHECK(created.error() == errc::node_failed);
  }
  SECTION("delete") {
    simulation.run_for(1s);
    const auto commits = simulation.disk().facts().commits;
    during_commit(simulation, commits + 2, [&] { simulation.disk().fail_next_sync(); });
    const auto deleted = node.delete_queue("first");
    REQUIRE_FALSE(deleted);
    CHECK(deleted.error() == errc::node_failed);
  }
}

TEST_CASE("a queue whose configuration meets a full disk is answered at the deadline, and there later") {
  Simulation simulation;
  auto node = open_node(simulation).value();
  REQUIRE(node.create_queue("first"));
  simulation.run_for(1s);
  const auto commits = simulation.disk().facts().commits;
  during_commit(simulation, commits + 1, [&] { simulation.disk().set_full(true); });
  const auto created = node.create_queue("second");
  REQUIRE_FALSE(created);
  CHECK(created.error() == errc::outcome_unknown);
  simulation.disk().set_full(false);
  simulation.run_for(1s);
  CHECK(node.open_queue("second"));
}

}  // namespace
}  // namespace peerq::testkit
