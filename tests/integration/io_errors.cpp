// I/O errors, at some of the calls; ./run soak --only errors does all.

#include <catch2/catch_test_macros.hpp>
#include <cstdio>

#include "support/crash/io_errors.hpp"

namespace peerq::crash {

TEST_CASE("a disk call that fails ends in a clean error and loses nothing acknowledged", "[errors]") {
  IoErrorOptions options;
  options.seed = 3;
  options.stride = 29;
  options.workers = 1;
  options.report = [](const std::string& line) { std::fprintf(stderr, "%s\n", line.c_str()); };
  const IoErrorResult result = run_io_errors(options);
  CHECK(result.sites > 20);
  CHECK(result.violations == 0);
}

}  // namespace peerq::crash
