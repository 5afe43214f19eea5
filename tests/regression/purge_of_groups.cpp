// What went wrong: after a purge a group kept the levels of messages that were gone; the next receive met "a
// group has no message that is ready" and stopped the shard as damaged. Found by random logs.
#include <catch2/catch_test_macros.hpp>

#include "support/model/small_log.hpp"
#include "support/model/systems.hpp"

namespace peerq::model {
namespace {

TEST_CASE("S8 a group that was purged has only the levels of its new messages") {
  const auto system = setting("naive").make();
  SmallLog log(*system);
  QueueOptions options;
  options.priority_aging = Milliseconds(1500);
  const QueueId queue = log.create(options);
  log.send_to(queue, "a", 0);
  engine::SendItem item;
  item.payload = as_bytes("body");
  item.counted_bytes = 4;
  item.group_id = as_bytes("a");
  engine::Receive receive;
  receive.queue = queue;
  receive.max_messages = 3;
  std::vector<engine::Command> commands(3);
  commands[0].body = engine::Purge{queue};
  commands[1].body = engine::Send{queue, false, std::span(&item, 1)};
  commands[2].body = receive;
  engine::Effects effects;
  REQUIRE_NOTHROW(effects = log.apply(std::move(commands)));
  CHECK(effects.replies.at(2).grants.size() == 1);
}

TEST_CASE("S8 a paused group that was purged has only the levels of its new messages") {
  const auto system = setting("naive").make();
  SmallLog log(*system);
  const QueueId queue = log.create({});
  log.run(engine::ChangeGroup{queue, engine::GroupVerb::pause, as_bytes("a")});
  log.send_to(queue, "a", 3);
  log.run(engine::Purge{queue});
  log.send_to(queue, "a", 0);
  log.run(engine::ChangeGroup{queue, engine::GroupVerb::resume, as_bytes("a")});
  engine::Reply reply;
  REQUIRE_NOTHROW(reply = log.receive(queue, 3));
  CHECK(reply.grants.size() == 1);
}

}  // namespace
}  // namespace peerq::model
