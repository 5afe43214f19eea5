// S41: dead-letter queues and redrives between shards.
#include <string>

#include "engine_fixture.hpp"

namespace peerq::test {
namespace {

const QueueId orders{1};
const QueueId dead{2};

/// A queue in one shard and its dead-letter queue in another, and what a node does between them.
struct TwoShards {
  TwoShards() {
    here.make(orders.value, {.max_receives = 1, .dead_letter_queue = "q2"}, dead.value);
    there.make(dead.value);
  }

  static Arrive arrival(const MovingMessage& message, std::string& note) {
    Arrive arrive;
    arrive.queue = message.key.target;
    arrive.id = message.row.id;
    arrive.from = message.key.queue;
    arrive.transfer = message.key.transfer;
    arrive.after = message.row.after;
    arrive.payload = message.payload.bytes.bytes();
    arrive.counted_bytes = message.row.counted_bytes;
    arrive.priority = message.row.priority;
    arrive.attempt = message.row.attempt;
    arrive.first_sent = message.row.first_sent;
    arrive.time_to_live_ms = message.row.time_to_live_ms;
    arrive.redriven = message.row.redriven;
    arrive.group_id = as_bytes(message.row.group);
    encode_row(message.row.note, note);
    arrive.note = as_bytes(note);
    return arrive;
  }

  /// Moves what waits in `from`; `repeats`: every message is offered so often.
  static void move(Shard& from, Shard& to, int repeats = 1) {
    for (const QueueId queue : from.engine().queues_moving()) {
      for (const MovingMessage& message : from.engine().moving(queue, 100)) {
        errc code = errc::ok;
        for (int i = 0; i < repeats; ++i) {
          std::string note;
          code = to.apply(arrival(message, note)).code;
        }
        from.apply(Moved{message.key.queue, message.key.target, message.key.transfer, code});
      }
    }
  }

  Shard here;
  Shard there;
};

TEST_CASE("S41 a dead letter for another shard is moving: counted, and listed nowhere") {
  TwoShards shards;
  const MessageId id = shards.here.send(orders, "a");
  shards.here.nack(orders, shards.here.receive_one(orders).lease);
  CHECK(shards.here.counters(orders).moving == 1);
  CHECK(shards.here.counters(orders).moving_bytes == 1);
  CHECK(shards.here.engine().depth(orders).bytes == 1);
  CHECK(shards.here.counters(orders).dead_lettered == 0);
  CHECK(shards.here.get(orders, id).error() == errc::message_not_found);
  CHECK(shards.here.receive(orders).empty());
  CHECK(shards.here.effects.moving.empty());
  TwoShards::move(shards.here, shards.there);
  CHECK(shards.here.counters(orders).moving == 0);
  CHECK(shards.here.counters(orders).dead_lettered == 1);
  CHECK(shards.here.tables.payloads().empty());
  const Grant grant = shards.there.receive_one(dead);
  CHECK(grant.id == id);
  CHECK(as_text(grant.payload.bytes.bytes()) == "a");
  CHECK(grant.lease.attempt == 2);
  CHECK(grant.source == orders);
}

TEST_CASE("S41 a message that arrives twice is there once, also after it was deleted there") {
  TwoShards shards;
  shards.here.send(orders, "a");
  shards.here.reject(orders, shards.here.receive_one(orders).lease);
  REQUIRE(shards.here.effects.moving == std::vector<QueueId>{orders});
  const auto message = shards.here.engine().moving(orders, 1).at(0);
  std::string note;
  CHECK(shards.there.apply(TwoShards::arrival(message, note)).code == errc::ok);
  CHECK(shards.there.erase(dead, shards.there.receive_one(dead).lease).code == errc::ok);
  shards.here.restart();
  shards.there.restart();
  TwoShards::move(shards.here, shards.there, 3);
  CHECK(shards.there.counters(dead).arrived == 1);
  CHECK(shards.there.counters(dead).ready == 0);
  CHECK(shards.here.counters(orders).dead_lettered == 1);
}

TEST_CASE("S41 what goes from one queue to another keeps its order; a gap is refused") {
  TwoShards shards;
  for (const auto* body : {"a", "b", "c"}) {
    shards.here.send(orders, body);
    shards.here.reject(orders, shards.here.receive_one(orders).lease);
  }
  const auto waiting = shards.here.engine().moving(orders, 10);
  REQUIRE(waiting.size() == 3);
  std::string note;
  CHECK(shards.there.apply(TwoShards::arrival(waiting[0], note)).code == errc::ok);
  note.clear();
  CHECK(shards.there.apply(TwoShards::arrival(waiting[2], note)).code == errc::invalid_argument);
  TwoShards::move(shards.here, shards.there);
  std::string order;
  for (const Grant& grant : shards.there.receive(dead, 10)) order += as_text(grant.payload.bytes.bytes());
  CHECK(order == "abc");
}

TEST_CASE("S8 S75 a purge and a deletion leave what is moving to finish") {
  TwoShards shards;
  for (const auto* body : {"a", "b"}) {
    shards.here.send(orders, body);
    shards.here.reject(orders, shards.here.receive_one(orders).lease);
  }
  shards.here.send(orders, "c");
  CHECK(shards.here.apply(Purge{orders}).count == 1);
  CHECK(shards.here.counters(orders).moving == 2);
  QueueConfig gone;
  gone.id = orders;
  gone.version = 9;
  shards.here.configure(gone, true);
  for (int i = 0; i < 3; ++i) shards.here.tick();
  TwoShards::move(shards.here, shards.there);
  CHECK(shards.there.counters(dead).ready == 2);
  CHECK(shards.here.tables.rows<MovingRow>().empty());
  CHECK(shards.here.tables.payloads().empty());
}

TEST_CASE("S37 S41 a dead letter that nobody takes is parked where it came from") {
  TwoShards shards;
  const MessageId id = shards.here.send(orders, "a");
  shards.here.reject(orders, shards.here.receive_one(orders).lease, "bad");
  const auto message = shards.here.engine().moving(orders, 1).at(0);
  shards.here.apply(Moved{orders, dead, message.key.transfer, errc::queue_deleted});
  CHECK(shards.here.counters(orders).parked == 1);
  CHECK(shards.here.counters(orders).bytes == 1);
  const auto info = shards.here.get(orders, id).value();
  CHECK(info.note.last_error == "bad");
  CHECK(info.receive_count == 1);
  REQUIRE(shards.here.apply(Kick{orders, {}, 10}).count == 1);
  CHECK(shards.here.receive_one(orders).id == id);
}

TEST_CASE("S16 S41 a delayed message that comes back is retained from when it was due") {
  TwoShards shards;
  QueueConfig config = *shards.here.engine().config(orders);
  config.options.retention = 10s;
  ++config.version;
  shards.here.configure(config);
  SendItem item = shards.here.item("a");
  item.due = WallTime{-20'000};
  shards.here.apply(Send{orders, false, std::span(&item, 1)});
  shards.here.tick(20s);
  shards.here.nack(orders, shards.here.receive_one(orders).lease);
  shards.there.configure(*shards.there.engine().config(dead), true);
  TwoShards::move(shards.here, shards.there);
  REQUIRE(shards.here.counters(orders).parked == 1);
  config.dead_letter = QueueId{};
  config.options.dead_letter_queue.clear();
  ++config.version;
  shards.here.configure(config);
  shards.here.tick(9s);
  CHECK(shards.here.counters(orders).parked == 1);
  shards.here.tick(2s);
  CHECK(shards.here.counters(orders).expired == 1);
}

TEST_CASE("S74 a redrive moves to another shard and obeys the depth there") {
  TwoShards shards;
  for (const auto* body : {"a", "b"}) {
    shards.here.send(orders, body);
    shards.here.reject(orders, shards.here.receive_one(orders).lease);
  }
  TwoShards::move(shards.here, shards.there);
  shards.here.configure({.id = orders, .version = 2, .name = "q1", .options = {.max_messages = 1}});
  REQUIRE(shards.there.apply(StartRedrive{.queue = dead}).code == errc::ok);
  shards.there.tick();
  CHECK(shards.there.counters(dead).moving == 2);
  const auto waiting = shards.there.engine().moving(dead, 10);
  std::string note;
  CHECK(shards.here.apply(TwoShards::arrival(waiting.at(0), note)).code == errc::ok);
  note.clear();
  CHECK(shards.here.apply(TwoShards::arrival(waiting.at(1), note)).code == errc::queue_full);
  shards.there.apply(Moved{dead, orders, waiting[0].key.transfer});
  CHECK(shards.there.counters(dead).redriven == 1);
  CHECK(shards.here.receive_one(orders).receive_count == 1);
}

TEST_CASE("S41 S74 a message that comes back before it is confirmed that it went is there once") {
  TwoShards shards;
  shards.here.make(7, {.dead_letter_queue = "q2"}, dead.value);  // others wait, too
  for (const QueueId queue : {QueueId(7), orders}) {
    shards.here.send(queue, "other");
    shards.here.reject(queue, shards.here.receive_one(queue).lease);
  }
  const MessageId id = shards.here.send(orders, "a");
  shards.here.reject(orders, shards.here.receive_one(orders).lease);
  std::string note;
  for (const auto& message : shards.here.engine().moving(orders, 2)) {
    note.clear();
    REQUIRE(shards.there.apply(TwoShards::arrival(message, note)).code == errc::ok);
  }
  shards.there.erase(dead, shards.there.receive_one(dead).lease);
  const auto waiting = shards.here.engine().moving(orders, 2).at(1);
  shards.there.apply(StartRedrive{.queue = dead});
  shards.there.tick();
  TwoShards::move(shards.there, shards.here);
  CHECK(shards.here.counters(orders).moving == 1);
  CHECK(shards.here.counters(orders).dead_lettered == 1);
  shards.here.apply(Moved{orders, dead, waiting.key.transfer});  // late
  const Grant grant = shards.here.receive_one(orders);
  CHECK(grant.id == id);
  CHECK(as_text(grant.payload.bytes.bytes()) == "a");
  shards.here.erase(orders, grant.lease);
  CHECK(shards.here.tables.payloads().size() == 2);  // of those that still wait
}

TEST_CASE("S73 a redrive whose source is gone leaves the message in the dead-letter queue") {
  TwoShards shards;
  shards.here.send(orders, "a");
  shards.here.reject(orders, shards.here.receive_one(orders).lease);
  TwoShards::move(shards.here, shards.there);
  shards.there.apply(StartRedrive{.queue = dead});
  shards.there.tick();
  const auto message = shards.there.engine().moving(dead, 1).at(0);
  shards.there.apply(Moved{dead, orders, message.key.transfer, errc::queue_deleted});
  CHECK(shards.there.counters(dead).ready == 1);
  CHECK(shards.there.engine().redrive(dead).value()->failed == 1);
  CHECK(shards.there.engine().redrive(dead).value()->moved == 0);
  CHECK(shards.there.receive_one(dead).source == orders);
}

TEST_CASE("S82 a shard that lost its numbers begins a chain above them") {
  TwoShards shards;
  shards.here.send(orders, "a");
  shards.here.reject(orders, shards.here.receive_one(orders).lease);
  TwoShards::move(shards.here, shards.there);
  // The same queue after a restart that lost everything: its numbers skip (S58).
  Shard again;
  again.apply(NewEpoch{1000});
  again.make(orders.value, {.max_receives = 1, .dead_letter_queue = "q2"}, dead.value);
  for (const auto* body : {"b", "c"}) {
    again.send(orders, body);
    again.reject(orders, again.receive_one(orders).lease);
  }
  TwoShards::move(again, shards.there, 2);
  CHECK(shards.there.counters(dead).ready == 3);
}

TEST_CASE("S39 a message that comes back from an earlier redrive is not counted to the present one") {
  TwoShards shards;
  shards.here.send(orders, "a");
  shards.here.reject(orders, shards.here.receive_one(orders).lease);
  TwoShards::move(shards.here, shards.there);
  StartRedrive redrive;
  redrive.queue = dead;
  REQUIRE(shards.there.apply(redrive).code == errc::ok);
  shards.there.tick();
  const auto moving = shards.there.engine().moving(dead, 10);
  REQUIRE(moving.size() == 1);
  CHECK(shards.there.engine().redrive(dead).value()->moved == 1);
  REQUIRE(shards.there.apply(StopRedrive{dead}).code == errc::ok);
  REQUIRE(shards.there.apply(redrive).code == errc::ok);
  const MovingRow::Key key = moving[0].key;
  shards.there.apply(Moved{key.queue, key.target, key.transfer, errc::queue_full});
  CHECK(shards.there.counters(dead).ready == 1);
  CHECK(shards.there.engine().redrive(dead).value()->moved == 0);
  CHECK(shards.there.engine().redrive(dead).value()->failed == 0);
}

}  // namespace
}  // namespace peerq::test
