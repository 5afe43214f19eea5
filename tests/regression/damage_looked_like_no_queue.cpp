// What went wrong: a shard that met a damaged row while it was only asked (for a queue, for what is ready)
// answered as if there were nothing: queue_not_found, or an empty receive. Found by damaged files.
#include <catch2/catch_test_macros.hpp>
#include <filesystem>

#include "peerq/node.hpp"
#include "support/crash/process.hpp"
#include "support/storage/whole_file.hpp"

namespace peerq {
namespace {

/// The first error that the queue and its one message meet; ok when both are there.
errc look(const std::string& directory) {
  auto node = Node::open({.data_dir = directory});
  if (!node) return node.error().code;
  const auto listed = node->list_queues({});
  if (!listed) return listed.error().code;
  CHECK(listed->size() == 1);
  const auto queue = node->open_queue("orders");
  if (!queue) return queue.error().code;
  const auto received = queue->receive();
  if (!received) return received.error().code;
  CHECK(received->size() == 1);
  return errc::ok;
}

TEST_CASE("damage of a queue's rows is told as damage, never as a queue or a message that is not there") {
  crash::ScratchDirectory scratch("damage");
  const std::string good = scratch.path() + "/good";
  {
    auto node = Node::open({.data_dir = good}).value();
    REQUIRE(node.create_queue("orders").value().send("acknowledged"));
    REQUIRE(node.close());
  }
  const std::string state = test::read_file(good + "/state/data.mdb");
  std::size_t found = 0;
  for (auto at = state.find("orders"); at != std::string::npos; at = state.find("orders", at + 1)) {
    const std::string damaged = scratch.path() + "/at-" + std::to_string(at);
    std::filesystem::copy(good, damaged, std::filesystem::copy_options::recursive);
    std::string bytes = state;
    bytes[at + 2] = static_cast<char>(bytes[at + 2] ^ 1);
    test::write_file(damaged + "/state/data.mdb", bytes);
    const errc met = look(damaged);
    INFO("at " << at << ": " << name_of(met));
    CHECK((met == errc::ok || met == errc::corrupt));
    if (met == errc::corrupt) ++found;
  }
  CHECK(found >= 3);
}

}  // namespace
}  // namespace peerq
