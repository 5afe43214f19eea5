// I/O errors: every call of a scenario that touches the disk fails once, in every way.

#include <fmt/format.h>

#include <cstdio>
#include <exception>

#include "support/crash/io_errors.hpp"
#include "support/crash/soak_program.hpp"
#include "support/crash/tasks.hpp"

namespace {

int run(int count, char** arguments) {
  using namespace peerq::crash;
  SoakProgram program("errors", "Lets every disk call of a scenario fail once and checks what comes of it.");
  IoErrorOptions options;
  program.options().add_option("--runs", options.runs, "how many scenarios")->check(CLI::PositiveNumber);
  program.options()
      .add_option("--workers", options.workers, "processes side by side")
      ->check(CLI::Range(1, 16));
  program.options().add_option("--call", options.only_call, "only this call fails");
  program.options().add_option("--way", options.only_way, "only this way: EIO, ENOSPC, EINTR, short");
  if (const int status = program.parse(count, arguments); status != go_on) return status;
  options.seed = program.seed();
  if (options.only_call != 0) options.workers = 1;
  options.progress = [&](std::uint64_t sites) { program.progress(fmt::format("{} sites", sites)); };
  options.report = [&](const std::string& line) { program.say(line); };
  const IoErrorResult result = run_io_errors(options);
  // Where everything failed at once nothing was tried.
  const bool complete =
      result.runs == options.runs && result.sites > 0 && result.acknowledged >= result.sites;
  const std::string words =
      fmt::format("runs {} sites {} acknowledged {}", result.runs, result.sites, result.acknowledged);
  return program.finish(words, result.violations, complete);
}

}  // namespace

int main(int count, char** arguments) {
  if (const auto status = peerq::crash::run_task()) return *status;
  try {
    return run(count, arguments);
  } catch (const std::exception& error) {
    fmt::print(stderr, "errors: {}\n", error.what());
    return 1;
  }
}
