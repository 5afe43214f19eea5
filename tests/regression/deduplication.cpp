// What went wrong: a cancel forgot the deduplication id of a newer message, when the window of the cancelled
// one had passed; an atomic batch of duplicates was refused by a queue above its limit. Found by random logs.
#include <catch2/catch_test_macros.hpp>

#include "support/model/small_log.hpp"
#include "support/model/systems.hpp"

namespace peerq::model {
namespace {

TEST_CASE("S17 a cancel forgets the id of the message that it takes out, not that of a newer one") {
  const auto system = setting("naive").make();
  SmallLog log(*system);
  QueueOptions options;
  options.deduplication_window = Milliseconds(1000);
  const QueueId queue = log.create(options);
  const auto once = SmallLog::item({}, limits::priority_default, "once");
  const MessageId old = log.send(queue, {once}).items.at(0).id;
  log.pass(Milliseconds(1000), Milliseconds(1000));
  const MessageId newer = log.send(queue, {once}).items.at(0).id;
  CHECK(newer != old);
  log.run(engine::Cancel{queue, std::span(&old, 1)});
  const auto again = log.send(queue, {once}).items.at(0);
  CHECK(again.deduplicated);
  CHECK(again.id == newer);
}

TEST_CASE("S14 S17 an atomic batch of duplicates succeeds in a queue above its limit") {
  const auto system = setting("naive").make();
  SmallLog log(*system);
  const QueueId queue = log.create({});
  const auto once = SmallLog::item({}, limits::priority_default, "once");
  log.send(queue, {once, SmallLog::item()});
  QueueOptions options;
  options.max_messages = 1;
  log.change(queue, options);
  const auto again = log.send(queue, {once}, true);
  CHECK(again.code == errc::ok);
  CHECK(log.send(queue, {once}).items.at(0).deduplicated);
}

}  // namespace
}  // namespace peerq::model
