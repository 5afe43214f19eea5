// Recurring schedules and delivery windows through the API (S78, S79).

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <string>

#include "eventually.hpp"
#include "opened.hpp"
#include "peerq/peerq.hpp"
#include "peerq/testkit/node.hpp"

namespace peerq::test {
namespace {

using Catch::Matchers::ContainsSubstring;
using namespace std::chrono_literals;

TEST_CASE("api node: a schedule sends again and again, also after a restart (S79)") {
  Opened opened;
  const Queue work = opened.node.create_queue("work").value();
  ScheduleOptions options;
  options.specification = "every 1s";
  options.body = "tick";
  options.message.priority = 7;
  REQUIRE(work.put_schedule("ticks", options));
  const auto first = work.receive({.wait = 10s}).value();
  REQUIRE(first.size() == 1);
  CHECK(first[0].body() == "tick");
  opened.reopen();
  const Queue again = opened.node.open_queue("work").value();
  REQUIRE(eventually([&] { return again.statistics().value().sent >= 2; }));
  const auto schedules = again.schedules().value();
  REQUIRE(schedules.size() == 1);
  CHECK(schedules[0].name == "ticks");
  CHECK(schedules[0].specification == "every 1s");
  CHECK(schedules[0].sent >= 2);
  CHECK(schedules[0].next.has_value());
  CHECK(again.remove_schedule("ticks").value());
  CHECK_FALSE(again.remove_schedule("ticks").value());
  CHECK(again.schedules().value().empty());
}

TEST_CASE("api node: a schedule that cannot be is refused by the name of what is wrong (S79)") {
  Opened opened;
  const Queue work = opened.node.create_queue("work").value();
  const auto refused = [&](std::string specification, std::string zone = "UTC") {
    ScheduleOptions options;
    options.specification = std::move(specification);
    options.zone = std::move(zone);
    return work.put_schedule("s", options).error();
  };
  CHECK(refused("every 0s") == errc::invalid_argument);
  CHECK_THAT(refused("0 25 * * *").text(), ContainsSubstring("hour") && ContainsSubstring("25"));
  CHECK_THAT(refused("0 3 * * *", "Europe/Berln").text(), ContainsSubstring("Europe/Berln"));
  ScheduleOptions delayed;
  delayed.specification = "@daily";
  delayed.message.delay = 1s;
  CHECK(work.put_schedule("s", delayed).error() == errc::invalid_argument);
  CHECK(work.put_schedule("bad name", {.specification = "@daily"}).error() == errc::invalid_name);
  CHECK(work.remove_schedule("bad name").error() == errc::invalid_name);
}

/// A window of two hours around now, or on the other side of the clock.
DeliveryWindow window(bool open) {
  const auto now =
      std::chrono::floor<std::chrono::minutes>(std::chrono::system_clock::now().time_since_epoch());
  const std::chrono::minutes day{24 * 60};
  const auto from = (now - std::chrono::minutes(60) + (open ? 0min : 12 * 60min)) % day;
  return {.zone = "UTC", .from = from, .to = (from + 120min) % day};
}

TEST_CASE("api node: outside of its window a queue takes messages and gives none (S78)") {
  Opened opened;
  QueueOptions options;
  options.windows = {window(false)};
  const Queue work = opened.node.create_queue("nightly", options).value();
  const MessageId id = work.send("a").value().id;
  CHECK(work.receive().value().empty());
  CHECK_THAT(to_string(work.explain(id).value()), ContainsSubstring("window"));
  CHECK(work.statistics().value().window_closed);
  opened.reopen();
  CHECK(opened.node.open_queue("nightly").value().receive().value().empty());
  options.windows = {window(true)};
  REQUIRE(opened.node.update_queue("nightly", options));
  const auto got = opened.node.open_queue("nightly").value().receive({.wait = 10s}).value();
  REQUIRE(got.size() == 1);
  CHECK(got[0].id() == id);
}

TEST_CASE("api node: a window of an unknown zone is refused by its name (S78)") {
  Opened opened;
  QueueOptions options;
  options.windows = {{.zone = "Mars/Olympus"}};
  CHECK_THAT(opened.node.create_queue("q", options).error().text(), ContainsSubstring("Mars/Olympus"));
}

TEST_CASE("api node: a schedule runs in time although the calendar is not believed (S64, S79)") {
  testkit::Simulation sim;
  auto node = testkit::open_node(sim).value();
  const Queue queue = node.create_queue("reports").value();
  REQUIRE(queue.send("first"));
  sim.clock()->jump_wall(std::chrono::hours(48));
  REQUIRE(queue.send("second"));
  REQUIRE(sim.observer()->times(NodeEvent::clock_suspect) == 1);
  REQUIRE(queue.put_schedule("report", {.specification = "every 10s", .body = "sum up"}));
  sim.run_for(25s);
  CHECK(queue.statistics().value().ready == 4);
}

}  // namespace
}  // namespace peerq::test
