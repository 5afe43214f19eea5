// What went wrong: what is told about messages of a group. A delivery did not name its group; the oldest
// message was missed when it had come back to its group; a group went on giving above a lowered cap.
// Found by random logs.
#include <catch2/catch_test_macros.hpp>

#include "support/model/small_log.hpp"
#include "support/model/systems.hpp"

namespace peerq::model {
namespace {

TEST_CASE("a delivery names its group") {
  const auto system = setting("naive").make();
  SmallLog log(*system);
  const QueueId queue = log.create({});
  log.send_to(queue, "a");
  CHECK(log.receive(queue, 1).grants.at(0).group_id == "a");
}

TEST_CASE("the oldest message of a queue may be one that came back to its group") {
  const auto system = setting("naive").make();
  SmallLog log(*system);
  const QueueId queue = log.create({});
  const WallTime first = log.now().wall;
  log.send_to(queue, "a");
  const auto lease = log.receive(queue, 1).grants.at(0).lease;
  log.pass(Milliseconds(0), Milliseconds(100));
  log.send_to(queue, "a");
  log.settle(queue, engine::Verb::release, lease);
  CHECK(system->facts(queue, log.now())->oldest == first);
}

TEST_CASE("S9 S24 a cap of groups that is lowered counts for the next receive") {
  const auto system = setting("naive").make();
  SmallLog log(*system);
  QueueOptions options;
  const QueueId queue = log.create(options);
  log.send_to(queue, "a");
  log.send_to(queue, "a");
  log.receive(queue, 1);
  options.max_in_flight_per_group = 1;
  log.change(queue, options);
  // The counter of held messages follows when the group is next looked at.
  CHECK(log.receive(queue, 1).grants.empty());
}

}  // namespace
}  // namespace peerq::model
