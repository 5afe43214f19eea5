// What went wrong with levels: later messages of a FIFO group took no credit of their level; a level that ran
// dry started a new round; a FIFO group that changed its level lost its place. Found by random logs.
#include <catch2/catch_test_macros.hpp>

#include "support/model/small_log.hpp"
#include "support/model/systems.hpp"

namespace peerq::model {
namespace {

TEST_CASE("S26 every message of a FIFO group takes a credit of its own level") {
  const auto system = setting("naive").make();
  SmallLog log(*system);
  QueueOptions options;
  options.type = QueueType::fifo;
  options.priority_mode = PriorityMode::weighted;
  options.weights.fill(2);
  const QueueId queue = log.create(options);
  log.send_to(queue, "a", 5);
  log.send_to(queue, "a", 4);
  CHECK(log.receive_numbers(queue, 2) == std::vector<std::uint64_t>{1, 2});
  log.send_to(queue, "b", 4);
  log.send_to(queue, "c", 5);
  // Both levels have one of two left: of equals the higher.
  CHECK(log.receive_numbers(queue, 1) == std::vector<std::uint64_t>{4});
}

TEST_CASE("S26 a level that has nothing more to give starts no new round, messages without a group") {
  const auto system = setting("naive").make();
  SmallLog log(*system);
  QueueOptions options;
  options.priority_mode = PriorityMode::weighted;
  options.weights.fill(1);
  options.weights[4] = 3;
  const QueueId queue = log.create(options);
  log.send_to(queue, "", 9);
  log.send_to(queue, "", 4);
  CHECK(log.receive(queue, 10).grants.size() == 2);
  log.send_to(queue, "", 9);
  log.send_to(queue, "", 4);
  const auto grants = log.receive(queue, 1).grants;
  REQUIRE(grants.size() == 1);
  CHECK(grants[0].lease.sequence.lane() == 4);  // two of three left there, none of one at 9
}

TEST_CASE("S26 a level that has nothing more to give starts no new round, groups at their cap") {
  const auto system = setting("naive").make();
  SmallLog log(*system);
  QueueOptions options;
  options.priority_mode = PriorityMode::weighted;
  options.weights.fill(1);
  options.weights[4] = 3;
  options.max_in_flight_per_group = 1;
  const QueueId queue = log.create(options);
  log.send_to(queue, "a", 9);
  log.send_to(queue, "b", 4);
  log.send_to(queue, "b", 4);
  CHECK(log.receive_numbers(queue, 10) == std::vector<std::uint64_t>{1, 2});
  log.send_to(queue, "c", 9);
  log.send_to(queue, "d", 4);
  CHECK(log.receive_numbers(queue, 1) == std::vector<std::uint64_t>{5});
}

TEST_CASE("S47 FIFO groups of equal rank give in the order in which they became free") {
  const auto system = setting("naive").make();
  SmallLog log(*system);
  QueueOptions options;
  options.type = QueueType::fifo;
  const QueueId queue = log.create(options);
  const MessageId head = log.send_to(queue, "a", 0).id;
  log.send_to(queue, "b", 5);
  log.send_to(queue, "a", 5);
  CHECK(log.run(engine::Cancel{queue, std::span(&head, 1)}).items.at(0).code == errc::ok);
  CHECK(log.receive_numbers(queue, 1) == std::vector<std::uint64_t>{3});
}

}  // namespace
}  // namespace peerq::model
