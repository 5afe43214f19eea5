// What went wrong: a command on several queues looked at one queue after the other, so that it named a fault
// of the first where the second had one that comes earlier in the order of the checks. Found by random logs.
#include <catch2/catch_test_macros.hpp>

#include "support/model/small_log.hpp"
#include "support/model/systems.hpp"

namespace peerq::model {
namespace {

constexpr QueueId missing(999);

TEST_CASE("S60 a transaction's queues are looked for before its receipts") {
  const auto system = setting("naive").make();
  SmallLog log(*system);
  const QueueId queue = log.create({});
  log.send(queue, 1);
  engine::SettleItem erase;
  erase.lease = {Sequence::make(4, 1), 7};  // never given
  const std::vector<engine::SendItem> one{SmallLog::item()};
  const std::vector<engine::Transact::Part> parts{{queue, std::span(&erase, 1), {}}, {missing, {}, one}};
  CHECK(log.run(engine::Transact{parts}).code == errc::queue_not_found);
}

TEST_CASE("S60 a transaction's arguments are checked before its queues and receipts") {
  const auto system = setting("naive").make();
  SmallLog log(*system);
  const QueueId queue = log.create({});
  log.send(queue, 1);
  CHECK(log.run(engine::Transact{std::vector<engine::Transact::Part>{{missing, {}, {}}}}).code ==
        errc::invalid_argument);
  engine::SettleItem erase;
  erase.lease = {Sequence::make(4, 1), 7};
  const std::vector<engine::SettleItem> twice{erase, erase};
  CHECK(log.run(engine::Transact{std::vector<engine::Transact::Part>{{queue, twice, {}}}}).code ==
        errc::invalid_argument);
}

TEST_CASE("S60 the weights of a receive from several queues are checked before the queues") {
  const auto system = setting("naive").make();
  SmallLog log(*system);
  const QueueId queue = log.create({});
  engine::ReceiveSeveral several;
  const std::vector<engine::WeightedQueue> queues{{missing, 1}, {queue, limits::receive_weight_max + 1}};
  several.queues = queues;
  CHECK(log.run(several).code == errc::invalid_argument);
}

}  // namespace
}  // namespace peerq::model
