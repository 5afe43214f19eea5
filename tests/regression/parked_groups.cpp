// What went wrong: a message whose attempts were used up, and whose time-to-live had passed in flight,
// expired instead of parking its group. Found by random logs.
#include <catch2/catch_test_macros.hpp>

#include "support/model/small_log.hpp"
#include "support/model/systems.hpp"

namespace peerq::model {
namespace {

TEST_CASE(
    "S40 S45 that the attempts are used up wins over a time that passed in flight, also with park_group") {
  const auto system = setting("naive").make();
  SmallLog log(*system);
  QueueOptions options;
  options.type = QueueType::fifo;
  options.poison = Poison::park_group;
  options.max_receives = 1;
  const QueueId queue = log.create(options);
  log.send_to(queue, "a", limits::priority_default, {}, 10);
  const auto lease = log.receive(queue, 1).grants.at(0).lease;
  log.pass(Milliseconds(0), Milliseconds(100));
  log.settle(queue, engine::Verb::nack, lease);
  CHECK(system->facts(queue, log.now())->counters.expired == 0);
  log.send_to(queue, "a");
  CHECK(log.receive(queue, 1).grants.empty());  // parked
}

}  // namespace
}  // namespace peerq::model
