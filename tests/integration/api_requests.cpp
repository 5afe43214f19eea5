// Request and reply through the API (S77).

#include <atomic>
#include <catch2/catch_test_macros.hpp>
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
    std::thread asking([&] { CHECK(work.request("question", {.timeout = 1h}).error() == errc::closed); });
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

TEST_CASE("api node: the wait for an outcome ends with cancelled, with its queue, and with its node") {
  Opened opened;
  const Queue work = opened.node.create_queue("work").value();
  std::stop_source stop;
  std::thread stopping([&] {
    REQUIRE(eventually([&] { return work.statistics().value().ready == 1; }));
    stop.request_stop();
  });
  CHECK(work.request("question", {.stop = stop.get_token()}).error() == errc::cancelled);
  stopping.join();
  std::thread closing([&] {
    REQUIRE(eventually([&] { return work.statistics().value().ready == 2; }));
    opened.node.close().value();
  });
  CHECK(work.request("question").error() == errc::closed);
  closing.join();
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
