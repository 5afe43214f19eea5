// Random bytes of the system.
#include <algorithm>
#include <array>
#include <catch2/catch_test_macros.hpp>
#include <set>

#include "security/system_entropy.hpp"

using namespace peerq;

TEST_CASE("the system's entropy fills every byte and does not repeat itself") {
  const auto entropy = security::make_system_entropy();
  std::array<std::byte, 64> seen{};
  std::array<std::byte, 64> room{};
  for (int round = 0; round < 64; ++round) {
    entropy->fill(room);
    for (std::size_t i = 0; i < room.size(); ++i) seen[i] |= room[i];
  }
  CHECK(std::all_of(seen.begin(), seen.end(), [](std::byte b) { return b == std::byte{0xff}; }));

  std::set<std::uint64_t> numbers;
  for (int round = 0; round < 1'000; ++round) numbers.insert(entropy->number());
  CHECK(numbers.size() == 1'000);
  entropy->fill({});
}
