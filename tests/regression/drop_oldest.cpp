// What went wrong: an atomic batch dropped messages of a higher priority than those of the batch for which it
// dropped them. Found by random logs.
#include <catch2/catch_test_macros.hpp>

#include "support/model/small_log.hpp"
#include "support/model/systems.hpp"

namespace peerq::model {
namespace {

TEST_CASE("S14 S15 an atomic batch drops nothing for a message of a lower priority") {
  const auto system = setting("naive").make();
  SmallLog log(*system);
  QueueOptions options;
  options.overflow = Overflow::drop_oldest;
  options.max_messages = 2;
  const QueueId queue = log.create(options);
  log.send(queue, {SmallLog::item({}, 5), SmallLog::item({}, 5)});
  // One by one the second of these would be refused: both that are there have a higher priority.
  CHECK(log.send(queue, {SmallLog::item({}, 9), SmallLog::item({}, 0)}, true).code == errc::queue_full);
  CHECK(system->facts(queue, log.now())->counters.dropped == 0);
}

}  // namespace
}  // namespace peerq::model
