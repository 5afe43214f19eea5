// What went wrong: a parked group without messages was not forgotten by a purge, and was older than groups
// that came after it. Found by random logs.
#include <catch2/catch_test_macros.hpp>

#include "support/model/small_log.hpp"
#include "support/model/systems.hpp"

namespace peerq::model {
namespace {

TEST_CASE("S8 a parked group without messages is forgotten when the queue is purged") {
  const auto system = setting("naive").make();
  SmallLog log(*system);
  QueueOptions options;
  options.type = QueueType::fifo;
  options.group_rate = {1000, 1};
  const QueueId queue = log.create(options);
  log.run(engine::ChangeGroup{queue, engine::GroupVerb::park, as_bytes("old")});
  log.run(engine::Purge{queue});
  for (const char* group : {"new", "old", "new", "old"}) log.send_to(queue, group);
  for (const auto& grant : log.receive(queue, 2).grants) log.settle(queue, engine::Verb::erase, grant.lease);
  log.pass(Milliseconds(1000), Milliseconds(0));
  // Both get their token at the same time: the one that is there for longer is first.
  CHECK(log.receive_numbers(queue, 2) == std::vector<std::uint64_t>{3, 4});
}

}  // namespace
}  // namespace peerq::model
