// Simulated hours of a whole node: crashes, power cuts, clock jumps, each life from one seed.

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
  std::size_t acknowledged = 0;
  std::size_t deliveries = 0;
  std::uint64_t idle = 0;
  std::size_t crashes = 0;
  for (std::uint64_t i = 0; i < seeds; ++i) {
    const std::uint64_t seed = program.seed() + i;
    test::SimulatedLife life(seed);
    life.run(std::chrono::minutes(minutes));
    life.prove();
    acknowledged += life.acknowledged();
    deliveries += life.deliveries();
    if (!life.worked()) {
      ++idle;
      program.say(fmt::format("sim: seed {}: of {} sends {} were acknowledged, with {} deliveries: too few",
                              seed, life.sent(), life.acknowledged(), life.deliveries()));
    }
    crashes += life.crashes();
    for (const auto& violation : life.violations()) {
      program.say(fmt::format("sim: seed {}: {} (again with: --seeds 1 --seed {} --minutes {})", seed,
                              violation, seed, minutes));
    }
    violations += life.violations().size();
    program.progress(fmt::format("{} lives, {} messages", i + 1, acknowledged));
  }
  const std::string words =
      fmt::format("seeds {} messages {} deliveries {} crashes {}", seeds, acknowledged, deliveries, crashes);
  return program.finish(words, violations, idle == 0);
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
