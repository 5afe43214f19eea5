// Bad input gets a clear error that names the field or limit and what to do; nothing is written, nothing is
// lost.

#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <fstream>

#include "opened.hpp"
#include "peerq/peerq.hpp"

namespace peerq::test {
namespace {

using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;

TEST_CASE("api node: names outside the rule are refused by name (S5)", "[api][bad-input]") {
  Opened opened;
  for (const std::string& name :
       {std::string(), std::string(81, 'a'), std::string(".hidden"), std::string("_sys.x"),
        std::string("with space"), std::string("umlaut\xc3\xa4"), std::string("a/b")}) {
    CHECK(opened.node.create_queue(name).error() == errc::invalid_name);
    CHECK(opened.node.open_queue(name).error() == errc::invalid_name);
    CHECK(opened.node.delete_queue(name).error() == errc::invalid_name);
  }
  CHECK(opened.node.create_queue(std::string(80, 'a')));
  CHECK(opened.node.create_queue("A-z_0.9"));
  CHECK(opened.node.open_queue("absent").error() == errc::queue_not_found);
  CHECK(opened.node.delete_queue("absent").error() == errc::queue_not_found);
}

TEST_CASE("api node: queue parameters are checked at the bound and one past it", "[api][bad-input]") {
  Opened opened;
  int number = 0;
  const auto create = [&](const QueueOptions& options) {
    auto created = opened.node.create_queue("q" + std::to_string(number++), options);
    return created ? Error() : created.error();
  };
  CHECK(create({.visibility_timeout = 0ms}) == errc::invalid_argument);
  CHECK(create({.visibility_timeout = 1ms}).code == errc::ok);
  CHECK(create({.visibility_timeout = 12h}).code == errc::ok);
  CHECK(create({.visibility_timeout = 12h + 1ms}) == errc::invalid_argument);
  CHECK(create({.max_message_size = 0}) == errc::invalid_argument);
  CHECK(create({.max_message_size = 16 * 1024 * 1024 + 1}) == errc::invalid_argument);
  CHECK(create({.time_to_live = 0ms}) == errc::invalid_argument);
  CHECK(create({.retention = 999ms}) == errc::invalid_argument);
  CHECK(create({.max_receives = 1'000'001}) == errc::invalid_argument);
  const Error error = create({.max_lease_time = 1s});
  CHECK(error == errc::invalid_argument);
  CHECK_THAT(error.text(), ContainsSubstring("max_lease_time"));
}

TEST_CASE("api node: what is not built is refused, never silently stored (S80)", "[api][bad-input]") {
  Opened opened;
  const auto refused = [&](const QueueOptions& options) {
    return opened.node.create_queue("new", options).error() == errc::not_supported &&
           opened.node.open_queue("new").error() == errc::queue_not_found;
  };
  CHECK(refused({.partitions = 2}));
}

TEST_CASE("api node: queue parameters of order and flow are checked at the bound and one past it",
          "[api][bad-input]") {
  Opened opened;
  int number = 0;
  const auto create = [&](const QueueOptions& options) {
    auto created = opened.node.create_queue("q" + std::to_string(number++), options);
    return created ? Error() : created.error();
  };
  CHECK(create({.deduplication_window = 7 * 24h}).code == errc::ok);
  const Error window = create({.deduplication_window = 7 * 24h + 1ms});
  CHECK(window == errc::invalid_argument);
  CHECK_THAT(window.text(), ContainsSubstring("deduplication_window") && ContainsSubstring("604800000 ms"));
  CHECK(create({.deduplication_window = -1ms}) == errc::invalid_argument);
  CHECK(create({.overflow = static_cast<Overflow>(3)}) == errc::invalid_argument);
  CHECK(create({.max_in_flight_per_group = limits::max_in_flight_max}).code == errc::ok);
  CHECK(create({.max_in_flight_per_group = limits::max_in_flight_max + 1}) == errc::invalid_argument);
  CHECK(create({.weights = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1'000}}).code == errc::ok);
  CHECK(create({.weights = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1'001}}) == errc::invalid_argument);
  CHECK(create({.weights = {0, 1, 1, 1, 1, 1, 1, 1, 1, 1}}) == errc::invalid_argument);
  CHECK(create({.priority_aging = 1s}).code == errc::ok);
  CHECK(create({.priority_aging = 999ms}) == errc::invalid_argument);
  CHECK(create({.rate = {.per_second_thousandths = limits::rate_thousandths_max}}).code == errc::ok);
  CHECK(create({.rate = {.per_second_thousandths = limits::rate_thousandths_max + 1}}) ==
        errc::invalid_argument);
  CHECK(create({.group_rate = {.burst = limits::burst_max + 1}}) == errc::invalid_argument);
}

TEST_CASE("api node: priority, group and deduplication id are checked at the bound and one past it",
          "[api][bad-input]") {
  Opened opened;
  auto queue = opened.node.create_queue("plain").value();
  const std::string longest(128, 'a');
  const std::string too_long(129, 'a');
  CHECK(queue.send("x", {.priority = 9, .group_id = longest, .deduplication_id = longest}));
  const auto refused = [&](const SendOptions& options, const char* field, const char* limit) {
    const Error error = queue.send("x", options).error();
    CHECK(error == errc::invalid_argument);
    CHECK_THAT(error.text(), ContainsSubstring(field) && ContainsSubstring(limit));
  };
  refused({.priority = 10}, "priority", "9");
  refused({.group_id = too_long}, "group_id", "128");
  refused({.deduplication_id = too_long}, "deduplication_id", "128");
  const std::vector<Message> second_is_bad{{"x", {}}, {"x", {.group_id = too_long}}};
  CHECK_THAT(queue.send(second_is_bad).error().text(), ContainsSubstring("message 1: group_id"));
  CHECK(queue.statistics().value().sent == 1);
}

TEST_CASE("api node: a FIFO send without a group says what it lacks (S62)", "[api][bad-input]") {
  Opened opened;
  auto queue = opened.node.create_queue("lines", {.type = QueueType::fifo}).value();
  const Error error = queue.send("x").error();
  CHECK(error == errc::invalid_argument);
  CHECK_THAT(error.text(), ContainsSubstring("group_id") && ContainsSubstring("128"));
  const std::vector<Message> mixed{{"a", {.group_id = "g"}}, {"b", {}}, {"c", {.group_id = "g"}}};
  const auto refused = queue.send(mixed);
  CHECK(refused.error() == errc::invalid_argument);
  CHECK_THAT(refused.error().text(), ContainsSubstring("message 1: group_id"));
  CHECK(queue.statistics().value().sent == 0);
}

TEST_CASE("api node: operations on groups are checked at the bound and one past it", "[api][bad-input]") {
  Opened opened;
  auto standard = opened.node.create_queue("standard").value();
  auto lines = opened.node.create_queue("lines", {.type = QueueType::fifo}).value();
  for (const std::string& name : {std::string(), std::string(129, 'a')}) {
    CHECK(lines.pause_group(name).error() == errc::invalid_argument);
    CHECK(lines.resume_group(name).error() == errc::invalid_argument);
    CHECK(lines.park_group(name).error() == errc::invalid_argument);
    CHECK_THAT(lines.resume_parked_group(name).error().text(), ContainsSubstring("group_id"));
  }
  CHECK(lines.park_group(std::string(128, 'a')));
  const Error parked = standard.park_group("a").error();
  CHECK(parked == errc::not_supported);
  CHECK_THAT(parked.text(), ContainsSubstring("FIFO"));
  CHECK(lines.list_groups({.max_groups = 0}).error() == errc::invalid_argument);
  CHECK(lines.list_groups({.max_groups = 1'001}).error() == errc::invalid_argument);
  CHECK(lines.list_groups({.after = std::string(129, 'a')}).error() == errc::invalid_argument);
  CHECK(lines.list_groups({.after = std::string(128, 'a'), .max_groups = 1'000}));
  CHECK(lines.cancel(std::span<const MessageId>()).error() == errc::invalid_argument);
  CHECK(lines.cancel(std::vector<MessageId>(1'001)).error() == errc::batch_too_large);
  REQUIRE(opened.node.delete_queue("lines"));
  CHECK(lines.pause_group("a").error() == errc::queue_deleted);
  CHECK(lines.cancel(MessageId{}).error() == errc::queue_deleted);
  CHECK(lines.explain(MessageId{}).error() == errc::queue_deleted);
  CHECK(lines.list_groups().error() == errc::queue_deleted);
}

TEST_CASE("api node: messages outside the limits are refused with the limit (S13)", "[api][bad-input]") {
  Opened opened;
  auto queue = opened.node.create_queue("orders", {.max_message_size = 100}).value();
  CHECK(queue.send(std::string(100, 'x')));
  const Error large = queue.send(std::string(101, 'x')).error();
  CHECK(large == errc::message_too_large);
  CHECK_THAT(large.text(), ContainsSubstring("100"));
  CHECK(queue.send("x", {.attributes = {{std::string(50, 'k'), std::string(50, 'v')}}}).error() ==
        errc::message_too_large);
  CHECK(queue.send("x", {.attributes = {{"", "v"}}}).error() == errc::invalid_argument);
  CHECK(queue.send("x", {.attributes = {{"k\n", "v"}}}).error() == errc::invalid_argument);
  CHECK(queue.send("x", {.delay = -1ms}).error() == errc::invalid_argument);
  CHECK(queue.send("x", {.delay = limits::delay_max + 1ms}).error() == errc::invalid_argument);
  CHECK(queue.send("x", {.time_to_live = 0ms}).error() == errc::invalid_argument);
  CHECK(queue.send("x", {.timeout = 0ms}).error() == errc::invalid_argument);
  const std::vector<Message> second_is_bad{{"x", {}}, {"x", {.delay = -1ms}}};
  CHECK_THAT(queue.send(second_is_bad).error().text(), ContainsSubstring("message 1: delay"));
  CHECK(queue.send(std::span<const Message>()).error() == errc::invalid_argument);
  CHECK(queue.send(std::vector<Message>(1'001)).error() == errc::batch_too_large);
  CHECK(queue.send(std::vector<Message>(1'000)));
  CHECK(queue.receive({.max_messages = 0}).error() == errc::invalid_argument);
  CHECK(queue.receive({.max_messages = 1'001}).error() == errc::invalid_argument);
  CHECK(queue.receive({.visibility_timeout = 0ms}).error() == errc::invalid_argument);
  CHECK(queue.receive({.attempt_id = std::string(129, 'a')}).error() == errc::invalid_argument);
  CHECK(queue.peek(0).error() == errc::invalid_argument);
  CHECK(queue.statistics().value().sent == 1'001);
}

TEST_CASE("api node: a time of delivery beyond 10 years is refused by name (S16)", "[api][bad-input]") {
  Opened opened;
  auto queue = opened.node.create_queue("orders").value();
  const auto now = std::chrono::system_clock::now();
  CHECK(queue.send("x", {.deliver_at = now + limits::delay_max - 1min}));
  const Error error = queue.send("x", {.deliver_at = now + limits::delay_max + 1min}).error();
  CHECK(error == errc::invalid_argument);
  CHECK_THAT(error.text(), ContainsSubstring("deliver_at"));
  CHECK(queue.send("x", {.deliver_at = std::chrono::system_clock::time_point::max()}).error() ==
        errc::invalid_argument);
  const std::vector<Message> second_is_bad{{"x", {}}, {"x", {.deliver_at = now + limits::delay_max + 1min}}};
  CHECK_THAT(queue.send(second_is_bad).error().text(), ContainsSubstring("message 1: deliver_at"));
  CHECK(queue.send("x", {.deliver_at = std::chrono::system_clock::time_point::min()}));
}

TEST_CASE("api node: errors of a queue that is not there name it", "[api][bad-input]") {
  Opened opened;
  for (const Error& error : {opened.node.open_queue("nope").error(), opened.node.delete_queue("nope").error(),
                             opened.node.update_queue("nope", {}).error()}) {
    CHECK(error == errc::queue_not_found);
    CHECK_THAT(error.text(), ContainsSubstring("nope"));
  }
}

TEST_CASE("api node: an extension for too long is cut to max_lease_time (S35)", "[api][bad-input]") {
  Opened opened;
  auto queue = opened.node.create_queue("orders", {.max_lease_time = 1h}).value();
  REQUIRE(queue.send("x"));
  const auto delivery = queue.receive().value().at(0);
  for (const Milliseconds duration : {Milliseconds(limits::max_lease_time_max) + 1ms, Milliseconds::max()}) {
    const auto extended = delivery.extend(duration);
    REQUIRE(extended);
    CHECK(extended->granted > 59min);
    CHECK(extended->granted <= 1h);
  }
  CHECK(delivery.extend(-1ms).error() == errc::invalid_argument);
}

TEST_CASE("api node: receive_and_delete has no attempt id, and says so (S69)", "[api][bad-input]") {
  Opened opened;
  auto queue = opened.node.create_queue("orders").value();
  REQUIRE(queue.send("x"));
  const Error error = queue.receive_and_delete({.attempt_id = "first"}).error();
  CHECK(error == errc::invalid_argument);
  CHECK_THAT(error.text(), ContainsSubstring("attempt_id"));
  CHECK(queue.statistics().value().ready == 1);
}

TEST_CASE("api node: a message that a queue cannot take is told the limit", "[api][bad-input]") {
  Opened opened;
  auto queue = opened.node.create_queue("orders", {.max_message_size = 10, .max_messages = 1}).value();
  const auto large = queue.send(std::vector<Message>(2, {"much too large", {}})).value();
  CHECK(large[0].error() == errc::message_too_large);
  CHECK(large[1].error() == errc::message_too_large);
  const std::vector<Message> messages{{"much too large", {}}, {"fits", {}}, {"one too many", {}}, {"no", {}}};
  const auto results = queue.send(messages).value();
  CHECK(results[0].error() == errc::message_too_large);
  CHECK_THAT(results[0].error().text(), ContainsSubstring("14 bytes") && ContainsSubstring("10"));
  CHECK(results[1]);
  CHECK(results[3].error() == errc::queue_full);
  CHECK_THAT(results[3].error().text(), ContainsSubstring("max_messages 1"));
  const Error full = queue.send("x").error();
  CHECK(full == errc::queue_full);
  CHECK_THAT(full.text(), ContainsSubstring("orders") && ContainsSubstring("max_messages 1"));
  const auto reopened = opened.node.open_queue("orders").value();
  CHECK_THAT(reopened.send("x").error().text(), ContainsSubstring("max_messages 1"));
}

TEST_CASE("api node: forged, cut and foreign receipts are refused, the message untouched (S59)",
          "[api][bad-input]") {
  Opened opened;
  auto queue = opened.node.create_queue("orders").value();
  auto other = opened.node.create_queue("other").value();
  REQUIRE(queue.send("safe"));
  const auto delivery = queue.receive().value().at(0);
  const std::string receipt = delivery.receipt();
  CHECK(receipt.size() <= limits::receipt_size_max);
  CHECK(other.erase(receipt).error() == errc::invalid_receipt);
  for (const std::string& forged :
       {std::string(), std::string("x"), receipt.substr(1), receipt + "A", std::string(128, 'A'),
        std::string(100'000, 'B'), std::string("\0\xff\x01", 3)}) {
    CHECK(queue.erase(forged).error() == errc::invalid_receipt);
    CHECK(queue.extend(forged, 1s).error() == errc::invalid_receipt);
  }
  for (std::size_t i = 0; i < receipt.size(); ++i) {
    std::string forged = receipt;
    forged[i] = forged[i] == 'A' ? 'B' : 'A';
    CHECK(queue.erase(forged).error() == errc::invalid_receipt);
  }
  CHECK(queue.statistics().value().in_flight == 1);
  CHECK(queue.erase(receipt));
}

TEST_CASE("api node: a directory that cannot be used is named, and nothing is written", "[api][bad-input]") {
  TemporaryDirectory directory;
  CHECK(Node::open({.data_dir = ""}).error() == errc::invalid_argument);
  const std::string file = directory.inside("file");
  std::ofstream(file) << "important";
  const Error not_a_directory = Node::open({.data_dir = file}).error();
  CHECK(not_a_directory == errc::data_dir_unsupported);
  CHECK_THAT(not_a_directory.text(), ContainsSubstring(file));
  std::string content;
  std::ifstream(file) >> content;
  CHECK(content == "important");
  CHECK(Node::open({.data_dir = directory.inside("d"), .max_disk_bytes = 1}).error() ==
        errc::invalid_argument);
  CHECK(Node::open({.data_dir = directory.inside("d"), .memory_budget = 1}).error() ==
        errc::invalid_argument);
  CHECK_FALSE(std::filesystem::exists(directory.inside("d")));
}

TEST_CASE("api node: a directory in use is refused, in this process and in another", "[api][bad-input]") {
  Opened opened;
  const std::string path = opened.directory.inside("data");
  CHECK(Node::open({.data_dir = path}).error() == errc::data_dir_locked);
  const pid_t child = ::fork();
  if (child == 0) {
    const auto second = Node::open({.data_dir = path});
    ::_exit(!second && second.error() == errc::data_dir_locked ? 0 : 1);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
  CHECK(opened.node.create_queue("still.works"));
}

TEST_CASE("api node: a fork of the process is told so and cannot touch the node", "[api][bad-input]") {
  Opened opened;
  auto queue = opened.node.create_queue("orders").value();
  const pid_t child = ::fork();
  if (child == 0) {
    const bool refused = queue.send("from the child").error() == errc::forked &&
                         queue.receive({.wait = 1s}).error() == errc::forked &&
                         opened.node.create_queue("more").error() == errc::forked &&
                         opened.node.close().error() == errc::forked;
    ::_exit(refused ? 0 : 1);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
  REQUIRE(queue.send("from the parent"));
  CHECK(queue.statistics().value().sent == 1);
}

TEST_CASE("api node: creating an existing queue names the first parameter that differs (S6)",
          "[api][bad-input]") {
  Opened opened;
  REQUIRE(opened.node.create_queue("orders", {.max_receives = 3}));
  CHECK(opened.node.create_queue("orders", {.max_receives = 3, .tags = {{"team", "a"}}}));
  const Error error =
      opened.node.create_queue("orders", {.visibility_timeout = 1s, .max_receives = 4}).error();
  CHECK(error == errc::queue_exists);
  CHECK_THAT(error.text(), ContainsSubstring("visibility_timeout"));
  const Error fixed = opened.node.update_queue("orders", {.durability = Durability::memory}).error();
  CHECK(fixed == errc::invalid_argument);
  CHECK_THAT(fixed.text(), ContainsSubstring("durability"));
}

TEST_CASE("api node: a dead-letter queue in use cannot be deleted unless forced (S11)", "[api][bad-input]") {
  Opened opened;
  auto queue = opened.node.create_queue("orders", {.max_receives = 1, .dead_letter_queue = "dead"}).value();
  CHECK(opened.node.delete_queue("dead").error() == errc::in_use);
  REQUIRE(opened.node.delete_queue("dead", {.force = true}));
  CHECK(queue.options().value().dead_letter_queue.empty());
  REQUIRE(queue.send("x"));
  REQUIRE(queue.receive().value().at(0).nack());
  CHECK(queue.statistics().value().parked == 1);
  CHECK(opened.node.create_queue("self", {.dead_letter_queue = "self"}).error() == errc::invalid_argument);
}

}  // namespace
}  // namespace peerq::test
