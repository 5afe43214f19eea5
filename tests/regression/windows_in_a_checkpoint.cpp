// What went wrong: a directory with a queue whose delivery windows were told could not be opened after a
// checkpoint: its file "is not what the last commit left". Found by random logs.
#include <catch2/catch_test_macros.hpp>

#include "support/model/small_log.hpp"
#include "support/model/systems.hpp"

namespace peerq::model {
namespace {

TEST_CASE("a state with delivery windows is opened again after a checkpoint") {
  const auto system = setting("lmdb").make();
  SmallLog log(*system);
  QueueOptions options;
  options.windows.resize(1);
  const QueueId queue = log.create(options);
  const std::vector<std::int64_t> turns{log.now().wall.ms + 10};
  log.run(engine::SetWindow{queue, 1, false, turns});
  while (!system->checkpoint()) continue;
  REQUIRE_NOTHROW(system->restart());
  CHECK(log.receive(queue, 1).grants.empty());
}

}  // namespace
}  // namespace peerq::model
