// What went wrong: a new max_lease_time was used for leases that were given out before it. Found by random
// logs.
#include <catch2/catch_test_macros.hpp>

#include "support/model/small_log.hpp"
#include "support/model/systems.hpp"

namespace peerq::model {
namespace {

Milliseconds granted_after_change(Milliseconds before, Milliseconds after) {
  const auto system = setting("naive").make();
  SmallLog log(*system);
  QueueOptions options;
  options.visibility_timeout = Milliseconds(1000);
  options.max_lease_time = before;
  const QueueId queue = log.create(options);
  log.send(queue, 1);
  const auto lease = log.receive(queue, 1).grants.at(0).lease;
  engine::Configure change{*system->config(queue), false};
  change.config.version += 1;
  change.config.options.max_lease_time = after;
  log.run(change);
  return Milliseconds(log.settle(queue, engine::Verb::extend, lease, 100'000).granted_ms);
}

TEST_CASE("S9 S35 a lease is extended up to the max_lease_time under which it was given out") {
  CHECK(granted_after_change(Milliseconds(5000), Milliseconds(5000)) == Milliseconds(5000));
  CHECK(granted_after_change(Milliseconds(5000), Milliseconds(2000)) == Milliseconds(5000));
  CHECK(granted_after_change(Milliseconds(5000), Milliseconds(60'000)) == Milliseconds(5000));
}

}  // namespace
}  // namespace peerq::model
