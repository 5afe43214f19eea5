// The engine against the reference model, over random logs, in every setting.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include "model/model_test.hpp"
#include "support/model/catalog_run.hpp"
#include "support/model/systems.hpp"

namespace peerq::model {
namespace {

struct Amount {
  std::string_view setting;
  std::uint64_t steps;
};

TEST_CASE("random logs agree with the model, S2 S3 S6-S11 S13-S18 S20 S21 S24-S47 S60 S62 S66-S74 S76-S79") {
  const auto [name, steps] =
      GENERATE(Amount{"naive", 300'000}, Amount{"codec", 100'000}, Amount{"memory", 30'000},
               Amount{"delta", 30'000}, Amount{"lmdb", 6'000});
  const auto& chosen = setting(name);
  const std::uint64_t seed = test_seed();
  const LogResult result = run_logs(chosen.make, seed, steps, chosen.options);
  print_steps(name, result, seed);
  INFO(name << " seed " << seed);
  if (!result.violation.empty()) FAIL(result.violation);
  CHECK(result.steps >= steps);
}

TEST_CASE("random logs of the catalog give the replies and the state of its model, S5 S6 S7 S9 S11") {
  const std::uint64_t seed = test_seed();
  const LogResult result = run_catalog_logs(make_catalog_system, seed, 20'000);
  print_steps("catalog", result, seed);
  INFO("seed " << seed);
  if (!result.violation.empty()) FAIL(result.violation);
  CHECK(result.steps >= 20'000);
}

TEST_CASE("random logs meet every situation that they are made for") {
  const std::uint64_t seed = test_seed();
  LogResult result;
  for (const char* name : {"delta", "naive"})  // the first has checkpoints, the second all commands
    result.add(run_logs(setting(name).make, seed, 60'000, setting(name).options));
  print_steps("situations", result, seed);
  if (!result.violation.empty()) FAIL(result.violation);
  for (std::size_t i = 0; i < result.met.size(); ++i) {
    INFO("seed " << seed << ": " << name_of(static_cast<Situation>(i)));
    CHECK(result.met[i] > 0);
  }
}

}  // namespace
}  // namespace peerq::model
