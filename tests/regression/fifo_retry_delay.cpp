// What went wrong with the retry delay of a FIFO group: retention and aging did not count from its end; it
// did not end while the calendar was suspect; it stayed on a group that had no message any more; a shorter
// one of an earlier message cut it off; it stayed when its message was deleted, cancelled or expired. Found
// by random logs and by a review.
#include <catch2/catch_test_macros.hpp>

#include "support/model/small_log.hpp"
#include "support/model/systems.hpp"

namespace peerq::model {
namespace {

/// A FIFO queue with messages in group a that are leased.
struct Fifo {
  std::unique_ptr<System> system = setting("naive").make();
  SmallLog log{*system};
  QueueId queue;
  std::vector<engine::LeaseRef> leases;

  explicit Fifo(QueueOptions options = {}, std::size_t messages = 1) {
    options.type = QueueType::fifo;
    queue = log.create(options);
    for (std::size_t i = 0; i < messages; ++i) log.send_to(queue, "a");
    for (const auto& grant : log.receive(queue, 10).grants) leases.push_back(grant.lease);
  }
  void nack(std::size_t index, std::int64_t delay_ms) {
    CHECK(log.settle(queue, engine::Verb::nack, leases.at(index), delay_ms).code == errc::ok);
  }
};

TEST_CASE("S16 retention counts from the end of a retry delay in a FIFO group, too") {
  QueueOptions options;
  options.retention = Milliseconds(1000);
  Fifo fifo(options);
  fifo.nack(0, 900);
  fifo.log.pass(Milliseconds(0), Milliseconds(1500));
  fifo.log.run(engine::Tick{});
  CHECK(fifo.system->facts(fifo.queue, fifo.log.now())->counters.expired == 0);
  CHECK(fifo.log.receive(fifo.queue, 1).grants.size() == 1);
}

TEST_CASE("S26 S36 a message ages from the end of its retry delay in a FIFO group, too") {
  QueueOptions options;
  options.priority_aging = Milliseconds(1000);
  Fifo fifo(options);
  fifo.log.send_to(fifo.queue, "b", 3);
  fifo.nack(0, 30'000);
  fifo.log.pass(Milliseconds(0), Milliseconds(31'000));
  CHECK(fifo.log.receive_numbers(fifo.queue, 1) == std::vector<std::uint64_t>{2});
}

TEST_CASE("S46 S64 a retry delay of a group ends while the calendar is suspect") {
  Fifo fifo;
  fifo.nack(0, 5);
  fifo.log.halt(true);
  fifo.log.pass(Milliseconds(10), Milliseconds(10));
  CHECK(fifo.log.receive(fifo.queue, 1).grants.size() == 1);
}

TEST_CASE("a group without messages is forgotten, its retry delay with it") {
  Fifo fifo;
  fifo.nack(0, 5000);
  CHECK(fifo.log.settle(fifo.queue, engine::Verb::erase, fifo.leases[0]).code == errc::ok);
  fifo.log.send_to(fifo.queue, "a");
  CHECK(fifo.log.receive(fifo.queue, 1).grants.size() == 1);
}

TEST_CASE("S46 a retry delay is not cut off by a shorter one of an earlier message of the group") {
  Fifo fifo({}, 2);
  fifo.nack(1, 2000);
  fifo.nack(0, 5);
  fifo.log.pass(Milliseconds(100), Milliseconds(100));
  CHECK(fifo.log.receive(fifo.queue, 2).grants.empty());
  fifo.log.pass(Milliseconds(2000), Milliseconds(2000));
  CHECK(fifo.log.receive(fifo.queue, 2).grants.size() == 2);
}

TEST_CASE("S46 S63 a retry delay does not hold a FIFO group any longer when its message is gone") {
  Fifo fifo({}, 2);
  fifo.nack(0, 3'600'000);
  CHECK(fifo.log.receive(fifo.queue, 1).grants.empty());
  SECTION("deleted late") {
    CHECK(fifo.log.settle(fifo.queue, engine::Verb::erase, fifo.leases.at(0)).code == errc::ok);
  }
  SECTION("cancelled") {
    const MessageId id{fifo.queue, fifo.leases.at(0).sequence};
    CHECK(fifo.log.run(engine::Cancel{fifo.queue, {&id, 1}}).code == errc::ok);
  }
  SECTION("rejected late") {
    CHECK(fifo.log.settle(fifo.queue, engine::Verb::reject, fifo.leases.at(0)).code == errc::ok);
  }
  const auto next = fifo.log.receive(fifo.queue, 1);
  REQUIRE(next.grants.size() == 1);
  CHECK(next.grants[0].lease.sequence == fifo.leases.at(1).sequence);
}

TEST_CASE("S46 S63 a retry delay ends when its message's time-to-live does") {
  Fifo fifo({}, 0);
  engine::SendItem mortal = fifo.log.item("a");
  mortal.time_to_live_ms = 1000;
  fifo.log.run(engine::Send{fifo.queue, false, {&mortal, 1}});
  fifo.log.send_to(fifo.queue, "a");
  fifo.leases.push_back(fifo.log.receive(fifo.queue, 1).grants.at(0).lease);
  fifo.nack(0, 3'600'000);
  fifo.log.pass(Milliseconds(999), Milliseconds(999));
  CHECK(fifo.log.receive(fifo.queue, 1).grants.empty());
  fifo.log.pass(Milliseconds(1), Milliseconds(1));
  CHECK(fifo.log.receive(fifo.queue, 1).grants.size() == 1);
}

TEST_CASE("S46 the next longest retry delay of a FIFO group holds it when the longest is gone") {
  Fifo fifo({}, 3);
  fifo.nack(1, 2000);
  fifo.nack(0, 500);
  fifo.log.settle(fifo.queue, engine::Verb::erase, fifo.leases.at(1));
  fifo.log.pass(Milliseconds(499), Milliseconds(499));
  CHECK(fifo.log.receive(fifo.queue, 3).grants.empty());
  fifo.log.pass(Milliseconds(1), Milliseconds(1));
  CHECK(fifo.log.receive(fifo.queue, 3).grants.size() == 2);
}

}  // namespace
}  // namespace peerq::model
