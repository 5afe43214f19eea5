// What went wrong: delivery windows did not open and close while the calendar was suspect. Found by random
// logs.
#include <catch2/catch_test_macros.hpp>

#include "support/model/small_log.hpp"
#include "support/model/systems.hpp"

namespace peerq::model {
namespace {

TEST_CASE("S64 S78 delivery windows open and close while the calendar is suspect") {
  const auto system = setting("naive").make();
  SmallLog log(*system);
  QueueOptions options;
  options.windows.resize(1);
  const QueueId queue = log.create(options);
  log.send(queue, 1);
  const std::vector<std::int64_t> turns{log.now().wall.ms + 10};
  log.run(engine::SetWindow{queue, 1, false, turns});
  CHECK(log.receive(queue, 1).grants.empty());
  log.halt(true);
  log.pass(Milliseconds(20), Milliseconds(20));
  CHECK(log.receive(queue, 1).grants.size() == 1);
}

}  // namespace
}  // namespace peerq::model
