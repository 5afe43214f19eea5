// Delete, extend, nack, release, reject: S20, S31-S36, S58-S60.

#include "engine_fixture.hpp"

namespace peerq::test {
namespace {

TEST_CASE("S31 a delete in time removes the message for good") {
  OneQueue shard;
  shard.send("x");
  const Grant grant = shard.receive_one(shard.queue);
  shard.pass(30s - 1ms);
  const ItemReply reply = shard.erase(shard.queue, grant.lease);
  CHECK(reply.code == errc::ok);
  CHECK_FALSE(reply.already_gone);
  shard.pass(1h);
  CHECK(shard.receive(shard.queue).empty());
  CHECK(shard.tables.rows<MessageRow>().empty());
  CHECK(shard.tables.payloads().empty());
  CHECK(shard.counters(shard.queue).deleted == 1);
}

TEST_CASE("S32 a delete after the lease ended succeeds while nobody leased the message again") {
  OneQueue shard;
  shard.send("x");
  const Grant grant = shard.receive_one(shard.queue);
  shard.pass(31s);
  const ItemReply reply = shard.erase(shard.queue, grant.lease);
  CHECK(reply.code == errc::ok);
  CHECK_FALSE(reply.already_gone);
  CHECK(shard.receive(shard.queue).empty());
}

TEST_CASE("S32 a delete succeeds after a nack, while the message is delayed, and while it is parked") {
  QueueOptions options;
  options.max_receives = 2;
  OneQueue shard(options);
  shard.send("x");
  const Grant delayed = shard.receive_one(shard.queue);
  shard.nack(shard.queue, delayed.lease, 1h);
  CHECK(shard.erase(shard.queue, delayed.lease).code == errc::ok);
  shard.send("y");
  shard.nack(shard.queue, shard.receive_one(shard.queue).lease);
  const Grant parked = shard.receive_one(shard.queue);
  shard.nack(shard.queue, parked.lease);
  CHECK(shard.counters(shard.queue).parked == 1);
  CHECK(shard.erase(shard.queue, parked.lease).code == errc::ok);
  CHECK(shard.counters(shard.queue).live() == 0);
}

TEST_CASE("S33 an older attempt gets stale_receipt for every verb and leaves the message untouched") {
  OneQueue shard;
  shard.send("x");
  const Grant old = shard.receive_one(shard.queue);
  shard.pass(30s);
  const Grant current = shard.receive_one(shard.queue);
  const std::string before = shard.tables.dump();
  for (const Verb verb : {Verb::erase, Verb::extend, Verb::nack, Verb::release, Verb::reject}) {
    CHECK(shard.settle(shard.queue, verb, old.lease, 1'000, "why").code == errc::stale_receipt);
  }
  CHECK(shard.tables.dump() == before);
  CHECK(shard.erase(shard.queue, current.lease).code == errc::ok);
}

TEST_CASE("S33 an older attempt stays stale after the newer one was released") {
  OneQueue shard;
  shard.send("x");
  const Grant old = shard.receive_one(shard.queue);
  shard.release(shard.queue, old.lease);
  const Grant newer = shard.receive_one(shard.queue);
  shard.release(shard.queue, newer.lease);
  CHECK(shard.erase(shard.queue, old.lease).code == errc::stale_receipt);
  CHECK(shard.erase(shard.queue, newer.lease).code == errc::ok);
}

TEST_CASE("S34 gone: delete and reject succeed with already_gone, the others get message_not_found") {
  OneQueue shard;
  shard.send("x");
  const Grant grant = shard.receive_one(shard.queue);
  shard.erase(shard.queue, grant.lease);
  for (const std::uint32_t attempt : {1U, 5U}) {  // whatever the attempt
    const LeaseRef lease{grant.lease.sequence, attempt};
    for (const Verb verb : {Verb::erase, Verb::reject}) {
      const ItemReply reply = shard.settle(shard.queue, verb, lease);
      CHECK(reply.code == errc::ok);
      CHECK(reply.already_gone);
    }
    for (const Verb verb : {Verb::nack, Verb::release, Verb::extend}) {
      CHECK(shard.settle(shard.queue, verb, lease, 0).code == errc::message_not_found);
    }
  }
}

TEST_CASE("S60 a lease that was never given is an invalid receipt") {
  OneQueue shard;
  shard.send("x");
  const Grant grant = shard.receive_one(shard.queue);
  const std::uint64_t number = grant.lease.sequence.number();
  for (const LeaseRef lease :
       {LeaseRef{grant.lease.sequence, 2}, LeaseRef{Sequence::make(4, 0), 1},
        LeaseRef{Sequence::make(4, number + 1), 1}, LeaseRef{Sequence::make(3, number), 1},
        LeaseRef{Sequence::make(15, number), 1}, LeaseRef{Sequence{~std::uint64_t{0}}, ~std::uint32_t{0}}}) {
    for (const Verb verb : {Verb::erase, Verb::extend, Verb::nack, Verb::release, Verb::reject}) {
      CHECK(shard.settle(shard.queue, verb, lease, 0).code == errc::invalid_receipt);
    }
  }
  CHECK(shard.counters(shard.queue).in_flight == 1);
}

TEST_CASE("S35 extend counts from now, may shorten, and tells the time granted") {
  OneQueue shard;
  shard.send("x");
  const Grant grant = shard.receive_one(shard.queue);
  shard.pass(10s);
  CHECK(shard.extend(shard.queue, grant.lease, 60s).granted_ms == 60'000);
  CHECK(shard.engine().next_due().lease == shard.now.lease + 60s);
  CHECK(shard.extend(shard.queue, grant.lease, 1s).granted_ms == 1'000);
  CHECK(shard.engine().next_due().lease == shard.now.lease + 1s);
  shard.pass(1s);
  CHECK(shard.receive(shard.queue).size() == 1);
}

TEST_CASE("S35 extend is clamped to max_lease_time from handing out") {
  QueueOptions options;
  options.max_lease_time = 100s;
  OneQueue shard(options);
  shard.send("x");
  const Grant grant = shard.receive_one(shard.queue);
  shard.pass(20s);
  CHECK(shard.extend(shard.queue, grant.lease, 80s).granted_ms == 80'000);
  CHECK(shard.extend(shard.queue, grant.lease, 80'001ms).granted_ms == 80'000);
  CHECK(shard.extend(shard.queue, grant.lease, Milliseconds(INT64_MAX)).granted_ms == 80'000);
  shard.pass(79'999ms);
  CHECK(shard.extend(shard.queue, grant.lease, 10s).granted_ms == 1);
  CHECK(shard.counters(shard.queue).in_flight == 1);
}

TEST_CASE("S9 S35 a max_lease_time lowered later does not limit the leases given out before") {
  OneQueue shard;
  shard.send("x");
  const Grant grant = shard.receive_one(shard.queue);
  shard.config.options.visibility_timeout = 1s;
  shard.config.options.max_lease_time = 1s;
  ++shard.config.version;
  shard.configure(shard.config);
  shard.pass(10s);
  CHECK(shard.extend(shard.queue, grant.lease, 60s).granted_ms == 60'000);
}

TEST_CASE("S35 after expiry extend gets lease_expired even if nobody took the message") {
  OneQueue shard;
  shard.send("x");
  const Grant grant = shard.receive_one(shard.queue);
  shard.pass(30s);
  CHECK(shard.extend(shard.queue, grant.lease, 10s).code == errc::lease_expired);
  CHECK(shard.counters(shard.queue).ready == 1);
}

TEST_CASE("S35 extend by 0 is a nack without delay") {
  OneQueue shard;
  shard.send("x");
  const Grant grant = shard.receive_one(shard.queue);
  const ItemReply reply = shard.extend(shard.queue, grant.lease, 0ms);
  CHECK(reply.code == errc::ok);
  CHECK(reply.granted_ms == 0);
  CHECK(shard.receive_one(shard.queue).receive_count == 2);
}

TEST_CASE("S35 extend by 0 ignores the retry policy") {
  QueueOptions options;
  options.retry.base = 1h;
  OneQueue shard(options);
  shard.send("x");
  shard.extend(shard.queue, shard.receive_one(shard.queue).lease, 0ms);
  CHECK(shard.counters(shard.queue).ready == 1);
}

TEST_CASE("a negative extend, a nack delay below -1 or above 10 years is invalid_argument") {
  OneQueue shard;
  shard.send("x");
  const Grant grant = shard.receive_one(shard.queue);
  CHECK(shard.settle(shard.queue, Verb::extend, grant.lease, -1).code == errc::invalid_argument);
  CHECK(shard.settle(shard.queue, Verb::nack, grant.lease, -2).code == errc::invalid_argument);
  CHECK(shard.nack(shard.queue, grant.lease, limits::delay_max + 1ms).code == errc::invalid_argument);
  CHECK(shard.counters(shard.queue).in_flight == 1);
  CHECK(shard.nack(shard.queue, grant.lease, limits::delay_max).code == errc::ok);
  CHECK(shard.counters(shard.queue).delayed == 1);
}

TEST_CASE("S36 a nack with a delay keeps the message back for that wall time") {
  OneQueue shard;
  shard.send("x");
  shard.nack(shard.queue, shard.receive_one(shard.queue).lease, 5s);
  CHECK(shard.counters(shard.queue).delayed == 1);
  shard.now.lease = shard.now.lease + 1h;  // lease time does not count
  shard.pass(5s - 1ms);
  CHECK(shard.receive(shard.queue).empty());
  shard.pass(1ms);
  CHECK(shard.receive_one(shard.queue).lease.attempt == 2);
}

TEST_CASE("S36 a nack without a delay follows the retry policy; expiry adds no delay") {
  QueueOptions options;
  options.retry = {.base = 10s, .cap = 1h, .factor_thousandths = 2'000, .jitter_thousandths = 0};
  OneQueue shard(options);
  const MessageId id = shard.send("x");
  shard.settle(shard.queue, Verb::nack, shard.receive_one(shard.queue).lease);
  CHECK(shard.get(shard.queue, id).value().due == shard.now.wall + 10s);
  shard.pass(10s);
  shard.settle(shard.queue, Verb::nack, shard.receive_one(shard.queue).lease);
  CHECK(shard.get(shard.queue, id).value().due == shard.now.wall + 20s);
  shard.pass(20s);
  shard.receive_one(shard.queue);
  shard.tick(30s);
  CHECK(shard.counters(shard.queue).ready == 1);
}

TEST_CASE("S36 the reason stays with the message, 1 KiB of it, and a nack without one keeps the last") {
  OneQueue shard;
  shard.send("x");
  shard.nack(shard.queue, shard.receive_one(shard.queue).lease, 0ms, std::string(1'025, 'r'));
  const Grant second = shard.receive_one(shard.queue);
  CHECK(note_of(second).last_error == std::string(1'024, 'r'));
  shard.nack(shard.queue, second.lease, 0ms, std::string(1'024, 's'));
  const Grant third = shard.receive_one(shard.queue);
  CHECK(note_of(third).last_error == std::string(1'024, 's'));
  shard.nack(shard.queue, third.lease);
  CHECK(note_of(shard.receive_one(shard.queue)).last_error == std::string(1'024, 's'));
}

TEST_CASE("S36 nack and release after the lease ended succeed with already_returned and change nothing") {
  OneQueue shard;
  shard.send("x");
  const Grant grant = shard.receive_one(shard.queue);
  shard.tick(30s);
  const std::string before = shard.tables.dump();
  for (const Verb verb : {Verb::nack, Verb::release}) {
    const ItemReply reply = shard.settle(shard.queue, verb, grant.lease, 3'600'000, "late");
    CHECK(reply.code == errc::ok);
    CHECK(reply.already_returned);
  }
  CHECK(shard.tables.dump() == before);
}

TEST_CASE("S20 a release takes the count back; the attempt number stays") {
  OneQueue shard;
  shard.send("x");
  const Grant first = shard.receive_one(shard.queue);
  CHECK(shard.release(shard.queue, first.lease).code == errc::ok);
  const Grant second = shard.receive_one(shard.queue);
  CHECK(second.receive_count == 1);
  CHECK(second.lease.attempt == 2);
}

TEST_CASE("a batch of receipts is judged one by one, and one named twice is gone the second time") {
  OneQueue shard;
  shard.send("a");
  shard.send("b");
  const auto grants = shard.receive(shard.queue, 2);
  const std::vector<SettleItem> items{{grants[0].lease, -1, {}},
                                      {{Sequence::make(4, 99), 1}, -1, {}},
                                      {grants[0].lease, -1, {}},
                                      {grants[1].lease, -1, {}}};
  const Reply reply = shard.apply(Settle{shard.queue, Verb::erase, items});
  CHECK(reply.items.at(0).code == errc::ok);
  CHECK(reply.items.at(1).code == errc::invalid_receipt);
  CHECK(reply.items.at(2).already_gone);
  CHECK(reply.items.at(3).code == errc::ok);
  CHECK(shard.counters(shard.queue).deleted == 2);
}

TEST_CASE("a batch of no receipts is invalid_argument, 1,000 are taken, 1,001 are batch_too_large") {
  OneQueue shard;
  CHECK(shard.apply(Settle{shard.queue, Verb::erase, {}}).code == errc::invalid_argument);
  std::vector<SettleItem> items(limits::batch_max, SettleItem{{Sequence::make(4, 1), 1}, -1, {}});
  CHECK(shard.apply(Settle{shard.queue, Verb::erase, items}).items.size() == limits::batch_max);
  items.push_back(items.front());
  CHECK(shard.apply(Settle{shard.queue, Verb::erase, items}).code == errc::batch_too_large);
}

TEST_CASE("S58 after a new epoch receipts count from a new epoch and numbers skip") {
  OneQueue shard;
  const MessageId before = shard.send("a");
  const std::uint32_t epoch = shard.engine().receipt_epoch(shard.queue);
  CHECK(epoch == 1);
  CHECK(shard.apply(NewEpoch{1'000'000}).code == errc::ok);
  CHECK(shard.engine().receipt_epoch(shard.queue) == epoch + 1);
  const MessageId after = shard.send("b");
  CHECK(before.sequence.number() == 1);
  CHECK(after.sequence.number() == 1'000'000);
  CHECK(bodies(shard.receive(shard.queue, 5)) == std::vector<std::string>{"a", "b"});
  shard.restart();
  CHECK(shard.engine().receipt_epoch(shard.queue) == epoch + 1);
  CHECK(shard.apply(NewEpoch{5}).code == errc::ok);  // never falls
  CHECK(shard.send("c").sequence.number() == 1'000'001);
  CHECK(shard.engine().receipt_epoch(shard.queue) == epoch + 2);
  CHECK(shard.apply(NewEpoch{Sequence::number_mask}).code == errc::invalid_argument);
}

TEST_CASE("S58 a lease of a former receipt epoch is stale while the message is there, gone when it is not") {
  OneQueue shard;
  shard.send("x");
  const LeaseRef former{Sequence::make(4, 1), 0};
  for (int attempt = 0; attempt < 2; ++attempt) {
    for (const Verb verb : {Verb::erase, Verb::extend, Verb::nack, Verb::release, Verb::reject}) {
      CHECK(shard.settle(shard.queue, verb, former, 0).code == errc::stale_receipt);
    }
    if (attempt == 0) shard.receive_one(shard.queue);
  }
  shard.erase(shard.queue, {former.sequence, 1});
  CHECK(shard.erase(shard.queue, former).already_gone);
}

TEST_CASE("S82 a receipt from before a restart that emptied the queue names a message that is gone") {
  OneQueue shard;
  shard.apply(NewEpoch{500});
  const LeaseRef old{Sequence::make(4, 17), 3};
  CHECK(shard.erase(shard.queue, old).already_gone);
  CHECK(shard.nack(shard.queue, old).code == errc::message_not_found);
  shard.send("x");
  CHECK(shard.erase(shard.queue, old).already_gone);
  CHECK(shard.erase(shard.queue, {Sequence::make(4, 501), 1}).code == errc::invalid_receipt);
}

}  // namespace
}  // namespace peerq::test
