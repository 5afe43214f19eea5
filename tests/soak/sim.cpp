// Simulated hours of a whole node (T3, one peer): crashes, power cuts, clock jumps, each life from one seed.

#include <fmt/format.h>

#include <cstdio>
#include <exception>

#include "support/crash/soak_program.hpp"
#include "support/sim/simulated_life.hpp"

namespace {

int run(int count, char** arguments) {
  using namespace peerq;
  crash::SoakProgram program("sim",
                             "Runs simulated lives of a node and checks that nothing acknowledged is lost.");
  std::uint64_t seeds = 100;
  std::int64_t minutes = 60;
  program.options().add_option("--seeds", seeds, "how many lives")->check(CLI::PositiveNumber);
  program.options().add_option("--minutes", minutes, "virtual minutes of each")->check(CLI::PositiveNumber);
  if (const int status = program.parse(count, arguments); status != crash::go_on) return status;
  std::uint64_t violations = 0;
  std::size_t messages = 0;
  std::size_t crashes = 0;
  for (std::uint64_t i = 0; i < seeds; ++i) {
    const std::uint64_t seed = program.seed() + i;
    test::SimulatedLife life(seed);
    life.run(std::chrono::minutes(minutes));
    life.prove();
    messages += life.sent();
    crashes += life.crashes();
    for (const auto& violation : life.violations()) {
      program.say(fmt::format("sim: seed {}: {} (again with: --seeds 1 --seed {} --minutes {})", seed,
                              violation, seed, minutes));
    }
    violations += life.violations().size();
    program.progress(fmt::format("{} lives, {} messages", i + 1, messages));
  }
  return program.finish(fmt::format("seeds {} messages {} crashes {}", seeds, messages, crashes), violations);
}

}  // namespace

int main(int count, char** arguments) {
  try {
    return run(count, arguments);
  } catch (const std::exception& error) {
    fmt::print(stderr, "sim: {}\n", error.what());
    return 1;
  }
}
