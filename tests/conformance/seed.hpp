#pragma once
// The seed of a random test: PEERQ_SEED, else Catch2's own (--rng-seed). A failing check prints it.

#include <catch2/catch_get_random_seed.hpp>
#include <cstdint>
#include <cstdlib>

namespace peerq::conformance {

inline std::uint64_t seed() {
  const char* chosen = std::getenv("PEERQ_SEED");  // NOLINT(concurrency-mt-unsafe)
  return chosen != nullptr ? std::strtoull(chosen, nullptr, 0) : Catch::getSeed();
}

}  // namespace peerq::conformance
