// What went wrong with the retry delay of a FIFO group: retention and aging did not count from its end; it
// did not end while the calendar was suspect; it stayed on a group that had no message any more; a shorter
// one of an earlier message cut it off. Found by random logs.
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

}  // namespace
}  // namespace peerq::model
