// peerq_bench: measures suites against their floors. README.md beside this file says what and how.
// Exit status: 0 measured, whatever the figures say; 1 could not measure; 2 wrong usage.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdlib>

#include "backlog_child.hpp"
#include "machine.hpp"
#include "session.hpp"

namespace {

using namespace peerq::bench;

struct Suite {
  const char* name;
  void (*run)(Session& session);
};

constexpr Suite suites[] = {{"engine", run_engine_suite},
                            {"local", run_local_suite},
                            {"backlog", run_backlog_suite},
                            {"embed", run_embed_suite}};

std::filesystem::path data_folder() {
  const char* chosen = std::getenv("PEERQ_BENCH_DIR");  // NOLINT(concurrency-mt-unsafe): one thread yet
  return chosen != nullptr ? chosen : PEERQ_BINARY_DIR "/bench-data";
}

int run_suites(const std::string& chosen, const Settings& settings) {
  Session session(settings);
  if (in_memory(settings.data)) {
    fmt::print(stderr, "bench: {} is in memory, where syncing costs nothing: the durable cases mean little\n",
               settings.data.string());
  }
  for (const Suite& suite : suites) {
    if (chosen == "all" || chosen == suite.name) suite.run(session);
  }
  return 0;
}

int run(int count, char** words) {
  if (count > 1 && std::string_view(words[1]) == "child") return run_child({words + 2, words + count});
  CLI::App app("Measures peerq against floors: what nobody could beat with the same parts.", "peerq_bench");
  std::string chosen;
  Settings settings;
  app.add_option("SUITE", chosen, "engine, local, backlog, embed or all")
      ->required()
      ->check(CLI::IsMember({"engine", "local", "backlog", "embed", "all"}));
  app.add_flag("--quick", settings.quick, "within 60 s a suite, backlog 240 s");
  app.add_option("--json", settings.json_file, "write a JSON line per case to this file");
  app.add_option("--only", settings.only, "only the cases whose names contain this");
  app.add_flag("--markdown", settings.markdown, "print Markdown tables with the machine's facts");
  try {
    app.parse(count, words);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  settings.data = data_folder();
  return run_suites(chosen, settings);
}

}  // namespace

int main(int count, char** words) {
  try {
    return run(count, words);
  } catch (const std::exception& error) {
    fmt::print(stderr, "peerq_bench: could not measure: {}\n", error.what());
    return 1;
  }
}
