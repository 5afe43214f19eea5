// kill -9, in small; ./run soak --only kill is the long form.

#include <catch2/catch_test_macros.hpp>
#include <cstdio>

#include "support/crash/kill.hpp"

namespace peerq::crash {

TEST_CASE("a process that is killed again and again loses nothing acknowledged (S12)", "[kill]") {
  KillOptions options;
  options.cycles = 10;
  options.seed = 20;
  options.life_max = std::chrono::milliseconds(500);
  options.report = [](const std::string& line) { std::fprintf(stderr, "%s\n", line.c_str()); };
  const KillResult result = run_kill(options);
  CHECK(result.cycles == 10);
  CHECK(result.records > 0);
  CHECK(result.lost == 0);
  CHECK(result.violations == 0);
}

}  // namespace peerq::crash
