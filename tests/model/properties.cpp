// The same comparison driven by RapidCheck, which cuts a failing log down on its own. RC_PARAMS="seed=..."
// replays.
#include <rapidcheck.h>

#include <catch2/catch_test_macros.hpp>
#include <string_view>

#include "support/model/catalog_run.hpp"
#include "support/model/systems.hpp"

namespace peerq::model {
namespace {

/// Up to `size` genes that are left out one by one, but not changed, when a failure is cut down.
rc::Gen<Genes> some_genes(std::size_t size) {
  return rc::gen::withSize([size](int scale) {
    const auto most = size * static_cast<std::size_t>(scale + 1) / 101;
    return rc::gen::mapcat(rc::gen::inRange<std::size_t>(1, most + 2), [](std::size_t count) {
      return rc::gen::container<Genes>(
          count,
          rc::gen::noShrink(rc::gen::resize(rc::kNominalSize * 10, rc::gen::arbitrary<std::uint64_t>())));
    });
  });
}

void same_as_model(std::string_view name, const Genes& genes) {
  const auto& chosen = setting(name);
  LogOptions options = chosen.options;
  const auto system = chosen.make();
  const LogResult result = run_log(*system, genes, options);
  if (result.violation.empty()) return;
  options.trace = true;
  RC_LOG() << run_log(*chosen.make(), genes, options).trace;
  RC_FAIL(result.violation);
}

TEST_CASE("for every list of commands the engine answers as the model does") {
  CHECK(rc::check("views", [] { same_as_model("naive", *some_genes(400)); }));
  CHECK(rc::check("encoded and decoded", [] { same_as_model("codec", *some_genes(300)); }));
  CHECK(rc::check("checkpoints and restarts", [] { same_as_model("delta", *some_genes(200)); }));
}

TEST_CASE("for every list of commands the catalog answers as its model does") {
  CHECK(rc::check("catalog", [] {
    const QueueId first(1000);
    const Genes genes = *some_genes(300);
    const LogResult result = run_catalog_log(*make_catalog_system(first), first, genes, true);
    if (result.violation.empty()) return;
    RC_LOG() << result.trace;
    RC_FAIL(result.violation);
  }));
}

}  // namespace
}  // namespace peerq::model
