// Damage: flipped bits, zeroed, swapped and stale pages, cut files: detected, refused or harmless.

#include <fmt/format.h>

#include <cstdio>
#include <exception>

#include "support/crash/corrupt.hpp"
#include "support/crash/soak_program.hpp"
#include "support/crash/tasks.hpp"

namespace {

int run(int count, char** arguments) {
  using namespace peerq::crash;
  SoakProgram program("corrupt", "Damages data directories and checks that nothing wrong is served.");
  CorruptOptions options;
  program.options().add_option("--runs", options.runs, "how many damages")->check(CLI::PositiveNumber);
  program.options()
      .add_option("--workers", options.workers, "processes side by side")
      ->check(CLI::Range(1, 16));
  program.options().add_option("--recording", options.recording, "directory of a kept recording");
  program.options().add_option("--run", options.only_run, "only this run of the recording");
  if (const int status = program.parse(count, arguments); status != go_on) return status;
  options.seed = program.seed();
  options.workloads = options.runs >= 2'000 ? 8 : 2;
  options.progress = [&](std::uint64_t runs) { program.progress(fmt::format("{} runs", runs)); };
  options.report = [&](const std::string& line) { program.say(line); };
  const CorruptResult result = run_corrupt(options);
  for (const auto& [kind, times] : result.kinds)
    program.say(fmt::format("corrupt: {} times {}", times, kind));
  const bool complete = result.runs == options.runs || options.only_run != 0;
  return program.finish(fmt::format("runs {} detected {}", result.runs, result.detected), result.violations,
                        complete);
}

}  // namespace

int main(int count, char** arguments) {
  if (const auto status = peerq::crash::run_task()) return *status;
  try {
    return run(count, arguments);
  } catch (const std::exception& error) {
    fmt::print(stderr, "corrupt: {}\n", error.what());
    return 1;
  }
}
