// The engine against the reference model, for as many steps as asked for: the settings take turns.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <exception>
#include <string>
#include <string_view>

#include "support/crash/soak_program.hpp"
#include "support/model/catalog_run.hpp"
#include "support/model/dice.hpp"
#include "support/model/systems.hpp"

namespace {

using namespace peerq::model;

/// Of 100 steps, how many in which setting.
struct Share {
  std::string_view setting;
  std::uint64_t percent;
};
constexpr std::array<Share, 6> shares = {
    {{"naive", 45}, {"codec", 25}, {"memory", 10}, {"delta", 12}, {"lmdb", 3}, {"catalog", 5}}};

class ModelSoak {
 public:
  ModelSoak(peerq::crash::SoakProgram& program, std::uint64_t steps, std::string only)
      : program_(program), steps_(steps), only_(std::move(only)), dice_(program.seed()) {}

  void run() {
    while (done_.steps < steps_ && done_.violation.empty()) {
      for (const auto& share : shares) {
        if (!only_.empty() && only_ != share.setting) continue;
        const std::uint64_t round = std::min<std::uint64_t>(steps_, 200'000);
        const std::uint64_t steps =
            only_.empty() ? std::max<std::uint64_t>(1, round * share.percent / 100) : round;
        if (done_.steps < steps_ && done_.violation.empty()) part(share.setting, steps);
      }
    }
    if (!done_.violation.empty()) program_.say(done_.violation);
    program_.say("model: met" + situations());
  }

  const LogResult& done() const noexcept { return done_; }

 private:
  void part(std::string_view name, std::uint64_t steps) {
    const std::uint64_t seed = dice_.next();
    const std::uint64_t before = done_.steps;
    LogResult result;
    if (name == "catalog") {
      result = run_catalog_logs(make_catalog_system, seed, steps);
    } else {
      const auto& chosen = setting(name);
      result = run_logs(chosen.make, seed, steps, chosen.options, [&](std::uint64_t now) {
        program_.progress(fmt::format("{} of {} steps, {}", before + now, steps_, name));
      });
    }
    if (!result.violation.empty()) {
      result.violation =
          fmt::format("{}\nmodel: found in setting {} with log seed {}", result.violation, name, seed);
    }
    done_.add(result);
  }

  std::string situations() const {
    std::string text;
    for (std::size_t i = 0; i < done_.met.size(); ++i) {
      text += fmt::format(" {} {}", name_of(static_cast<Situation>(i)), done_.met[i]);
    }
    return text;
  }

  peerq::crash::SoakProgram& program_;
  std::uint64_t steps_;
  std::string only_;
  Dice dice_;
  LogResult done_;
};

int run(int count, char** arguments) {
  peerq::crash::SoakProgram program("model", "Runs random logs on the engine and on the reference model.");
  std::uint64_t steps = 1'000'000;
  std::string only;
  program.options().add_option("--steps", steps, "how many commands")->check(CLI::PositiveNumber);
  program.options().add_option("--only", only, "one setting: naive, codec, memory, delta, lmdb or catalog");
  if (const int status = program.parse(count, arguments); status != peerq::crash::go_on) return status;
  ModelSoak soak(program, steps, only);
  soak.run();
  const auto& done = soak.done();
  return program.finish(fmt::format("steps {}", done.steps), done.violation.empty() ? 0 : 1,
                        done.steps >= steps);
}

}  // namespace

int main(int count, char** arguments) {
  try {
    return run(count, arguments);
  } catch (const std::exception& error) {
    fmt::print(stderr, "model: {}\n", error.what());
    return 1;
  }
}
