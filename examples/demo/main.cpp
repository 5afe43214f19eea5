// The main job on real input: a worker with a durable queue is killed in the middle of its work and started
// again; then it is proved that nothing acknowledged was lost. Started by ./run demo.
//
// The supervisor (this process) starts the worker (this program again) on one directory. records.cpp takes
// the input, worker.cpp is the application, supervisor.cpp kills it, proof.cpp compares its journals,
// report.cpp says it in words.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <optional>

#include "options.hpp"
#include "proof.hpp"
#include "records.hpp"
#include "report.hpp"
#include "supervisor.hpp"
#include "worker.hpp"
#include "workplace.hpp"

namespace demo {
namespace {

constexpr int exit_broken = 1;
constexpr int exit_usage = 2;

void describe(CLI::App& app, Options& options) {
  app.add_option("FILE", options.files,
                 "each line is a record that names a file; left out: the package file lists of this machine")
      ->check(CLI::ExistingFile);
  app.add_option("--records", options.records,
                 "how many records (default: 20000, or all lines of the given files)")
      ->check(CLI::Range(records_min, records_max));
  app.add_option("--kills", options.kills, "how often the worker is killed (default: 1)")
      ->check(CLI::Range(1, 100));
  app.add_option("--data-dir", options.data_dir, "a new or empty directory (default: a fresh temporary one)");
  app.add_flag("--keep", options.keep, "keep the directory at the end");
  app.add_flag("--worker", options.worker)->group("");  // not shown: the supervisor uses it
}

int supervise_and_prove(const Options& options, const Records& records, const Workplace& place) {
  write_records(place.records(), records.names);
  print_introduction(options, records, place);
  const Run run = supervise(options, place, records.names.size());
  const Proof proof = prove(place, records.names.size());
  print_summary(run, proof);
  return proof.holds() ? 0 : exit_broken;
}

int usage_error(const CLI::App& app, const std::string& what) {
  fmt::print(stderr, "{}\n\n{}", what, app.help());
  return exit_usage;
}

int run(int argc, char** argv) {
  Options options;
  CLI::App app("Sends, processes and counts records through a kill -9, and proves that none was lost.",
               "demo");
  describe(app, options);
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    fmt::print("{}", app.help());
    return 0;
  } catch (const CLI::ParseError& error) {
    return usage_error(app, error.what());
  }
  if (options.worker) return run_worker({options.data_dir});
  Records records;
  std::optional<OwnedWorkplace> owned;
  try {
    records = gather_records(options);
    owned.emplace(options.data_dir, options.keep);
  } catch (const std::exception& error) {
    return usage_error(app, error.what());
  }
  return supervise_and_prove(options, records, owned->place());
}

}  // namespace
}  // namespace demo

int main(int argc, char** argv) {
  try {
    return demo::run(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "demo: {}\n", error.what());
    return demo::exit_broken;
  }
}
