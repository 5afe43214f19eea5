// How full LMDB's pages are after a backlog was written in order: at most 1.6 times (bodies + 48 B), with one
// queue and with several filled in turns.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <filesystem>
#include <string>

#include "support/storage/scratch_directory.hpp"
#include "support/storage/store_driver.hpp"

using namespace peerq;

TEST_CASE("a backlog of small messages takes at most 1.6 times its bodies and 48 bytes each") {
  const std::uint64_t queues = GENERATE(1, 2, 8);
  const std::size_t batch = GENERATE(32, 1000);
  CAPTURE(queues, batch);
  test::ScratchDirectory scratch;
  test::StoreDriver driver(scratch / "data");
  REQUIRE(driver.open().has_value());
  for (std::uint64_t queue = 0; queue < queues; ++queue) REQUIRE(driver.create_queue(queue).has_value());
  const std::string body(94, 'b');  // and a number of six digits
  std::size_t sent = 0;
  while (sent < 60'000) {
    for (std::uint64_t queue = 0; queue < queues; ++queue, sent += batch) {
      REQUIRE(driver.send(batch, body, queue).has_value());
    }
  }
  REQUIRE(driver.checkpoint().has_value());
  const auto bytes = static_cast<double>(std::filesystem::file_size(scratch / "data/state/data.mdb"));
  CHECK(bytes / static_cast<double>(sent * 148) < 1.6);
}

TEST_CASE("filling and draining again and again does not make the files grow") {
  test::ScratchDirectory scratch;
  test::StoreDriver driver(scratch / "data");
  REQUIRE(driver.open().has_value());
  REQUIRE(driver.create_queue().has_value());
  double first = 0;
  for (int round = 0; round < 6; ++round) {
    for (int i = 0; i < 200; ++i) REQUIRE(driver.send(50, std::string(100 + (i % 7) * 700, 'b')).has_value());
    REQUIRE(driver.checkpoint().has_value());
    REQUIRE(driver.drain().value() == 10'000);
    REQUIRE(driver.checkpoint().has_value());
    const auto bytes = static_cast<double>(std::filesystem::file_size(scratch / "data/state/data.mdb"));
    if (round == 0) first = bytes;
    CHECK(bytes <= first * 1.1);
  }
}
