// The bounds on the work of one entry, which random logs stay far below.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <memory>
#include <string>

#include "support/model/compare.hpp"
#include "support/model/model_system.hpp"
#include "support/model/small_log.hpp"
#include "support/model/systems.hpp"

namespace peerq::model {
namespace {

using engine::Verb;

/// The engine with a log of its own.
struct Bounded {
  std::unique_ptr<System> system = setting("naive").make();
  SmallLog log{*system};

  engine::QueueRow counters(QueueId queue) { return system->facts(queue, log.now())->counters; }
  void send(QueueId queue, std::size_t count, WallTime due = {}, std::int64_t time_to_live_ms = 0) {
    for (; count > 0; count -= std::min<std::size_t>(count, 1000)) {
      log.send(queue, std::min<std::size_t>(count, 1000), due, time_to_live_ms);
    }
  }
};

TEST_CASE("S3 of 2,500 leases that lapse at once an entry handles 1,000, in the order of their deadlines") {
  Bounded b;
  const QueueId queue = b.log.create({});
  b.send(queue, 2500);
  for (int i = 0; i < 3; ++i) {
    b.log.receive(queue, 1000);
    b.log.pass(Milliseconds(1), Milliseconds(0));
  }
  REQUIRE(b.counters(queue).in_flight == 2500);
  b.log.pass(Milliseconds(60'000), Milliseconds(0));
  b.log.run(engine::Tick{});
  CHECK(b.counters(queue).in_flight == 1500);
  CHECK(b.log.effects().more_due);
  CHECK(b.system->next_due().more);
  // The first 1,000 were handed out first.
  const auto grants = b.log.receive(queue, 1).grants;
  REQUIRE(grants.size() == 1);
  CHECK(grants[0].lease == engine::LeaseRef{Sequence::make(4, 1), 2});
  CHECK(b.counters(queue).in_flight == 501);
  b.log.run(engine::Tick{});
  CHECK_FALSE(b.log.effects().more_due);
  CHECK(b.counters(queue).in_flight == 1);
  CHECK(b.counters(queue).ready == 2499);
}

TEST_CASE("S3 a command that names a message is judged by its deadline, however far the sweep came") {
  Bounded b;
  const QueueId queue = b.log.create({});
  b.send(queue, 2500);
  for (int i = 0; i < 3; ++i) b.log.receive(queue, 1000);
  b.log.pass(Milliseconds(60'000), Milliseconds(0));
  // Each of these entries sweeps 1,000; what they name is beyond that, or just swept.
  const engine::LeaseRef last{Sequence::make(4, 2500), 1};
  CHECK(b.log.settle(queue, Verb::extend, last, 1000).code == errc::lease_expired);
  CHECK(b.counters(queue).in_flight == 1499);
  const engine::LeaseRef before{Sequence::make(4, 2499), 1};
  CHECK(b.log.settle(queue, Verb::nack, before).already_returned);
  CHECK(b.log.settle(queue, Verb::erase, last).code == errc::ok);
  CHECK(b.counters(queue).deleted == 1);
}

TEST_CASE("S3 S16 of 2,500 delays, times-to-live and retentions that end at once an entry handles 1,000") {
  QueueOptions kept;
  kept.retention = Milliseconds(5000);
  Bounded b;
  const QueueId delayed = b.log.create({});
  const QueueId living = b.log.create({});
  const QueueId old = b.log.create(kept);
  b.send(delayed, 800, b.log.now().wall + Milliseconds(1000));
  b.send(living, 800, {}, 1500);
  b.send(old, 900);
  b.log.pass(Milliseconds(0), Milliseconds(9000));
  const auto left = [&] {
    return b.counters(delayed).delayed + b.counters(living).ready + b.counters(old).ready;
  };
  for (const std::uint64_t expected : {1500U, 500U, 0U}) {
    b.log.run(engine::Tick{});
    CHECK(left() <= expected + 3);  // the retention's own timer is a row too
    CHECK(left() >= (expected == 0 ? 0 : expected));
    CHECK(b.log.effects().more_due == (left() > 0));
  }
  CHECK(b.counters(delayed).ready == 800);
  CHECK(b.counters(living).expired == 800);
  CHECK(b.counters(old).expired == 900);
}

TEST_CASE("what is past its time and not swept yet is neither handed out nor listed nor found") {
  Bounded b;
  const QueueId first = b.log.create({});
  const QueueId second = b.log.create({});
  b.send(first, 1500, {}, 1000);
  b.send(second, 10, {}, 2000);
  b.log.pass(Milliseconds(0), Milliseconds(9000));
  CHECK(b.log.receive(second, 10).grants.empty());
  engine::PageRequest request;
  request.queue = first;
  CHECK(b.system->page(request, b.log.now())->messages.empty());
  CHECK(b.system->get(first, {first, Sequence::make(4, 1500)}, b.log.now()).error() ==
        errc::message_not_found);
  CHECK(b.log.settle(second, Verb::erase, {Sequence::make(4, 5), 1}).already_gone);
}

TEST_CASE("a receive looks at most at 256 messages that it cannot hand out, and says so") {
  Bounded b;
  const QueueId queue = b.log.create({});
  b.send(queue, 300, b.log.now().wall + Milliseconds(60'000));
  b.send(queue, 1);
  const auto first = b.log.receive(queue, 1);
  CHECK(first.grants.empty());
  CHECK(first.skipped);
  const auto& ready = b.log.effects().ready;
  CHECK(std::find(ready.begin(), ready.end(), queue) != ready.end());
  const auto second = b.log.receive(queue, 1);
  REQUIRE(second.grants.size() == 1);
  CHECK(second.grants[0].lease.sequence == Sequence::make(4, 301));
  CHECK_FALSE(second.skipped);
}

TEST_CASE("S8 a purge of 5,000 messages is one point in the log, and their space is freed in slices") {
  Bounded b;
  const QueueId queue = b.log.create({});
  b.send(queue, 5000);
  const auto grants = b.log.receive(queue, 3).grants;
  CHECK(b.log.run(engine::Purge{queue}).count == 5000);
  CHECK(b.counters(queue).live() == 0);
  CHECK(b.counters(queue).bytes == 0);
  CHECK(b.system->next_due().more);
  CHECK(b.log.settle(queue, Verb::erase, grants[0].lease).already_gone);
  CHECK(b.log.settle(queue, Verb::nack, grants[1].lease).code == errc::message_not_found);
  b.send(queue, 2);
  CHECK(b.log.receive(queue, 5).grants.size() == 2);
  for (int i = 0; i < 8; ++i) b.log.run(engine::Tick{});
  CHECK_FALSE(b.system->next_due().more);
  CHECK(b.counters(queue).in_flight == 2);
}

TEST_CASE("batches are taken at their bound and refused one past it") {
  Bounded b;
  const QueueId queue = b.log.create({});
  CHECK(b.log.send(queue, limits::send_entries_max).items.size() == limits::send_entries_max);
  CHECK(b.log.send(queue, limits::send_entries_max + 1).code == errc::batch_too_large);
  CHECK(b.log.receive(queue, limits::receive_messages_max).grants.size() == limits::receive_messages_max);
  CHECK(b.log.receive(queue, limits::receive_messages_max + 1).code == errc::invalid_argument);
  std::vector<engine::SettleItem> items(limits::batch_max + 1);
  for (std::size_t i = 0; i < items.size(); ++i) items[i].lease = {Sequence::make(4, i + 1), 1};
  const auto all = std::span<const engine::SettleItem>(items);
  CHECK(b.log.run(engine::Settle{queue, Verb::erase, all}).code == errc::batch_too_large);
  CHECK(b.log.run(engine::Settle{queue, Verb::erase, all.first(limits::batch_max)}).items.size() ==
        limits::batch_max);
  CHECK(b.counters(queue).deleted == limits::batch_max);
}

/// What the last of a session's many requests, and some that are repeated, are answered.
std::string answers_of_session(System& system, std::uint64_t gap) {
  const SessionId session(7);
  SmallLog log(system);
  const QueueId queue = log.create({});
  const std::vector<engine::SendItem> one{SmallLog::item()};
  log.run(engine::OpenSession{session});
  const auto send = [&](std::uint64_t sequence) {
    return show(log.ask(session, sequence, engine::Send{queue, false, one})) + "\n";
  };
  std::string answers;
  for (std::uint64_t i = 1; i <= limits::session_window + 5; ++i) {
    if (i != gap) answers = send(i);
  }
  for (std::uint64_t i = 1; i <= 8; ++i) answers += send(i);
  answers += send(gap) + send(limits::session_window + 5);
  return answers + show(system.facts(queue, log.now()).value());
}

TEST_CASE("S18 of a session's requests the last 1,024 are remembered, as in the model") {
  const std::uint64_t gap = GENERATE(3U, 7U, 900U);
  ModelSystem model;
  const auto system = setting("naive").make();
  const std::string answers = answers_of_session(*system, gap);
  CHECK(answers == answers_of_session(model, gap));
  CHECK(answers.find("outcome_unknown") != std::string::npos);
}

}  // namespace
}  // namespace peerq::model
