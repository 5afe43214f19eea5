#pragma once
// Seeds of the model tests: PEERQ_SEED, else Catch2's own (--rng-seed); printed with what was done.

#include <catch2/catch_get_random_seed.hpp>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string_view>

#include "support/model/log_run.hpp"

namespace peerq::model {

inline std::uint64_t test_seed() {
  const char* chosen = std::getenv("PEERQ_SEED");  // NOLINT(concurrency-mt-unsafe)
  return chosen != nullptr ? std::strtoull(chosen, nullptr, 0) : Catch::getSeed();
}

inline void print_steps(std::string_view what, const LogResult& result, std::uint64_t seed) {
  std::cout << "model " << what << ": steps " << result.steps << " entries " << result.entries
            << " violations " << (result.violation.empty() ? 0 : 1) << " seed " << seed << std::endl;
}

}  // namespace peerq::model
