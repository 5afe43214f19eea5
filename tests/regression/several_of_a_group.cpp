// What went wrong: a receive from several queues took one message of a FIFO group, where a plain receive goes
// on with the group. Found by random logs.
#include <catch2/catch_test_macros.hpp>

#include "support/model/small_log.hpp"
#include "support/model/systems.hpp"

namespace peerq::model {
namespace {

TEST_CASE("S27 S43 a FIFO group goes on giving in a receive from several queues") {
  const auto system = setting("naive").make();
  SmallLog log(*system);
  QueueOptions options;
  options.type = QueueType::fifo;
  const QueueId queue = log.create(options);
  for (int i = 0; i < 3; ++i) log.send_to(queue, "a");
  engine::ReceiveSeveral several;
  const std::vector<engine::WeightedQueue> queues{{queue, 1}};
  several.queues = queues;
  several.max_messages = 2;
  CHECK(log.run(several).grants.size() == 2);
}

}  // namespace
}  // namespace peerq::model
