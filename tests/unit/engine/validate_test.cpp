// Names and parameters: S5, S6, limits at their bound and one past it.

#include <catch2/catch_test_macros.hpp>
#include <functional>

#include "peerq/engine/validate.hpp"

namespace peerq::test {
namespace {

using namespace std::chrono_literals;
using engine::first_difference;
using engine::validate;
using engine::validate_name;

using Change = std::function<void(QueueOptions&)>;

Error changed(const Change& change) {
  QueueOptions options;
  change(options);
  return validate(options);
}

TEST_CASE("S5 names match the pattern, at most 80 characters, no leading dot, no reserved prefix") {
  for (const std::string name : {"a", "Z9", "orders.dead-letter_1", "_x", "-", "a.", "_sys", "x_sys.y"}) {
    CHECK(validate_name(name) == errc::ok);
  }
  CHECK(validate_name(std::string(80, 'a')) == errc::ok);
  for (const std::string name : {"", ".a", "_sys.x", "a b", "a/b", "\xc3\xa4", "a\n", "a:b"}) {
    CHECK(validate_name(name) == errc::invalid_name);
  }
  CHECK(validate_name(std::string_view("a\0b", 3)) == errc::invalid_name);
  CHECK(validate_name(std::string(81, 'a')) == errc::invalid_name);
  CHECK(validate_name("a\nb").detail == "\"a?b\"");
}

TEST_CASE("the defaults are valid") { CHECK(validate(QueueOptions{}) == errc::ok); }

/// A parameter, a change to its bound and a change to one past it.
struct Row {
  const char* name;
  Change good;
  Change bad;
};

const std::vector<Row>& bounds_of_order_and_flow() {
  static const std::vector<Row> rows{
      {"type", [](auto& o) { o.type = QueueType::fifo; },
       [](auto& o) { o.type = static_cast<QueueType>(2); }},
      {"poison", [](auto& o) { o.poison = Poison::park_group; },
       [](auto& o) { o.poison = static_cast<Poison>(2); }},
      {"priority_mode", [](auto& o) { o.priority_mode = PriorityMode::weighted; },
       [](auto& o) { o.priority_mode = static_cast<PriorityMode>(2); }},
      {"weights[3]", [](auto& o) { o.weights[3] = 1; }, [](auto& o) { o.weights[3] = 0; }},
      {"weights[9]", [](auto& o) { o.weights[9] = 1'000; }, [](auto& o) { o.weights[9] = 1'001; }},
      {"priority_aging", [](auto& o) { o.priority_aging = 1s; }, [](auto& o) { o.priority_aging = 999ms; }},
      {"priority_aging", [](auto& o) { o.priority_aging = 30 * 24h; },
       [](auto& o) { o.priority_aging = 30 * 24h + 1ms; }},
      {"priority_aging", [](auto& o) { o.priority_aging = 0ms; }, [](auto& o) { o.priority_aging = -1ms; }},
      {"max_in_flight_per_group", [](auto& o) { o.max_in_flight_per_group = 0x7fffffff; },
       [](auto& o) { o.max_in_flight_per_group = 0x80000000; }},
      {"rate.burst", [](auto& o) { o.rate.burst = 10'000'000; }, [](auto& o) { o.rate.burst = 10'000'001; }},
      {"group_rate.burst", [](auto& o) { o.group_rate.burst = 10'000'000; },
       [](auto& o) { o.group_rate.burst = 10'000'001; }},
      {"number of windows", [](auto& o) { o.windows.resize(32); }, [](auto& o) { o.windows.resize(33); }},
      {"a window's zone", [](auto& o) { o.windows = {{.zone = std::string(64, 'z')}}; },
       [](auto& o) { o.windows = {{.zone = ""}}; }},
      {"a window's from", [](auto& o) { o.windows = {{.from = 1439min}}; },
       [](auto& o) { o.windows = {{.from = 1440min}}; }},
      {"a window's to", [](auto& o) { o.windows = {{.to = 1440min}}; },
       [](auto& o) { o.windows = {{.to = -1min}}; }},
      {"a window's days", [](auto& o) { o.windows = {{.days = 1}}; },
       [](auto& o) { o.windows = {{.days = 0}}; }},
  };
  return rows;
}

const std::vector<Row>& bounds() {
  static const std::vector<Row> rows{
      {"max_message_size", [](auto& o) { o.max_message_size = 1; }, [](auto& o) { o.max_message_size = 0; }},
      {"max_message_size", [](auto& o) { o.max_message_size = 16 << 20; },
       [](auto& o) { o.max_message_size = (16 << 20) + 1; }},
      {"max_messages", [](auto& o) { o.max_messages = 0; },
       [](auto& o) { o.max_messages = (std::uint64_t{1} << 40) + 1; }},
      {"max_messages", [](auto& o) { o.max_messages = std::uint64_t{1} << 40; },
       [](auto& o) { o.max_messages = ~std::uint64_t{0}; }},
      {"max_bytes", [](auto& o) { o.max_bytes = o.max_message_size; },
       [](auto& o) { o.max_bytes = o.max_message_size - 1; }},
      {"max_bytes", [](auto& o) { o.max_bytes = std::uint64_t{1} << 50; },
       [](auto& o) { o.max_bytes = (std::uint64_t{1} << 50) + 1; }},
      {"max_in_flight", [](auto& o) { o.max_in_flight = 0x7fffffff; },
       [](auto& o) { o.max_in_flight = 0x80000000; }},
      {"max_receives", [](auto& o) { o.max_receives = 1'000'000; },
       [](auto& o) { o.max_receives = 1'000'001; }},
      {"sync_interval", [](auto& o) { o.sync_interval = 1ms; }, [](auto& o) { o.sync_interval = 0ms; }},
      {"sync_interval", [](auto& o) { o.sync_interval = 10s; }, [](auto& o) { o.sync_interval = 10'001ms; }},
      {"visibility_timeout", [](auto& o) { o.visibility_timeout = 1ms; },
       [](auto& o) { o.visibility_timeout = 0ms; }},
      {"visibility_timeout", [](auto& o) { o.visibility_timeout = 12h; },
       [](auto& o) { o.visibility_timeout = 12h + 1ms; }},
      {"max_lease_time", [](auto& o) { o.max_lease_time = 30s; },
       [](auto& o) { o.max_lease_time = 30s - 1ms; }},
      {"max_lease_time", [](auto& o) { o.max_lease_time = 7 * 24h; },
       [](auto& o) { o.max_lease_time = 7 * 24h + 1ms; }},
      {"delay", [](auto& o) { o.delay = 0ms; }, [](auto& o) { o.delay = -1ms; }},
      {"delay", [](auto& o) { o.delay = limits::delay_max; },
       [](auto& o) { o.delay = limits::delay_max + 1ms; }},
      {"time_to_live", [](auto& o) { o.time_to_live = 1ms; }, [](auto& o) { o.time_to_live = 0ms; }},
      {"time_to_live", [](auto& o) { o.time_to_live = limits::expiry_max; },
       [](auto& o) { o.time_to_live = limits::expiry_max + 1ms; }},
      {"retention", [](auto& o) { o.retention = 1s; }, [](auto& o) { o.retention = 999ms; }},
      {"retention", [](auto& o) { o.retention = limits::expiry_max; },
       [](auto& o) { o.retention = limits::expiry_max + 1ms; }},
      {"retry.base", [](auto& o) { o.retry.base = 12h; }, [](auto& o) { o.retry.base = 12h + 1ms; }},
      {"retry.base", [](auto& o) { o.retry.base = 0ms; }, [](auto& o) { o.retry.base = -1ms; }},
      {"retry.cap", [](auto& o) { o.retry.cap = 30 * 24h; }, [](auto& o) { o.retry.cap = 30 * 24h + 1ms; }},
      {"retry.factor_thousandths", [](auto& o) { o.retry.factor_thousandths = 1'000; },
       [](auto& o) { o.retry.factor_thousandths = 999; }},
      {"retry.factor_thousandths", [](auto& o) { o.retry.factor_thousandths = 10'000; },
       [](auto& o) { o.retry.factor_thousandths = 10'001; }},
      {"retry.jitter_thousandths", [](auto& o) { o.retry.jitter_thousandths = 1'000; },
       [](auto& o) { o.retry.jitter_thousandths = 1'001; }},
      {"tag's key", [](auto& o) { o.tags[std::string(128, 'k')] = ""; },
       [](auto& o) { o.tags[std::string(129, 'k')] = ""; }},
      {"tag's value", [](auto& o) { o.tags["k"] = std::string(256, 'v'); },
       [](auto& o) { o.tags["k"] = std::string(257, 'v'); }},
      {"number of tags",
       [](auto& o) {
         for (int i = 0; i < 50; ++i) o.tags[std::to_string(i)] = "";
       },
       [](auto& o) {
         for (int i = 0; i < 51; ++i) o.tags[std::to_string(i)] = "";
       }},
      {"durability", [](auto& o) { o.durability = Durability::memory; },
       [](auto& o) { o.durability = static_cast<Durability>(3); }},
  };
  return rows;
}

TEST_CASE("every parameter is taken at its bounds and refused one past them, with field, value and limit") {
  for (const auto* rows : {&bounds(), &bounds_of_order_and_flow()}) {
    for (const Row& row : *rows) {
      INFO(row.name);
      CHECK(changed(row.good) == errc::ok);
      const Error error = changed(row.bad);
      CHECK(error == errc::invalid_argument);
      CHECK(error.detail.find(row.name) != std::string::npos);
    }
  }
  CHECK(changed([](auto& o) { o.retention = 999ms; }).detail ==
        "retention is 999 ms, not between 1000 ms and 315360000000 ms");
}

TEST_CASE("S80 a parameter whose feature is not built is not_supported and named") {
  const std::vector<std::pair<std::string, Change>> rows{
      {"partitions", [](auto& o) { o.partitions = 2; }},
      {"partitions", [](auto& o) { o.partitions = 0; }},
  };
  for (const auto& [name, change] : rows) {
    const Error error = changed(change);
    CHECK(error == errc::not_supported);
    CHECK(error.detail.starts_with(name + " is "));
  }
  CHECK(changed([](auto& o) { o.overflow = Overflow::block; }).code == errc::ok);
  CHECK(changed([](auto& o) { o.overflow = static_cast<Overflow>(3); }).detail ==
        "overflow is unknown; reject, drop_oldest or block");
}

TEST_CASE("the name of a dead-letter queue is checked like any other") {
  const Error error = changed([](auto& o) { o.dead_letter_queue = ".x"; });
  CHECK(error == errc::invalid_name);
  CHECK(error.detail == "dead_letter_queue \".x\"");
}

TEST_CASE("S6 the first difference is named in the order of the table; tags do not count") {
  QueueOptions a;
  QueueOptions b;
  CHECK(first_difference(a, b).empty());
  b.tags["x"] = "y";
  CHECK(first_difference(a, b).empty());
  b.windows.resize(1);
  CHECK(first_difference(a, b) == "windows is none, not UTC 0-0 min, days 127");
  b.content_based_deduplication = true;
  CHECK(first_difference(a, b) == "content_based_deduplication is false, not true");
  b.max_in_flight = 3;
  CHECK(first_difference(a, b) == "max_in_flight is 0, not 3");
  b.dead_letter_queue = "d";
  CHECK(first_difference(a, b) == "dead_letter_queue is none, not \"d\"");
  b.retention = 1s;
  CHECK(first_difference(a, b) == "retention is none, not 1000 ms");
  b.visibility_timeout = 1s;
  CHECK(first_difference(a, b) == "visibility_timeout is 30000 ms, not 1000 ms");
  b.durability = Durability::memory;
  CHECK(first_difference(a, b) == "durability is sync, not memory");
}

}  // namespace
}  // namespace peerq::test
