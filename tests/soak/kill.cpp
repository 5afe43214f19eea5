// kill -9: a process at work on one directory is killed again and again; at the end everything is
// checked.

#include <fmt/format.h>

#include <cstdio>
#include <exception>

#include "support/crash/kill.hpp"
#include "support/crash/soak_program.hpp"
#include "support/crash/tasks.hpp"

namespace {

int run(int count, char** arguments) {
  using namespace peerq::crash;
  SoakProgram program(
      "kill", "Kills a process at work on a data directory again and again, and checks what is left.");
  KillOptions options;
  program.options().add_option("--cycles", options.cycles, "how many kills")->check(CLI::PositiveNumber);
  if (const int status = program.parse(count, arguments); status != go_on) return status;
  options.seed = program.seed();
  options.progress = [&](std::uint64_t cycles) { program.progress(fmt::format("{} cycles", cycles)); };
  options.report = [&](const std::string& line) { program.say(line); };
  const KillResult result = run_kill(options);
  const std::string words =
      fmt::format("cycles {} records {} duplicates {} recovery_p99_ms {} lost {}", result.cycles,
                  result.records, result.duplicates, result.recovery_p99_ms, result.lost);
  return program.finish(words, result.violations, result.cycles == options.cycles);
}

}  // namespace

int main(int count, char** arguments) {
  if (const auto status = peerq::crash::run_task()) return *status;
  try {
    return run(count, arguments);
  } catch (const std::exception& error) {
    fmt::print(stderr, "kill: {}\n", error.what());
    return 1;
  }
}
