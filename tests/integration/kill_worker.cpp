// The worker processes of the crash tests are this very program, started with this test case and a task.

#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <cstdio>

#include "support/crash/tasks.hpp"

namespace peerq::crash {

TEST_CASE("worker of the crash tests, which start it with a task", "[.][crash_worker]") {
  const auto status = run_task();
  REQUIRE(status);
  std::fflush(nullptr);
  ::_exit(*status);
}

}  // namespace peerq::crash
