// Request and reply through the API (S77).

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <future>
#include <string>
#include <thread>

#include "eventually.hpp"
#include "opened.hpp"
#include "peerq/peerq.hpp"

namespace peerq::test {
namespace {

using namespace std::chrono_literals;

TEST_CASE("api node: a request gets the result that its worker gives (S77)") {
  Opened opened;
  const Queue work = opened.node.create_queue("work").value();
  const Consumer worker(
      work, [](const Delivery& delivery) { return done_with("answer to " + std::string(delivery.body())); });
  const auto outcome = work.request("question").value();
  CHECK(outcome.ok());
  CHECK(outcome.result == "answer to question");
  CHECK(work.statistics().value().deleted == 1);
  std::promise<Result<RequestOutcome>> promise;
  work.request_async("another", {},
                     [&](Result<RequestOutcome> result) { promise.set_value(std::move(result)); });
  CHECK(promise.get_future().get().value().result == "answer to another");
}

TEST_CASE("api node: a request that is rejected tells why (S77)") {
  Opened opened;
  const Queue work = opened.node.create_queue("work", {.dead_letter_queue = "work.dead"}).value();
  const Consumer worker(work, [](const Delivery&) { return reject("cannot parse"); });
  const auto outcome = work.request("question").value();
  CHECK(outcome.kind == OutcomeKind::failed);
  CHECK(outcome.cause == FailureCause::rejected);
  CHECK(outcome.error == "cannot parse");
}

TEST_CASE("api node: an outcome is kept over a restart of either side (S77)") {
  Opened opened;
  const Queue work = opened.node.create_queue("work").value();
  const auto id = [&] {
    std::thread asking(
        [&] { CHECK(work.request("question", {.timeout = 1h}).error() == errc::outcome_unknown); });
    REQUIRE(eventually([&] { return work.statistics().value().ready == 1; }));
    const MessageId sent = work.peek().value().at(0).id;
    opened.reopen();
    asking.join();
    return sent;
  }();
  const Queue again = opened.node.open_queue("work").value();
  const auto deleted = again.receive().value().at(0).done("late", {{"kind", "text"}}).value();
  CHECK_FALSE(deleted.requester_gone);
  opened.reopen();
  const auto outcome = opened.node.open_queue("work").value().outcome(id).value();
  CHECK(outcome.result == "late");
  CHECK(outcome.attributes.at("kind") == "text");
}

TEST_CASE(
    "api node: a request that is repeated by its deduplication id is sent once and answered twice (S77)") {
  Opened opened;
  const Queue work = opened.node.create_queue("work").value();
  std::atomic<int> handled = 0;
  const Consumer worker(work, [&](const Delivery&) {
    ++handled;
    return done_with("answer");
  });
  const RequestOptions options{.message = {.deduplication_id = "order-7"}};
  CHECK(work.request("question", options).value().result == "answer");
  CHECK(work.request("question", options).value().result == "answer");
  CHECK(handled == 1);
}

TEST_CASE("api node: a request that repeats one whose outcome is gone is unknown, not undone (S57, S77)") {
  Opened opened;
  const Queue work = opened.node.create_queue("work").value();
  const Consumer worker(work, [&](const Delivery&) { return done_with("answer"); });
  const RequestOptions options{.message = {.deduplication_id = "order-7"}, .timeout = 200ms};
  CHECK(work.request("question", options).value().result == "answer");
  std::this_thread::sleep_for(300ms);
  CHECK(work.request("question", options).error() == errc::outcome_unknown);
}

TEST_CASE("api node: a request without an answer ends at its timeout, and its message with it (S77)") {
  Opened opened;
  const Queue work = opened.node.create_queue("work").value();
  const auto outcome = work.request("question", {.timeout = 50ms});
  // Who sees it first, the one who waits or the message's own time, is a race.
  CHECK((outcome ? outcome->kind == OutcomeKind::expired : outcome.error() == errc::outcome_unknown));
  REQUIRE(eventually([&] { return work.statistics().value().expired == 1; }));
  CHECK(work.receive().value().empty());
}

TEST_CASE("api node: a result for which nobody waits is a success that says so (S77)") {
  Opened opened;
  const Queue work = opened.node.create_queue("work").value();
  REQUIRE(work.send("no request"));
  CHECK(work.receive().value().at(0).done("result").value().requester_gone);
  CHECK(work.outcome(MessageId{}).error() == errc::message_not_found);
}

TEST_CASE("api node: who sends a request and waits later has its id, also after a restart (S77)") {
  Opened opened;
  Queue work = opened.node.create_queue("work").value();
  const RequestOptions options{.message = {.deduplication_id = "order-7"}, .timeout = 1h};
  const Sent ticket = work.send_request("question", options).value();
  CHECK(work.outcome(ticket.id, {.timeout = 20ms}).error() == errc::timeout);
  std::stop_source stop;
  stop.request_stop();
  CHECK(work.outcome(ticket.id, {.stop = stop.get_token()}).error() == errc::cancelled);
  const Sent again = work.send_request("question", options).value();
  CHECK(again.deduplicated);
  CHECK(again.id == ticket.id);
  REQUIRE(work.receive().value().at(0).done("answer"));
  opened.reopen();
  work = opened.node.open_queue("work").value();
  CHECK(work.outcome(ticket.id).value().result == "answer");
  CHECK(work.outcome(ticket.id).value().id == ticket.id);
}

TEST_CASE("api node: the same without blocking; a stop ends the wait with cancelled (S77)") {
  Opened opened;
  const Queue work = opened.node.create_queue("work").value();
  std::promise<Result<Sent>> sent;
  work.send_request_async("question", {}, [&](Result<Sent> result) { sent.set_value(std::move(result)); });
  const Sent ticket = sent.get_future().get().value();
  const auto outcome = [&](const OutcomeOptions& options) {
    auto told = std::make_shared<std::promise<Result<RequestOutcome>>>();
    work.outcome_async(ticket.id, options,
                       [told](Result<RequestOutcome> result) { told->set_value(std::move(result)); });
    return told->get_future();
  };
  std::stop_source stop;
  auto stopped = outcome({.stop = stop.get_token()});
  auto waits = outcome({});
  stop.request_stop();
  CHECK(stopped.get().error() == errc::cancelled);
  CHECK(outcome({.timeout = 0ms}).get().error() == errc::invalid_argument);
  REQUIRE(work.receive().value().at(0).done("answer"));
  CHECK(waits.get().value().result == "answer");
}

TEST_CASE("api node: a worker in another process gives its result by receipt (S59, S77)") {
  Opened opened;
  Queue work = opened.node.create_queue("work").value();
  const Sent first = work.send_request("first", {.timeout = 1h}).value();
  const Sent second = work.send_request("second", {.timeout = 1h}).value();
  const auto got = work.receive({.max_messages = 2}).value();
  REQUIRE(got.size() == 2);
  const std::string one = got[0].receipt();
  const std::string other = got[1].receipt();
  opened.reopen();
  work = opened.node.open_queue("work").value();
  const auto deleted = work.done(one, "answer", {{"kind", "text"}}).value();
  CHECK_FALSE(deleted.requester_gone);
  CHECK(work.outcome(first.id).value().attributes.at("kind") == "text");
  CHECK(work.done(one, "again").value().already_gone);
  std::promise<Result<Deleted>> told;
  work.done_async(other, "later", {}, [&](Result<Deleted> result) { told.set_value(std::move(result)); });
  CHECK(told.get_future().get());
  CHECK(work.outcome(second.id).value().result == "later");
  CHECK(work.done("nonsense", "x").error() == errc::invalid_receipt);
  const std::string large(limits::send_bytes_max + 1, 'x');
  CHECK(work.done(other, large).error() == errc::message_too_large);
}

/// A request of one form or the other; both are to mean the same.
struct Requesting {
  bool blocking = true;

  std::future<Result<RequestOutcome>> operator()(const Queue& queue, const RequestOptions& options) const {
    if (blocking) {
      return std::async(std::launch::async, [queue, options] { return queue.request("question", options); });
    }
    auto told = std::make_shared<std::promise<Result<RequestOutcome>>>();
    queue.request_async("question", options,
                        [told](Result<RequestOutcome> outcome) { told->set_value(std::move(outcome)); });
    return told->get_future();
  }
};

bool in_time(const std::future<Result<RequestOutcome>>& outcome) {
  return outcome.wait_for(10s) == std::future_status::ready;
}

TEST_CASE("api node: a request that is stopped when its message was sent is unknown, not cancelled (S57)") {
  Opened opened;
  const Queue work = opened.node.create_queue("work").value();
  std::stop_source stop;
  auto outcome = Requesting{GENERATE(true, false)}(work, {.timeout = 60s, .stop = stop.get_token()});
  REQUIRE(eventually([&] { return work.statistics().value().ready == 1; }));
  std::this_thread::sleep_for(20ms);
  stop.request_stop();
  REQUIRE(in_time(outcome));
  const Error error = outcome.get().error();
  CHECK(error == errc::outcome_unknown);
  CHECK(error.text().find(to_string(work.peek().value().at(0).id)) != std::string::npos);
}

TEST_CASE("api node: a request that is stopped while its queue is full is cancelled and not sent (S57)") {
  Opened opened;
  const Queue work =
      opened.node.create_queue("work", {.max_messages = 1, .overflow = Overflow::block}).value();
  REQUIRE(work.send("fills it"));
  std::stop_source stop;
  auto outcome = Requesting{GENERATE(true, false)}(work, {.timeout = 60s, .stop = stop.get_token()});
  CHECK(outcome.wait_for(100ms) == std::future_status::timeout);
  stop.request_stop();
  REQUIRE(in_time(outcome));
  CHECK(outcome.get().error() == errc::cancelled);
  CHECK(work.receive_and_delete().value().at(0).body() == "fills it");
  CHECK(work.receive().value().empty());
}

TEST_CASE("api node: a request that was stopped before it began is cancelled and not sent (S57)") {
  Opened opened;
  const Queue work = opened.node.create_queue("work").value();
  std::stop_source stop;
  stop.request_stop();
  auto outcome = Requesting{GENERATE(true, false)}(work, {.timeout = 60s, .stop = stop.get_token()});
  REQUIRE(in_time(outcome));
  CHECK(outcome.get().error() == errc::cancelled);
  CHECK(work.statistics().value().sent == 0);
}

TEST_CASE("api node: when its node is closed or its queue deleted a request says what became of it (S57)") {
  Opened opened;
  const Queue work = opened.node.create_queue("work").value();
  const Requesting requesting{GENERATE(true, false)};
  auto deleted = requesting(work, {});
  REQUIRE(eventually([&] { return work.statistics().value().ready == 1; }));
  REQUIRE(opened.node.delete_queue("work"));
  const auto gone = deleted.get();
  CHECK((gone ? gone->kind == OutcomeKind::cancelled : gone.error() == errc::queue_deleted));
  const Queue again = opened.node.create_queue("work").value();
  auto closed = requesting(again, {});
  REQUIRE(eventually([&] { return again.statistics().value().ready == 1; }));
  opened.node.close().value();
  CHECK(closed.get().error() == errc::outcome_unknown);
}

TEST_CASE("api node: a request that cannot be is refused by the name of what is wrong") {
  Opened opened;
  const Queue work = opened.node.create_queue("work").value();
  CHECK(work.request("x", {.timeout = 0ms}).error() == errc::invalid_argument);
  CHECK(work.request("x", {.timeout = limits::request_timeout_max + 1ms}).error() == errc::invalid_argument);
  CHECK(work.request("x", {.message = {.priority = 10}}).error() == errc::invalid_argument);
}

}  // namespace
}  // namespace peerq::test
