// Where the data directory is.
#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <string>

#include "peerq/node.hpp"
#include "peerq/queue.hpp"
#include "temporary_directory.hpp"

using namespace peerq;
using peerq::test::TemporaryDirectory;

TEST_CASE("api node: a relative data_dir stays where it was when the process goes elsewhere", "[api]") {
  const TemporaryDirectory directory;
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(directory.path());
  auto node = Node::open({.data_dir = "data"}).value();
  auto queue = node.create_queue("orders").value();
  std::filesystem::current_path("/proc");  // has no free block
  int refused = 0;
  const std::string body(200'000, 'x');
  for (int i = 0; i < 200; ++i) refused += queue.send(body) ? 0 : 1;
  const auto closed = node.close();
  std::filesystem::current_path(before);
  CHECK(refused == 0);
  CHECK(closed);
  CHECK(std::filesystem::exists(std::filesystem::path(directory.path()) / "data" / "FORMAT"));
}
