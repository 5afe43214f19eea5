// Power loss: images of what a crash may leave of recorded workloads, each opened and checked.

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <exception>

#include "support/crash/power.hpp"
#include "support/crash/soak_program.hpp"
#include "support/crash/tasks.hpp"

namespace {

int run(int count, char** arguments) {
  using namespace peerq::crash;
  SoakProgram program("power", "Opens crash images of recorded workloads and checks what was recovered.");
  PowerOptions options;
  std::uint64_t workloads = 0;
  program.options().add_option("--images", options.images, "how many images")->check(CLI::PositiveNumber);
  program.options()
      .add_option("--workers", options.workers, "processes side by side")
      ->check(CLI::Range(1, 16));
  program.options().add_option("--workloads", workloads, "workloads to record");
  program.options().add_option("--recording", options.recording, "directory of a kept recording");
  program.options().add_option("--image", options.only_image, "only this image of the recording");
  if (const int status = program.parse(count, arguments); status != go_on) return status;
  options.seed = program.seed();
  options.workloads = workloads != 0 ? workloads : std::clamp<std::uint64_t>(options.images / 2'500, 2, 24);
  options.progress = [&](std::uint64_t images) { program.progress(fmt::format("{} images", images)); };
  options.report = [&](const std::string& line) { program.say(line); };
  const PowerResult result = run_power(options);
  const double images = static_cast<double>(std::max<std::uint64_t>(1, result.images));
  program.say(fmt::format("power: an image takes {:.2f} ms to make and {:.2f} ms to open and check",
                          result.make_seconds * 1e3 / images, result.open_seconds * 1e3 / images));
  const bool complete = result.images >= options.images || options.only_image != 0;
  return program.finish(fmt::format("images {}", result.images), result.violations, complete);
}

}  // namespace

int main(int count, char** arguments) {
  if (const auto status = peerq::crash::run_task()) return *status;
  try {
    return run(count, arguments);
  } catch (const std::exception& error) {
    fmt::print(stderr, "power: {}\n", error.what());
    return 1;
  }
}
