#include "supervisor.hpp"

#include <fmt/format.h>
#include <signal.h>

#include <stdexcept>
#include <thread>

#include "journal.hpp"
#include "process.hpp"
#include "words.hpp"

namespace demo {

namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto look_every = 5ms;
constexpr auto standstill = 60s;

volatile sig_atomic_t interrupted = 0;

/// Ctrl-C ends the demo in good order: the worker is gone and the directory removed.
void heed_interrupts() {
  struct sigaction action {};
  action.sa_handler = [](int) { interrupted = 1; };
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
}

Counts counts_of(const Workplace& place) {
  return {.acknowledged = count_lines(place.acknowledged(), number_line_size),
          .processed = count_lines(place.processed(), digested_line_size)};
}

/// Waits until `enough` records are acknowledged (true), or the worker has ended by itself with success
/// (false).
bool watch(ChildProcess& worker, const Workplace& place, std::uint64_t enough, Progress& progress) {
  Counts last;
  auto changed = Clock::now();
  for (;; std::this_thread::sleep_for(look_every)) {
    const auto status = worker.ended();
    const Counts now = counts_of(place);
    progress.show(now);
    if (status == 0) return false;
    if (status) throw std::runtime_error(fmt::format("the worker ended with status {}", *status));
    if (now.acknowledged >= enough && now.processed > 0) return true;
    if (interrupted != 0) throw std::runtime_error("interrupted");
    if (now != last) changed = Clock::now();
    if (Clock::now() - changed > standstill)
      throw std::runtime_error("the worker has not moved for a minute");
    last = now;
  }
}

}  // namespace

Run supervise(const Options& options, const Workplace& place, std::size_t records) {
  heed_interrupts();
  Run run;
  Progress progress(records);
  const auto begin = Clock::now();
  const std::vector<std::string> arguments{"--worker", "--data-dir", place.root};
  while (run.kills.size() < options.kills) {
    ChildProcess worker(arguments);
    const std::uint64_t enough = records * (run.kills.size() + 1) / (options.kills + 1);
    const bool killed = watch(worker, place, enough, progress) && worker.kill();
    progress.pause();
    if (!killed) throw std::runtime_error("the worker was done before it could be killed");
    run.kills.push_back(counts_of(place));
    fmt::print(
        "  kill -9: the worker is dead, after {} acknowledged and {} processed records.\n"
        "  A new worker opens the same directory and goes on.\n",
        grouped(run.kills.back().acknowledged), grouped(run.kills.back().processed));
  }
  ChildProcess worker(arguments);
  watch(worker, place, records + 1, progress);
  progress.pause();
  run.time = Clock::now() - begin;
  return run;
}

}  // namespace demo
