#pragma once
// A whole node on a simulated machine: the production classes from the public API down to the tables, on one
// thread, in virtual time, from one seed.

#include <cstddef>

#include "peerq/base/limits.hpp"
#include "peerq/base/result.hpp"
#include "peerq/node.hpp"
#include "peerq/testkit/simulation.hpp"

namespace peerq::testkit {

/// Opens a node on the simulation's disk, in its present process. Blocking calls on it run the simulation
/// meanwhile. Let go of the node (and of what came from it) after `cut_power` or `kill`, before the next
/// `boot`.
/// **Errors** as `Node::open`. **Thread** the simulation's one.
Result<Node> open_node(Simulation& simulation, std::size_t memory_budget = limits::memory_budget_default);

}  // namespace peerq::testkit
