#pragma once
// What a node is assembled from; the test kit assembles one from simulated parts.

#include <memory>

#include "peerq/base/bytes.hpp"
#include "peerq/node.hpp"
#include "peerq/port/clock.hpp"
#include "peerq/port/entropy.hpp"
#include "peerq/port/executor.hpp"
#include "peerq/port/observer.hpp"
#include "peerq/port/store.hpp"

namespace peerq::detail {

struct OpenParts {
  std::shared_ptr<port::Clock> clock;
  std::shared_ptr<port::Executor> executor;
  std::shared_ptr<Observer> observer;
  std::shared_ptr<port::Entropy> entropy;
  std::unique_ptr<port::Store> store;
  /// Whatever must live as long as the node: a host's executor, the file system's seam.
  std::shared_ptr<void> keep_alive;
  /// Time passes by itself, and lanes run on other threads; not so in a simulation.
  bool real_time = false;
};

/// Recovers the store and starts the node. **Errors** as `Node::open`.
Result<Node> assemble(OpenParts parts);

/// Body of the configuration entry of a directory with this one peer.
SharedBytes initial_configuration();

}  // namespace peerq::detail
