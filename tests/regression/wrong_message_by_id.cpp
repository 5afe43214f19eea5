// What went wrong: in a dead-letter queue the place of a dead-lettered message was taken for a message id of
// that queue, so that get and kick found another message than the one they named. Found by random logs.
#include <catch2/catch_test_macros.hpp>

#include "support/model/small_log.hpp"
#include "support/model/systems.hpp"

namespace peerq::model {
namespace {

TEST_CASE(
    "S38 S67 a dead-lettered message is named by its own id, not by its place in the dead-letter queue") {
  const auto system = setting("naive").make();
  SmallLog log(*system);
  const QueueId dead = log.create({});
  const QueueId source = log.create({}, dead);
  const MessageId id = log.send(source, 1).items[0].id;
  const auto lease = log.receive(source, 1).grants.at(0).lease;
  REQUIRE(log.settle(source, engine::Verb::reject, lease).code == errc::ok);
  const MessageId nobody{dead, Sequence::make(4, 1)};
  CHECK(system->get(dead, id, log.now()).has_value());
  CHECK(system->get(dead, nobody, log.now()).error() == errc::message_not_found);

  const auto again = log.receive(dead, 1).grants.at(0).lease;
  REQUIRE(log.settle(dead, engine::Verb::reject, again).code == errc::ok);  // parked
  CHECK(log.run(engine::Kick{dead, std::span(&nobody, 1), 0}).count == 0);
  CHECK(log.run(engine::Kick{dead, std::span(&id, 1), 0}).count == 1);
}

}  // namespace
}  // namespace peerq::model
