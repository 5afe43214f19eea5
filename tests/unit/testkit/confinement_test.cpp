// The simulation knows no real time, no threads, no randomness but its seed's, and none of the adapters that
// have them.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "support/paths.hpp"

namespace {

const std::vector<std::string> forbidden = {
    "<thread>",      "<mutex>",          "<condition_variable>",
    "<future>",      "<ctime>",          "<pthread.h>",
    "<unistd.h>",    "<time.h>",         "std::thread",
    "std::jthread",  "std::this_thread", "std::async",
    "system_clock",  "steady_clock",     "high_resolution_clock",
    "clock_gettime", "gettimeofday",     "sleep",
    "random_device", "getrandom",        "rand()",
    "syscall",       "\"runtime/",       "\"security/",
    "thread_local",  "fstream",
};

}  // namespace

TEST_CASE("nothing in the test kit uses real threads, clocks, files or randomness") {
  std::size_t files = 0;
  for (const char* folder : {"lib/testkit", "include/peerq/testkit"}) {
    for (const auto& entry :
         std::filesystem::recursive_directory_iterator(peerq::test::source_dir() + folder)) {
      const auto extension = entry.path().extension();
      if (extension != ".cpp" && extension != ".hpp" && extension != ".ipp") continue;
      ++files;
      std::ifstream in(entry.path());
      std::string line;
      for (int number = 1; std::getline(in, line); ++number) {
        const auto code = line.substr(0, line.find("//"));
        for (const auto& word : forbidden) {
          INFO(entry.path().string() << ":" << number << ": " << line);
          REQUIRE(code.find(word) == std::string::npos);
        }
      }
    }
  }
  CHECK(files >= 12);
}
