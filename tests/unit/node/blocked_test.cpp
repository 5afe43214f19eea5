// Senders that wait for room, in virtual time (S15): what needs no room does not wait, and is no reason to.

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <optional>
#include <vector>

#include "peerq/peerq.hpp"
#include "peerq/testkit/node.hpp"

namespace peerq::testkit {
namespace {

using namespace std::chrono_literals;
using Results = std::vector<Result<Sent>>;

/// A full queue, and a sender in its line.
struct FullQueue {
  std::optional<Result<Sent>> waiting;
  Simulation sim;
  Node node = open_node(sim).value();
  Queue queue = node.create_queue("q", {.max_messages = 1, .overflow = Overflow::block}).value();
  Queue work = node.create_queue("work").value();
  MessageId first = queue.send("a", {.deduplication_id = "a"}).value().id;

  FullQueue() {
    work.send("job").value();
    queue.send_async("b", {.deduplication_id = "b", .timeout = 60s},
                     [this](const Result<Sent>& sent) { waiting = sent; });
    sim.run_for(1s);
  }
  Transaction duplicate() const { return Transaction().send(queue, "a", {.deduplication_id = "a"}); }
};

TEST_CASE("a duplicate behind a sender that waits is a success at once (S17, S60)") {
  FullQueue full;
  const auto begun = full.sim.scheduler().now();
  const auto again = full.queue.send("a", {.deduplication_id = "a", .timeout = 500ms});
  REQUIRE(again);
  CHECK(again->deduplicated);
  CHECK(again->id == full.first);
  CHECK(full.sim.scheduler().now() - begun < 100ms);
  const Results batch =
      full.queue
          .send(std::vector<Message>{{"a", {.deduplication_id = "a"}}, {"a", {.deduplication_id = "a"}}})
          .value();
  for (const auto& one : batch) CHECK(one.value().deduplicated);
  CHECK_FALSE(full.waiting);
  CHECK(full.queue.send("c", {.deduplication_id = "c", .timeout = 100ms}).error() == errc::queue_full);
  full.queue.purge().value();
  full.sim.run_for(1s);
  REQUIRE(full.waiting);
  CHECK(full.waiting->value().id != full.first);
}

TEST_CASE("the message of a request that waited for room goes at its requester's deadline (S15, S77)") {
  FullQueue full;
  full.queue.purge().value();  // the first in line is in the queue now
  full.sim.run_for(1s);
  std::optional<Result<RequestOutcome>> outcome;
  full.queue.request_async("question", {.timeout = 10s},
                           [&](Result<RequestOutcome> told) { outcome = std::move(told); });
  full.sim.run_for(6s);
  full.queue.purge().value();
  full.sim.run_for(1s);
  REQUIRE(full.queue.statistics().value().ready == 1);
  full.sim.run_for(4s);
  REQUIRE(outcome);
  CHECK(full.queue.statistics().value().ready == 0);
  CHECK(full.queue.statistics().value().expired == 1);
}

TEST_CASE("when a batch has waited in vain its duplicates succeed all the same (S15, S17)") {
  FullQueue full;
  const std::vector<Message> batch{{"c", {.deduplication_id = "c"}}, {"a", {.deduplication_id = "a"}}};
  const Results results = full.queue.send(batch, {.timeout = 100ms}).value();
  CHECK(results[0].error() == errc::queue_full);
  CHECK(results[1].value().id == full.first);
  CHECK(full.queue.statistics().value().sent == 1);
}

TEST_CASE("who waits while another sends the same gets that one's message (S15, S17)") {
  std::vector<Result<Sent>> told;
  FullQueue full;
  const SendOptions same{.deduplication_id = "c", .timeout = 60s};
  for (int i = 0; i < 2; ++i) {
    full.queue.send_async("c", same, [&](const Result<Sent>& sent) { told.push_back(sent); });
  }
  full.sim.run_for(1s);
  for (int i = 0; i < 2; ++i) {
    CHECK(told.empty());
    REQUIRE(full.queue.receive_and_delete().value().size() == 1);
    full.sim.run_for(1s);
  }
  REQUIRE(told.size() == 2);
  CHECK_FALSE(told[0].value().deduplicated);
  CHECK(told[1].value().deduplicated);
  CHECK(told[1].value().id == told[0].value().id);
}

TEST_CASE("a transaction whose sends are duplicates needs no room, whoever waits (S17, S76)") {
  FullQueue full;
  const auto job = full.work.receive().value().at(0);
  CHECK(full.node.transact(Transaction().send(full.queue, "c")).error() == errc::queue_full);
  const auto twice = full.node.transact(full.duplicate().erase(job));
  REQUIRE(twice);
  CHECK(full.work.statistics().value().in_flight == 0);
  const auto mixed = full.node.transact(full.duplicate().send(full.queue, "c"));
  CHECK(mixed.error() == errc::queue_full);
}

TEST_CASE("of a transaction a stale receipt is told before a full queue (S60, S76)") {
  FullQueue full;
  const auto job = full.work.receive({.visibility_timeout = 1s}).value().at(0);
  full.sim.run_for(2s);
  REQUIRE(full.work.receive().value().size() == 1);
  const auto stale = full.node.transact(Transaction().send(full.queue, "c").erase(job));
  CHECK(stale.error() == errc::stale_receipt);
  CHECK_FALSE(full.waiting);
}

TEST_CASE("a session's batch with a duplicate waits until what is new fits (S15, S17)") {
  const bool atomic = GENERATE(false, true);
  std::optional<Result<Results>> told;
  Simulation sim;
  auto node = open_node(sim).value();
  auto queue = node.create_queue("q", {.max_messages = 3, .overflow = Overflow::block}).value();
  for (const char* id : {"a", "b"}) queue.send(id, {.deduplication_id = id}).value();
  const auto session = node.open_session().value();
  std::vector<Message> batch;
  for (const char* id : {"a", "c", "d"}) batch.push_back({id, {.deduplication_id = id}});
  const BatchOptions options{.atomic = atomic, .timeout = 5s};
  queue.in(session.request(1)).send_async(batch, options, [&](auto results) { told = std::move(results); });
  sim.run_for(1s);
  CHECK_FALSE(told);
  CHECK(queue.statistics().value().sent == 2);
  REQUIRE(queue.receive_and_delete().value().size() == 1);
  sim.run_for(1s);
  REQUIRE(told);
  const Results results = told->value();
  REQUIRE(results.size() == 3);
  CHECK(results[0].value().deduplicated);
  CHECK_FALSE(results[1].value().deduplicated);
  CHECK_FALSE(results[2].value().deduplicated);
  CHECK(queue.statistics().value().ready == 3);
  const Results again = queue.in(session.request(1)).send(batch, options).value();
  for (std::size_t i = 0; i < 3; ++i) CHECK(again[i].value().id == results[i].value().id);
}

TEST_CASE("a session's batch that found no room is no answer: it is made when there is room (S15, S18)") {
  Simulation sim;
  auto node = open_node(sim).value();
  auto queue = node.create_queue("q", {.max_messages = 3, .overflow = Overflow::block}).value();
  for (const char* id : {"a", "b"}) queue.send(id, {.deduplication_id = id}).value();
  const auto session = node.open_session().value();
  std::vector<Message> batch;
  for (const char* id : {"a", "c", "d"}) batch.push_back({id, {.deduplication_id = id}});
  const auto begun = sim.scheduler().now();
  CHECK(queue.in(session.request(1)).send(batch, {.timeout = 1s}).error() == errc::queue_full);
  CHECK(sim.scheduler().now() - begun >= 1s);
  CHECK(queue.statistics().value().sent == 2);
  queue.purge().value();
  for (const auto& one : queue.in(session.request(1)).send(batch).value()) CHECK(one);
}

}  // namespace
}  // namespace peerq::testkit
