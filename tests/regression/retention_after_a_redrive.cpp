// What went wrong: a message that another shard did not take came back to its dead-letter queue behind
// younger ones, and expired only when those did. Found by random logs.
#include <catch2/catch_test_macros.hpp>
#include <string>

#include "peerq/engine/layout.hpp"
#include "support/model/small_log.hpp"
#include "support/model/systems.hpp"

namespace peerq::model {
namespace {

TEST_CASE("S63 S73 a message whose redrive failed expires by its own age") {
  const auto system = setting("naive").make();
  SmallLog log(*system);
  const QueueId elsewhere(4711);
  QueueOptions options;
  options.retention = Milliseconds(10'000);
  const QueueId dead = log.create(options);
  engine::NoteRow note;
  note.source = note.origin = elsewhere;
  std::string encoded;
  engine::encode_row(note, encoded);
  engine::Arrive arrive;
  arrive.queue = dead;
  arrive.id = {elsewhere, Sequence::make(4, 1)};
  arrive.from = elsewhere;
  arrive.transfer = 1;
  arrive.payload = as_bytes("body");
  arrive.counted_bytes = 4;
  arrive.note = as_bytes(encoded);
  log.run(arrive);
  log.run(engine::StartRedrive{.queue = dead});
  log.run(engine::Tick{});
  const auto moving = system->moving(dead, 1);
  REQUIRE(moving.size() == 1);
  log.pass(Milliseconds(0), Milliseconds(5'000));
  log.send(dead, 1);
  log.run(engine::Moved{dead, elsewhere, moving[0].key.transfer, errc::queue_deleted});
  log.pass(Milliseconds(0), Milliseconds(5'000));
  log.run(engine::Tick{});
  CHECK(system->facts(dead, log.now())->counters.expired == 1);
  CHECK(system->facts(dead, log.now())->counters.ready == 1);
}

}  // namespace
}  // namespace peerq::model
