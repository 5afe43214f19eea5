// Dead letters between shards, and redrive, through the API.

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <string>

#include "eventually.hpp"
#include "opened.hpp"
#include "peerq/peerq.hpp"

namespace peerq::test {
namespace {

using Catch::Matchers::ContainsSubstring;

Queue make_source(Opened& opened, Durability durability = Durability::sync) {
  QueueOptions options;
  options.durability = durability;
  options.dead_letter_queue = "orders.dead";
  return opened.node.create_queue("orders", options).value();
}

void reject_all(const Queue& queue, std::string_view reason) {
  for (;;) {
    const auto held = queue.receive({.max_messages = 100}).value();
    if (held.empty()) return;
    for (const auto& result : queue.reject(held, reason).value()) REQUIRE(result);
  }
}

bool is_finished(const Queue& queue) {
  const auto status = queue.redrive_status().value();
  return status && status->finished;
}

TEST_CASE("api node: a redrive brings rejected messages back with a fresh count (S39)") {
  Opened opened;
  const Queue orders = make_source(opened);
  const MessageId id = orders.send("a").value().id;
  reject_all(orders, "bad address");
  const Queue dead = opened.node.open_queue("orders.dead").value();
  CHECK(dead.redrive_status().value() == std::nullopt);
  CHECK(dead.redrive_dry_run().value() == 1);
  CHECK(dead.redrive_dry_run({.causes = {FailureCause::time_to_live}}).value() == 0);
  REQUIRE(dead.redrive());
  REQUIRE(eventually([&] { return is_finished(dead); }));
  CHECK(dead.redrive_status().value()->moved == 1);
  const auto again = orders.receive().value();
  REQUIRE(again.size() == 1);
  CHECK(again[0].id() == id);
  CHECK(again[0].receive_count() == 1);
  CHECK(again[0].failure().last_error == "bad address");
}

TEST_CASE("api node: a dry run counts what a redrive would move (S39)") {
  Opened opened;
  const Queue orders = make_source(opened);
  const Queue other = opened.node.create_queue("other").value();
  REQUIRE(orders.send("a"));
  reject_all(orders, "no");
  const Queue dead = opened.node.open_queue("orders.dead").value();
  REQUIRE(dead.redrive({.target = "other"}));
  REQUIRE(eventually([&] { return is_finished(dead); }));
  CHECK(other.statistics().value().ready == 1);
  CHECK(other.redrive_dry_run().value() == 0);
  REQUIRE(other.redrive());
  REQUIRE(eventually([&] { return is_finished(other); }));
  CHECK(other.redrive_status().value()->moved == 0);
}

TEST_CASE("api node: the counters of a queue add up after a redrive, on both sides (S39)") {
  Opened opened;
  const Queue orders = make_source(opened);
  for (int i = 0; i < 5; ++i) REQUIRE(orders.send("x"));
  reject_all(orders, "no");
  const Queue dead = opened.node.open_queue("orders.dead").value();
  REQUIRE(dead.redrive());
  REQUIRE(eventually([&] { return is_finished(dead); }));
  const auto left = dead.statistics().value();
  CHECK(left.arrived == 5);
  CHECK(left.redriven == 5);
  CHECK(left.ready == 0);
  const auto back = orders.statistics().value();
  CHECK(back.sent + back.arrived == back.ready + back.dead_lettered);
  CHECK(back.redriven == 0);
}

TEST_CASE("api node: a redrive goes on after a restart, and can be stopped (S39)") {
  Opened opened;
  const Queue orders = make_source(opened);
  std::vector<Message> messages(50);
  REQUIRE(orders.send(messages));
  reject_all(orders, "no");
  REQUIRE(opened.node.open_queue("orders.dead").value().redrive({.rate = 20}));
  opened.reopen();
  const Queue dead = opened.node.open_queue("orders.dead").value();
  CHECK(dead.redrive().error() == errc::in_use);
  REQUIRE(eventually([&] { return dead.redrive_status().value()->moved > 5; }));
  REQUIRE(dead.stop_redrive());
  CHECK(is_finished(dead));
  const auto moved = dead.redrive_status().value()->moved;
  CHECK(moved < 50);
  CHECK(opened.node.open_queue("orders").value().statistics().value().ready == moved);
}

TEST_CASE("api node: dead letters of a memory queue go to a durable queue and survive (S41)") {
  const auto durability = Durability::memory;
  Opened opened;
  REQUIRE(opened.node.create_queue("orders.dead"));
  const Queue orders = make_source(opened, durability);
  std::vector<Message> messages(200);
  for (std::size_t i = 0; i < messages.size(); ++i) messages[i].body = "m" + std::to_string(i);
  REQUIRE(orders.send(messages));
  reject_all(orders, "no");
  const Queue dead = opened.node.open_queue("orders.dead").value();
  REQUIRE(eventually([&] { return dead.statistics().value().ready == 200; }));
  REQUIRE(eventually([&] { return orders.statistics().value().dead_lettered == 200; }));
  const auto peeked = dead.peek(200).value();
  REQUIRE(peeked.size() == 200);
  CHECK(peeked[0].body == "m0");
  CHECK(peeked[199].body == "m199");
  opened.reopen();
  const Queue left = opened.node.open_queue("orders.dead").value();
  CHECK(left.statistics().value().ready == 200);
  // Back into the memory queue, which is empty now, and once more away from it.
  REQUIRE(left.redrive());
  const Queue back = opened.node.open_queue("orders").value();
  REQUIRE(eventually([&] { return back.statistics().value().ready == 200; }));
  REQUIRE(eventually([&] { return left.statistics().value().ready == 0; }));
  reject_all(back, "again");
  REQUIRE(eventually([&] { return left.statistics().value().ready == 200; }));
}

TEST_CASE("api node: dead letters of an interval queue go to a durable queue (S41)") {
  Opened opened;
  REQUIRE(opened.node.create_queue("orders.dead"));
  const Queue orders = make_source(opened, Durability::interval);
  REQUIRE(orders.send("a"));
  reject_all(orders, "no");
  const Queue dead = opened.node.open_queue("orders.dead").value();
  REQUIRE(eventually([&] { return dead.statistics().value().ready == 1; }));
  opened.reopen();
  CHECK(opened.node.open_queue("orders").value().statistics().value().ready == 0);
  CHECK(opened.node.open_queue("orders.dead").value().statistics().value().ready == 1);
}

TEST_CASE("api node: a redrive that cannot be is refused by the name of what is wrong (S39)") {
  Opened opened;
  const Queue orders = make_source(opened);
  const Queue dead = opened.node.open_queue("orders.dead").value();
  REQUIRE(opened.node.create_queue("steps", {.type = QueueType::fifo}));
  CHECK_THAT(dead.redrive({.target = "nobody"}).error().text(), ContainsSubstring("target: nobody"));
  CHECK(dead.redrive({.target = "nobody"}).error() == errc::queue_not_found);
  CHECK(dead.redrive({.target = "steps"}).error() == errc::invalid_argument);
  CHECK(dead.redrive({.target = "orders.dead"}).error() == errc::invalid_argument);
  CHECK(dead.redrive({.source = "bad name"}).error() == errc::invalid_name);
  CHECK(dead.redrive({.causes = {FailureCause::none}}).error() == errc::invalid_argument);
}

}  // namespace
}  // namespace peerq::test
