// Several queues in one command: S27 receive by weight, S76 transactions.

#include "engine_fixture.hpp"

namespace peerq::test {
namespace {

class Two : public Shard {
 public:
  explicit Two(const QueueOptions& options = {}) {
    make(1, options);
    make(2, options);
  }
  std::string take(std::uint32_t max, std::vector<WeightedQueue> queues) {
    ReceiveSeveral command;
    command.queues = queues;
    command.max_messages = max;
    reply = apply(command);
    std::string out;
    for (const Grant& grant : reply.grants) out += as_text(grant.payload.bytes.bytes());
    return out;
  }

  QueueId a{1};
  QueueId b{2};
  Reply reply;
};

TEST_CASE("S27 each queue gives its share; what one cannot give goes to the others") {
  Two shard;
  for (int i = 0; i < 20; ++i) shard.send(shard.a, "a");
  for (int i = 0; i < 4; ++i) shard.send(shard.b, "b");
  const std::string first = shard.take(8, {{shard.a, 3}, {shard.b, 1}});
  CHECK(std::count(first.begin(), first.end(), 'a') == 6);
  CHECK(std::count(first.begin(), first.end(), 'b') == 2);
  const std::string second = shard.take(10, {{shard.a, 1}, {shard.b, 9}});
  CHECK(std::count(second.begin(), second.end(), 'b') == 2);
  CHECK(second.size() == 10);
  CHECK(shard.counters(shard.a).in_flight == 14);
}

TEST_CASE("S27 a queue of weight 0 gives what those named before it leave") {
  Two shard;
  for (int i = 0; i < 3; ++i) shard.send(shard.a, "a");
  for (int i = 0; i < 9; ++i) shard.send(shard.b, "b");
  CHECK(shard.take(2, {{shard.a, 1}, {shard.b, 0}}) == "aa");
  CHECK(shard.take(3, {{shard.a, 1}, {shard.b, 0}}) == "abb");
  CHECK(shard.take(2, {{shard.a, 0}, {shard.b, 0}}) == "bb");
}

TEST_CASE("S27 each queue obeys its own pause, rate and caps") {
  Two shard({.max_in_flight = 2});
  for (int i = 0; i < 5; ++i) shard.send(shard.a, "a");
  for (int i = 0; i < 5; ++i) shard.send(shard.b, "b");
  CHECK(shard.take(10, {{shard.a, 1}, {shard.b, 1}}).size() == 4);
  CHECK(shard.take(10, {{shard.a, 1}, {shard.b, 1}}).empty());

  Shard others;
  QueueConfig paused = others.make(1);
  paused.paused = true;
  ++paused.version;
  others.configure(paused);
  QueueOptions slow;
  slow.rate = {.per_second_thousandths = 1'000, .burst = 2};
  others.make(2, slow);
  others.make(3);
  for (std::uint64_t queue = 1; queue <= 3; ++queue)
    for (int i = 0; i < 5; ++i) others.send(QueueId{queue}, std::to_string(queue));
  const std::vector<WeightedQueue> all{{QueueId{1}, 1}, {QueueId{2}, 1}, {QueueId{3}, 1}};
  ReceiveSeveral command;
  command.queues = all;
  command.max_messages = 20;
  std::string order;
  for (const Grant& grant : others.apply(command).grants) order += as_text(grant.payload.bytes.bytes());
  CHECK(order == "2323333");
}

TEST_CASE("S27 bad lists are refused") {
  Two shard;
  shard.take(1, {});
  CHECK(shard.reply.code == errc::invalid_argument);
  shard.take(1, {{shard.a, limits::receive_weight_max + 1}});
  CHECK(shard.reply.code == errc::invalid_argument);
  shard.take(1, {{shard.a, 1}, {shard.a, 1}});
  CHECK(shard.reply.code == errc::invalid_argument);
  shard.take(1, {{shard.a, 1}, {QueueId{9}, 1}});
  CHECK(shard.reply.code == errc::queue_not_found);
}

TEST_CASE("S76 a transaction deletes and sends together") {
  Two shard;
  shard.send(shard.a, "job");
  const Grant job = shard.receive_one(shard.a);
  const SettleItem erase{job.lease};
  const SendItem result = shard.item("result");
  const std::vector<Transact::Part> parts{{shard.a, {&erase, 1}, {}}, {shard.b, {}, {&result, 1}}};
  const Reply reply = shard.apply(Transact{parts});
  CHECK(reply.code == errc::ok);
  CHECK(reply.items.size() == 2);
  CHECK(shard.counters(shard.a).deleted == 1);
  CHECK(shard.counters(shard.b).ready == 1);
  const Reply again = shard.apply(Transact{parts});
  CHECK(again.code == errc::message_not_found);
  CHECK(shard.counters(shard.b).ready == 1);
}

TEST_CASE("S76 a stale or ended receipt or a full queue fails all of it; what is freed makes room") {
  Two shard({.max_messages = 1});
  shard.send(shard.a, "1");
  const Grant first = shard.receive_one(shard.a);
  const SettleItem erase{first.lease};
  const std::vector<SendItem> two{shard.item("x"), shard.item("y")};
  const std::vector<Transact::Part> too_many{{shard.a, {&erase, 1}, two}};
  CHECK(shard.apply(Transact{too_many}).code == errc::queue_full);
  CHECK(shard.counters(shard.a).in_flight == 1);
  const std::vector<SettleItem> both{erase, erase};
  const std::vector<Transact::Part> same{{shard.a, both, {}}};
  CHECK(shard.apply(Transact{same}).code == errc::invalid_argument);
  const std::vector<Transact::Part> swap{{shard.a, {&erase, 1}, {two.data(), 1}}};
  CHECK(shard.apply(Transact{swap}).code == errc::ok);
  CHECK(shard.counters(shard.a).ready == 1);
  const Grant second = shard.receive_one(shard.a);
  shard.tick(30s);
  const SettleItem late{second.lease};
  CHECK(shard.apply(Transact{std::vector<Transact::Part>{{shard.a, {&late, 1}, {}}}}).code ==
        errc::lease_expired);
  shard.receive_one(shard.a);
  CHECK(shard.apply(Transact{std::vector<Transact::Part>{{shard.a, {&late, 1}, {}}}}).code ==
        errc::stale_receipt);
}

TEST_CASE(
    "S76 what a transaction sends to a queue that it names twice counts together, and so do its deletes") {
  Two shard({.max_messages = 2});
  const SendItem one = shard.item("x");
  const std::vector<Transact::Part> three{
      {shard.a, {}, {&one, 1}}, {shard.b, {}, {&one, 1}}, {shard.a, {}, {&one, 1}}, {shard.a, {}, {&one, 1}}};
  CHECK(shard.apply(Transact{three}).code == errc::queue_full);
  CHECK(shard.counters(shard.a).sent == 0);
  CHECK(shard.counters(shard.b).sent == 0);
  CHECK(shard.apply(Transact{{three.data(), 3}}).code == errc::ok);
  CHECK(shard.counters(shard.a).ready == 2);
  const SettleItem erase{shard.receive_one(shard.a).lease};
  const std::vector<Transact::Part> apart{{shard.a, {}, {&one, 1}}, {shard.a, {&erase, 1}, {}}};
  CHECK(shard.apply(Transact{apart}).code == errc::ok);
  SendItem same = one;
  same.deduplication_id = as_bytes("id");
  const std::vector<Transact::Part> duplicates{{shard.b, {}, {&same, 1}}, {shard.b, {}, {&same, 1}}};
  CHECK(shard.apply(Transact{duplicates}).code == errc::ok);
  CHECK(shard.counters(shard.b).ready == 2);
}

}  // namespace
}  // namespace peerq::test
