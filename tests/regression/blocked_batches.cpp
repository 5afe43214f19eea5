// What went wrong: in a queue that lets its senders wait for room, a small message of a batch went ahead of a
// larger one before it that had found none.
#include <catch2/catch_test_macros.hpp>

#include "support/model/small_log.hpp"
#include "support/model/systems.hpp"

namespace peerq::model {
namespace {

TEST_CASE("S14 S15 behind a message of a batch that waits for room all wait, but for duplicates") {
  const auto system = setting("naive").make();
  SmallLog log(*system);
  QueueOptions options;
  options.max_message_size = 10;
  options.max_bytes = 10;
  options.overflow = Overflow::block;
  const QueueId queue = log.create(options);
  log.send(queue, {SmallLog::item({}, limits::priority_default, "id")});
  auto items = std::vector<engine::SendItem>(4, SmallLog::item());
  items[1].counted_bytes = 7;
  items[2] = SmallLog::item({}, limits::priority_default, "id");
  items[3].counted_bytes = 1;
  const auto reply = log.send(queue, items);
  CHECK(reply.items.at(0).code == errc::ok);
  CHECK(reply.items.at(1).code == errc::queue_full);
  CHECK(reply.items.at(2).deduplicated);
  CHECK(reply.items.at(3).code == errc::queue_full);
  options.overflow = Overflow::reject;
  log.change(queue, options);
  items[0].counted_bytes = 0;
  CHECK(log.send(queue, items).items.at(3).code == errc::ok);  // nobody waits: what fits is sent
}

}  // namespace
}  // namespace peerq::model
