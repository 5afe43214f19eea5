#include "peerq/testkit/node.hpp"

#include "api/open_parts.hpp"

namespace peerq::testkit {

Result<Node> open_node(Simulation& simulation, std::size_t memory_budget) {
  const port::StoreOptions options{.directory = "simulated",
                                   .memory_budget = memory_budget,
                                   .initial_configuration = detail::initial_configuration()};
  auto store = simulation.disk().open(options, *simulation.entropy());
  if (!store) return std::move(store).error();
  return detail::assemble({.clock = simulation.clock(),
                           .executor = simulation.executor(),
                           .observer = simulation.observer(),
                           .entropy = simulation.entropy(),
                           .store = std::move(*store),
                           .keep_alive = nullptr});
}

}  // namespace peerq::testkit
