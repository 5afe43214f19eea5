// Power loss, in small; ./run soak --only power is the long form.

#include <catch2/catch_test_macros.hpp>
#include <cstdio>

#include "support/crash/power.hpp"

namespace peerq::crash {

TEST_CASE("every image that a power loss may leave opens and holds what was acknowledged (S12)", "[power]") {
  PowerOptions options;
  options.images = 200;
  options.seed = 5;
  options.workers = 1;
  options.workloads = 1;
  options.calls = 500;
  options.report = [](const std::string& line) { std::fprintf(stderr, "%s\n", line.c_str()); };
  const PowerResult result = run_power(options);
  CHECK(result.images == 200);
  CHECK(result.violations == 0);
}

}  // namespace peerq::crash
