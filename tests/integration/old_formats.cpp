// Directories that older versions left, byte for byte as they left them.

#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <fstream>
#include <string>

#include "peerq/peerq.hpp"
#include "support/paths.hpp"
#include "temporary_directory.hpp"

namespace peerq::test {
namespace {

constexpr auto copy_all = std::filesystem::copy_options::recursive;

/// 20 messages `order 0` ..., one that is delayed for ten years; of those `order 0` was rejected, `order 1`
/// given back with a reason, `order 2` deleted, and `order 3` is leased under this receipt.
constexpr auto first_receipt = "AQEAAABEHPZhBAAAAAAAAEABAAAAAQAAAAAAAAAAAAAAp0E7e7LFYTw";

std::string first_line(const std::string& path) {
  std::string line;
  std::getline(std::ifstream(path), line);
  return line;
}

void look_at_first_format(Node& node) {
  const Queue orders = node.open_queue("orders").value();
  CHECK(orders.options().value().max_receives == 3);
  const auto statistics = orders.statistics().value();
  CHECK(statistics.ready == 17);
  CHECK(statistics.delayed == 1);
  CHECK(statistics.in_flight == 1);
  const auto held = orders.receive({.max_messages = 20, .visibility_timeout = std::chrono::milliseconds(50)});
  REQUIRE(held.value().size() == 17);
  CHECK(held->front().body() == "order 1");
  CHECK(held->front().failure().last_error == "try again");
  const Queue dead = node.open_queue("orders.dead").value();
  const auto rejected = dead.receive({.visibility_timeout = std::chrono::milliseconds(50)}).value();
  REQUIRE(rejected.size() == 1);
  CHECK(rejected[0].failure().last_error == "bad address");
  CHECK(node.open_queue("interval").value().statistics().value().ready == 1);
}

TEST_CASE("api node: a directory of the first format opens, and goes on in the newest") {
  TemporaryDirectory temporary;
  const std::string directory = temporary.inside("data");
  std::filesystem::copy(source_dir() + "tests/integration/golden/format_1", directory, copy_all);
  REQUIRE(first_line(directory + "/FORMAT") == "peerq 1");
  {
    auto node = Node::open({.data_dir = directory}).value();
    look_at_first_format(node);
    CHECK_FALSE(node.open_queue("orders").value().erase(first_receipt).value().already_gone);
  }
  CHECK(first_line(directory + "/FORMAT") == "peerq 2");
  auto node = Node::open({.data_dir = directory}).value();
  CHECK(node.open_queue("orders").value().erase(first_receipt).value().already_gone);
  auto steps = node.create_queue("steps", {.type = QueueType::fifo}).value();
  CHECK(steps.send("first", {.group_id = "a"}).has_value());
}

TEST_CASE("api node: an upgrade that was cut short by a crash is done again") {
  TemporaryDirectory temporary;
  const std::string directory = temporary.inside("data");
  std::filesystem::copy(source_dir() + "tests/integration/golden/format_1", directory, copy_all);
  CHECK(Node::open({.data_dir = directory}).value().close().has_value());
  const std::string half = temporary.inside("half");
  std::filesystem::copy(directory, half, copy_all);
  std::ofstream(half + "/FORMAT") << "peerq 1\n";
  auto node = Node::open({.data_dir = half}).value();
  look_at_first_format(node);
  CHECK(first_line(half + "/FORMAT") == "peerq 2");
}

TEST_CASE("api node: a table that the first format had and is gone is damage, not an older directory") {
  TemporaryDirectory temporary;
  const std::string directory = temporary.inside("data");
  std::filesystem::copy(source_dir() + "tests/integration/golden/format_1", directory, copy_all);
  const std::string path = directory + "/state/data.mdb";
  std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
  const std::string bytes{std::istreambuf_iterator<char>(file), {}};
  const std::string name = "1.messages";
  std::size_t changed = 0;
  for (auto at = bytes.find(name); at != std::string::npos; at = bytes.find(name, at + 1), ++changed) {
    file.seekp(static_cast<std::streamoff>(at + name.size() - 1));
    file.put('z');
  }
  file.close();
  REQUIRE(changed > 0);
  CHECK(Node::open({.data_dir = directory}).error() == errc::corrupt);
}

}  // namespace
}  // namespace peerq::test
