// What went wrong: a kick by id counted a parked message that it found past its retention, and so expired, as
// kicked. Found by random logs.
#include <catch2/catch_test_macros.hpp>

#include "support/model/small_log.hpp"
#include "support/model/systems.hpp"

namespace peerq::model {
namespace {

TEST_CASE("S63 S67 a parked message that expired is not counted as kicked") {
  const auto system = setting("naive").make();
  SmallLog log(*system);
  QueueOptions options;
  options.retention = Milliseconds(1000);
  const QueueId queue = log.create(options);
  const MessageId id = log.send(queue, 1).items[0].id;
  const auto lease = log.receive(queue, 1).grants.at(0).lease;
  log.pass(Milliseconds(0), Milliseconds(2000));

  engine::SettleItem reject;
  reject.lease = lease;
  std::vector<engine::Command> commands(2);
  commands[0].body = engine::Settle{queue, engine::Verb::reject, std::span(&reject, 1)};
  commands[1].body = engine::Kick{queue, std::span(&id, 1), 0};
  const auto effects = log.apply(std::move(commands));
  CHECK(effects.replies[0].items.at(0).code == errc::ok);
  CHECK(effects.replies[1].count == 0);
  CHECK(system->facts(queue, log.now())->counters.expired == 1);
}

}  // namespace
}  // namespace peerq::model
