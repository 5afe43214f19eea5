// What went wrong: a transaction that failed had dropped messages; one on a queue above its limit deleted,
// but did not send; one that dropped a message into a queue to which it sent did not send there, and said
// that it had succeeded. Found by random logs.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include "support/model/small_log.hpp"
#include "support/model/systems.hpp"

namespace peerq::model {
namespace {

TEST_CASE("S76 a transaction that fails has dropped nothing") {
  const auto system = setting("naive").make();
  SmallLog log(*system);
  QueueOptions drops;
  drops.overflow = Overflow::drop_oldest;
  drops.max_messages = 1;
  const QueueId dropping = log.create(drops);
  QueueOptions rejects;
  rejects.max_messages = 0;
  const QueueId full = log.create(rejects);
  log.send(dropping, 1);
  const std::vector<engine::SendItem> one{SmallLog::item()};
  const std::vector<engine::Transact::Part> parts{{dropping, {}, one}, {full, {}, one}};
  CHECK(log.run(engine::Transact{parts}).code == errc::queue_full);
  CHECK(system->facts(dropping, log.now())->counters.dropped == 0);
  CHECK(log.receive_numbers(dropping, 1) == std::vector<std::uint64_t>{1});
}

TEST_CASE("S76 a transaction on a queue above its limit happens wholly or not at all") {
  const auto system = setting("naive").make();
  SmallLog log(*system);
  const QueueId queue = log.create({});
  log.send(queue, 3);
  const engine::SettleItem erase{
      .lease = log.receive(queue, 1).grants.at(0).lease, .reason = {}, .result = {}};
  QueueOptions options;
  options.max_messages = 1;
  log.change(queue, options);
  const std::vector<engine::SendItem> one{SmallLog::item()};
  const std::vector<engine::Transact::Part> parts{{queue, std::span(&erase, 1), one}};
  // Two would be left with the new one: still above.
  CHECK(log.run(engine::Transact{parts}).code == errc::queue_full);
  const auto counters = system->facts(queue, log.now())->counters;
  CHECK(counters.deleted == 0);
  CHECK(counters.sent == 3);
}

TEST_CASE("S76 what a transaction drops takes no room from what it sends") {
  const auto system = setting("naive").make();
  SmallLog log(*system);
  QueueOptions options;
  options.max_messages = 1;
  const QueueId dead = log.create(options);
  options.overflow = Overflow::drop_oldest;
  const QueueId dropping = log.create(options, dead);
  log.send(dropping, 1);
  const std::vector<engine::SendItem> one{SmallLog::item()};
  const std::vector<engine::Transact::Part> parts{{dropping, {}, one}, {dead, {}, one}};
  const engine::Reply reply = log.run(engine::Transact{parts});
  CHECK(reply.code == errc::ok);
  for (const auto& item : reply.items) CHECK(item.code == errc::ok);
  CHECK(system->facts(dead, log.now())->counters.ready == 2);
}

TEST_CASE("S14 an atomic send drops no more than another when the dead-letter queue is elsewhere") {
  const bool atomic = GENERATE(false, true);
  const auto system = setting("naive").make();
  SmallLog log(*system);
  QueueOptions options;
  options.max_messages = 2;
  options.overflow = Overflow::drop_oldest;
  const QueueId queue = log.create(options, QueueId(4711));
  log.send(queue, 2);
  log.send(queue, {SmallLog::item()}, atomic);
  const auto counters = system->facts(queue, log.now())->counters;
  CHECK(counters.ready == 2);
  CHECK(counters.moving == 1);
}

}  // namespace
}  // namespace peerq::model
