#include "support/crash/soak_program.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <random>

#include "support/history/recorder.hpp"

namespace peerq::crash {

SoakProgram::SoakProgram(std::string name, const std::string& does)
    : name_(std::move(name)),
      app_(does),
      seed_(std::random_device()() % 1'000'000 + 1),
      started_us_(history::monotonic_us()) {
  app_.add_option("--seed", seed_, "what all choices follow from; left out: any");
}

int SoakProgram::parse(int count, char** arguments) {
  try {
    app_.parse(count, arguments);
  } catch (const CLI::ParseError& error) {
    return app_.exit(error) == 0 ? 0 : 2;
  }
  fmt::print("{}: seed {}\n", name_, seed_);
  std::fflush(stdout);
  return go_on;
}

void SoakProgram::progress(const std::string& text) const {
  if (isatty(1) == 0) return;
  fmt::print("\r\033[K{}: {}", name_, text);
  std::fflush(stdout);
}

void SoakProgram::say(const std::string& line) const {
  if (isatty(1) != 0) fmt::print("\r\033[K");
  fmt::print("{}\n", line);
  std::fflush(stdout);
}

int SoakProgram::finish(const std::string& words, std::uint64_t violations, bool complete) const {
  const std::int64_t seconds = (history::monotonic_us() - started_us_) / 1'000'000;
  say(fmt::format("{}: {} violations {} seed {} seconds {}", name_, words, violations, seed_, seconds));
  return violations == 0 && complete ? 0 : 1;
}

}  // namespace peerq::crash
