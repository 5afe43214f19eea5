// Damaged files, in small; ./run soak --only corrupt is the long form.

#include <catch2/catch_test_macros.hpp>
#include <cstdio>

#include "support/crash/corrupt.hpp"

namespace peerq::crash {

TEST_CASE("damaged files are refused or harmless, never served (S55)", "[corrupt]") {
  CorruptOptions options;
  options.runs = 150;
  options.seed = 2;
  options.workers = 1;
  options.workloads = 1;
  options.calls = 500;
  options.report = [](const std::string& line) { std::fprintf(stderr, "%s\n", line.c_str()); };
  const CorruptResult result = run_corrupt(options);
  CHECK(result.runs == 150);
  CHECK(result.detected > 20);
  CHECK(result.violations == 0);
}

}  // namespace peerq::crash
