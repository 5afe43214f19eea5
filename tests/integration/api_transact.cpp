// Transactions on real files (S76).

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <future>
#include <thread>

#include "opened.hpp"
#include "peerq/peerq.hpp"

namespace peerq::test {
namespace {

using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;

/// A delivery of `body`.
Delivery leased(const Queue& queue, const std::string& body, Milliseconds visibility = 30s) {
  REQUIRE(queue.send(body));
  auto got = queue.receive({.visibility_timeout = visibility}).value();
  REQUIRE(got.size() == 1);
  return got[0];
}

TEST_CASE("api transact: a delete and sends to two queues happen together, and stay (S76)", "[api]") {
  Opened opened;
  auto orders = opened.node.create_queue("orders").value();
  auto bills = opened.node.create_queue("bills").value();
  const auto order = leased(orders, "order");
  Transaction transaction;
  transaction.erase(order).send(bills, "bill").send(orders, "follow-up").send(bills, "copy");
  const auto sent = opened.node.transact(transaction).value();
  REQUIRE(sent.size() == 3);
  CHECK(bills.get(sent[0].id).value().body == "bill");
  CHECK(orders.get(sent[1].id).value().body == "follow-up");
  CHECK(bills.get(sent[2].id).value().body == "copy");
  opened.reopen();
  orders = opened.node.open_queue("orders").value();
  bills = opened.node.open_queue("bills").value();
  CHECK(orders.statistics().value().deleted == 1);
  CHECK(orders.receive({.max_messages = 10}).value().size() == 1);
  CHECK(bills.receive({.max_messages = 10}).value().size() == 2);
}

TEST_CASE("api transact: a stale, ended or gone receipt fails all of it (S76)", "[api]") {
  Opened opened;
  auto orders = opened.node.create_queue("orders").value();
  auto bills = opened.node.create_queue("bills").value();
  const auto live = leased(orders, "live");
  const auto released = leased(orders, "released");
  REQUIRE(released.release());
  const auto gone = leased(bills, "gone");
  REQUIRE(gone.erase());
  const auto fails = [&](const Delivery& second) {
    const auto result =
        opened.node.transact(Transaction().erase(live).erase(second).send(bills, "never sent"));
    return result ? errc::ok : result.error().code;
  };
  CHECK(fails(released) == errc::lease_expired);
  CHECK(fails(gone) == errc::message_not_found);
  REQUIRE(orders.receive().value().size() == 1);
  CHECK(fails(released) == errc::stale_receipt);
  CHECK(fails(live) == errc::invalid_argument);  // twice
  CHECK(orders.statistics().value().deleted == 0);
  CHECK(bills.statistics().value().sent == 1);
  CHECK(opened.node.transact(Transaction().erase(live).send(bills, "sent")));
}

TEST_CASE("api transact: a full queue fails all of it, what is deleted makes room (S76)", "[api]") {
  Opened opened;
  auto orders = opened.node.create_queue("orders").value();
  auto small = opened.node.create_queue("small", {.max_messages = 1}).value();
  const auto order = leased(orders, "order");
  REQUIRE(small.send("full"));
  const Error full = opened.node.transact(Transaction().erase(order).send(small, "one too many")).error();
  CHECK(full == errc::queue_full);
  CHECK_THAT(full.text(), ContainsSubstring("max_messages"));
  CHECK(orders.statistics().value().in_flight == 1);
  const auto old = small.receive().value().at(0);
  CHECK(opened.node.transact(Transaction().erase(old).send(small, "in its place")));
  CHECK(small.receive().value().at(0).body() == "in its place");
}

TEST_CASE("api transact: a duplicate is a success (S17, S76)", "[api]") {
  Opened opened;
  auto queue = opened.node.create_queue("q", {.content_based_deduplication = true}).value();
  const auto first = queue.send("a", {.deduplication_id = "1"}).value();
  const auto sent = opened.node
                        .transact(Transaction()
                                      .send(queue, "a", {.deduplication_id = "1"})
                                      .send(queue, "body")
                                      .send(queue, "body"))
                        .value();
  CHECK(sent[0].deduplicated);
  CHECK(sent[0].id == first.id);
  CHECK_FALSE(sent[1].deduplicated);
  CHECK(sent[2].deduplicated);
  CHECK(sent[2].id == sent[1].id);
  CHECK(queue.statistics().value().sent == 2);
}

TEST_CASE("api transact: queues of different durability are refused before anything is written (S76)",
          "[api]") {
  Opened opened;
  auto orders = opened.node.create_queue("orders").value();
  auto memory = opened.node.create_queue("memory", {.durability = Durability::memory}).value();
  const auto order = leased(orders, "order");
  const auto before = opened.node.statistics().value().log_bytes;
  const Error error = opened.node.transact(Transaction().erase(order).send(memory, "x")).error();
  CHECK(error == errc::cross_shard);
  CHECK_THAT(error.text(), ContainsSubstring("orders") && ContainsSubstring("memory"));
  CHECK(opened.node.statistics().value().log_bytes == before);
  CHECK(orders.statistics().value().in_flight == 1);
  const auto in_memory = leased(memory, "y");
  CHECK(opened.node.transact(Transaction().erase(in_memory).send(memory, "z")));
  CHECK(memory.receive().value().at(0).body() == "z");
}

TEST_CASE("api transact: a waiting receiver gets what a transaction sent (S22)", "[api]") {
  Opened opened;
  auto queue = opened.node.create_queue("q").value();
  std::thread sender([&] {
    std::this_thread::sleep_for(30ms);
    REQUIRE(opened.node.transact(Transaction().send(queue, "late")));
  });
  const auto got = queue.receive({.wait = 10s}).value();
  sender.join();
  REQUIRE(got.size() == 1);
  CHECK(got[0].body() == "late");
}

TEST_CASE("api transact: each check is made of all queues before the next one (S60, S76)", "[api]") {
  Opened opened;
  const Queue small = opened.node.create_queue("small", {.max_message_size = 5}).value();
  const Queue deleted = opened.node.create_queue("deleted").value();
  REQUIRE(opened.node.delete_queue("deleted"));
  CHECK(opened.node.transact(Transaction().send(small, "too large").send(deleted, "x")).error() ==
        errc::queue_deleted);
  const Queue full =
      opened.node.create_queue("full", {.max_messages = 0, .overflow = Overflow::block}).value();
  full.send_async("waits", {}, [](const Result<Sent>&) {});
  CHECK(opened.node.transact(Transaction().send(full, "x")).error() == errc::queue_full);
  CHECK(opened.node.transact(Transaction().send(full, "x").send(small, "too large")).error() ==
        errc::message_too_large);
}

TEST_CASE("api transact: without blocking", "[api]") {
  Opened opened;
  auto queue = opened.node.create_queue("q").value();
  std::promise<Result<std::vector<Sent>>> told;
  opened.node.transact_async(Transaction().send(queue, "x"), {},
                             [&](Result<std::vector<Sent>> result) { told.set_value(std::move(result)); });
  CHECK(told.get_future().get().value().size() == 1);
  std::promise<Error> refused;
  opened.node.transact_async(
      Transaction(), {}, [&](const Result<std::vector<Sent>>& result) { refused.set_value(result.error()); });
  CHECK(refused.get_future().get() == errc::invalid_argument);
}

TEST_CASE("api transact: bad input is refused by name, at the bound and one past it", "[api][bad-input]") {
  Opened opened;
  Opened other;
  auto queue = opened.node.create_queue("q", {.max_message_size = 10}).value();
  auto foreign = other.node.create_queue("foreign").value();
  const auto error_of = [&](const Transaction& transaction, const TransactOptions& options = {}) {
    auto result = opened.node.transact(transaction, options);
    return result ? Error() : std::move(result).error();
  };
  CHECK(error_of(Transaction()) == errc::invalid_argument);
  CHECK(error_of(Transaction().send(queue, "x"), {.timeout = 0ms}) == errc::invalid_argument);
  const Error priority = error_of(Transaction().send(queue, "x").send(queue, "y", {.priority = 10}));
  CHECK(priority == errc::invalid_argument);
  CHECK_THAT(priority.text(), ContainsSubstring("send 1: priority"));
  const Error node = error_of(Transaction().send(foreign, "x"));
  CHECK(node == errc::invalid_argument);
  CHECK_THAT(node.text(), ContainsSubstring("foreign"));
  CHECK(error_of(Transaction().erase(leased(foreign, "x")).send(queue, "y")) == errc::invalid_argument);
  const Error large = error_of(Transaction().send(queue, std::string(11, 'x')));
  CHECK(large == errc::message_too_large);
  CHECK_THAT(large.text(), ContainsSubstring("11") && ContainsSubstring("10"));
  Transaction most;
  for (int i = 0; i < 1'000; ++i) most.send(queue, "x");
  CHECK(error_of(most).code == errc::ok);
  CHECK(error_of(most.send(queue, "x")) == errc::batch_too_large);
  auto big = opened.node.create_queue("big", {.max_message_size = 16 * 1024 * 1024}).value();
  const std::string half(8 * 1024 * 1024, 'x');
  CHECK(error_of(Transaction().send(big, half).send(big, half)).code == errc::ok);
  CHECK(error_of(Transaction().send(big, half).send(big, half + 'x')) == errc::batch_too_large);
  REQUIRE(opened.node.delete_queue("big"));
  const Error deleted = error_of(Transaction().send(queue, "x").send(big, "y"));
  CHECK(deleted == errc::queue_deleted);
  CHECK_THAT(deleted.text(), ContainsSubstring("big"));
  CHECK(queue.statistics().value().sent == 1'000);
}

TEST_CASE("api transact: what fails drops nothing from a queue that drops its oldest (S15, S76)", "[api]") {
  Opened opened;
  auto drops =
      opened.node.create_queue("drops", {.max_messages = 1, .overflow = Overflow::drop_oldest}).value();
  auto full = opened.node.create_queue("full", {.max_messages = 1}).value();
  REQUIRE(drops.send("old"));
  REQUIRE(full.send("x"));
  CHECK(opened.node.transact(Transaction().send(drops, "new").send(full, "y")).error() == errc::queue_full);
  CHECK(drops.statistics().value().dropped == 0);
  CHECK(drops.receive().value().at(0).body() == "old");
}

}  // namespace
}  // namespace peerq::test
