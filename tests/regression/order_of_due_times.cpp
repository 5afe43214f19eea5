// What went wrong: of what an entry made due, the engine did not take one time after the other. What had
// expired by the entry's stamp was never ready in between, and a retention timer took all that was past. Seen
// in the order of groups. Found by random logs.
#include <catch2/catch_test_macros.hpp>

#include "support/model/small_log.hpp"
#include "support/model/systems.hpp"

namespace peerq::model {
namespace {

TEST_CASE("S3 a message that fell due and expired since the last entry opened its group in between") {
  const auto system = setting("naive").make();
  SmallLog log(*system);
  QueueOptions options;
  options.type = QueueType::fifo;
  const QueueId queue = log.create(options);
  const auto at = [&](std::int64_t ms) { return log.now().wall + Milliseconds(ms); };
  log.send_to(queue, "a", limits::priority_default, at(10), 20);  // due at 10, expires at 30
  log.send_to(queue, "b", limits::priority_default, at(15));
  log.send_to(queue, "a", limits::priority_default, at(20));
  log.pass(Milliseconds(0), Milliseconds(100));
  // Group a is open from 10 on, first by its first message and then by its second.
  CHECK(log.receive_numbers(queue, 1) == std::vector<std::uint64_t>{3});
}

TEST_CASE("S3 what retention ends is handled in the order of the times") {
  const auto system = setting("naive").make();
  SmallLog log(*system);
  QueueOptions options;
  options.retention = Milliseconds(1000);
  const QueueId queue = log.create(options);
  log.send_to(queue, "");  // its retention would end at 1,000
  log.settle(queue, engine::Verb::erase, log.receive(queue, 1).grants.at(0).lease);
  log.pass(Milliseconds(0), Milliseconds(500));
  log.send_to(queue, "a");  // until 1,500
  log.pass(Milliseconds(0), Milliseconds(100));
  log.send_to(queue, "b");
  log.send_to(queue, "a", limits::priority_default, log.now().wall + Milliseconds(800));  // due at 1,400
  log.pass(Milliseconds(0), Milliseconds(950));
  // At 1,400 group a gets its second message, and so it stays open when its first one goes at 1,500.
  CHECK(log.receive_numbers(queue, 1) == std::vector<std::uint64_t>{3});
}

}  // namespace
}  // namespace peerq::model
