// What went wrong: of several faults of one command, the engine named another than the first in the order of
// the checks (arguments, incarnation, size, receipt). Found by random logs.
#include <catch2/catch_test_macros.hpp>

#include "support/model/small_log.hpp"
#include "support/model/systems.hpp"

namespace peerq::model {
namespace {

TEST_CASE("S60 arguments are checked before the queue's incarnation") {
  const auto system = setting("naive").make();
  SmallLog log(*system);
  const QueueId nobodys(999);
  CHECK(log.send(nobodys, 0).code == errc::invalid_argument);
  CHECK(log.receive(nobodys, 0).code == errc::invalid_argument);
  CHECK(log.run(engine::Settle{nobodys, engine::Verb::erase, {}}).code == errc::invalid_argument);
}

TEST_CASE("S60 arguments are checked before the size") {
  const auto system = setting("naive").make();
  SmallLog log(*system);
  QueueOptions options;
  options.max_message_size = 1;
  const QueueId queue = log.create(options);
  CHECK(log.send(queue, 1).items.at(0).code == errc::message_too_large);
  CHECK(log.send(queue, 1, {}, limits::expiry_max.count() + 1).items.at(0).code == errc::invalid_argument);
}

TEST_CASE("S60 arguments are checked before the receipt") {
  const auto system = setting("naive").make();
  SmallLog log(*system);
  const QueueId queue = log.create({});
  const engine::LeaseRef never{Sequence::make(4, 7), 1};
  CHECK(log.settle(queue, engine::Verb::extend, never, -1).code == errc::invalid_argument);
  CHECK(log.settle(queue, engine::Verb::nack, never, -2).code == errc::invalid_argument);
  CHECK(log.settle(queue, engine::Verb::nack, never, 0).code == errc::invalid_receipt);
}

}  // namespace
}  // namespace peerq::model
