// Suite backlog: queues that are deep. Everything runs in processes of its own (backlog_child.hpp).

#include <fmt/format.h>
#include <unistd.h>

#include "backlog_features.hpp"
#include "child.hpp"
#include "machine.hpp"
#include "peerq/base/limits.hpp"
#include "scratch.hpp"
#include "session.hpp"

namespace peerq::bench {

namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t shallow = 100'000;
constexpr std::uint64_t few = 1'000;
constexpr double message_bytes = 100;
/// Of a memory budget a quarter is the active delta: 4 MiB.
constexpr std::uint64_t small_budget = std::uint64_t{16} << 20;
constexpr double mebibyte = 1 << 20;

std::string number(std::uint64_t value) { return std::to_string(value); }

std::string short_number(std::uint64_t messages) {
  return messages >= 1'000'000 ? fmt::format("{}M", messages / 1'000'000)
                               : fmt::format("{}k", messages / 1'000);
}

/// Reports one figure that may be at most `floor`.
struct AtMost {
  std::string name;
  std::string unit;
  std::string floor;
  double value = 0;
  double floor_value = 0;
  std::vector<std::pair<std::string, double>> beside = {};
};

void report_at_most(Session& session, const AtMost& figure) {
  Rounds rounds(Kind::latency);
  rounds.add(figure.value, figure.floor_value);
  session.report(backlog_case(figure.name, figure.unit, figure.floor), rounds, figure.beside);
}

/// Messages per second through a queue of this depth, in a fresh directory and process.
double life_rate(const Session& session, std::uint64_t messages, std::vector<double>& fill_seconds) {
  const ScratchFolder folder(session.settings().data, "backlog-life");
  const Figures figures = run_for_figures(
      self_with({"child", "life", (folder / "peerq").string(), number(messages), "1", number(small_budget)}));
  fill_seconds.push_back(need(figures, "fill_seconds"));
  return static_cast<double>(messages) / (need(figures, "fill_seconds") + need(figures, "drain_seconds"));
}

void run_depth(Session& session, std::uint64_t messages, std::size_t count) {
  const Case of = backlog_case(fmt::format("fill-drain/100B/N={}", short_number(messages)), "messages/s",
                               fmt::format("the same, N={}", short_number(shallow)), 0.6);
  if (!session.begins(of.name)) return;
  Rounds rounds(Kind::rate);
  std::vector<double> fill_seconds;
  std::vector<double> ignored;
  for (std::size_t round = 0; round < count; ++round) {
    const double value = life_rate(session, messages, fill_seconds);
    rounds.add(value, life_rate(session, shallow, ignored));
  }
  session.report(of, rounds, {{"fill_messages_per_s", static_cast<double>(messages) / median(fill_seconds)}});
}

/// A copy whose bytes are on disk, so that writing them back does not disturb what follows.
void copy_synced(const fs::path& from, const fs::path& to) {
  fs::remove_all(to);
  fs::copy(from, to, fs::copy_options::recursive);
  sync();
}

/// A directory with queues that were filled by a process that then died, and a copy that was closed cleanly.
struct Filled {
  fs::path killed;
  fs::path closed;
  std::uint64_t messages = 0;
  Figures figures = {};
};

Filled make_filled(const fs::path& folder, std::uint64_t messages, std::uint64_t queues) {
  Filled out{.killed = folder / "killed", .closed = folder / "closed", .messages = messages};
  out.figures = run_for_figures(self_with({"child", "fill", out.killed.string(), number(messages),
                                           number(queues), number(limits::memory_budget_default)}),
                                true);
  copy_synced(out.killed, out.closed);
  const Figures reopened = run_for_figures(self_with({"child", "reopen", out.closed.string()}));
  if (need(reopened, "messages") != static_cast<double>(messages)) {
    throw CannotMeasure(
        fmt::format("of {} messages {} were there after the kill", messages, need(reopened, "messages")));
  }
  return out;
}

double state_bytes_per_message(const Filled& filled) {
  return static_cast<double>(folder_size(filled.closed / "state").bytes) /
         static_cast<double>(filled.messages);
}

void report_state_bytes(Session& session, const Filled& filled, std::uint64_t queues) {
  const double allocated = static_cast<double>(folder_size(filled.closed / "state").allocated);
  const double row = message_bytes + 48;
  report_at_most(session,
                 {.name = fmt::format("state-bytes/N={}/queues={}", short_number(filled.messages), queues),
                  .unit = "x (body + 48 B)",
                  .floor = "limit",
                  .value = state_bytes_per_message(filled) / row,
                  .floor_value = 1.6,
                  .beside = {{"bytes_per_message", state_bytes_per_message(filled)},
                             {"allocated_per_message", allocated / static_cast<double>(filled.messages)}}});
}

double first_ms(const fs::path& directory, bool kill) {
  return need(
      run_for_figures(self_with({"child", "first", directory.string(), kill ? "kill" : "close"}), kill),
      "first_ms");
}

/// After a clean close every round leaves a clean close again.
void run_open_clean(Session& session, const Filled& deep, const Filled& flat) {
  const Case of = backlog_case(fmt::format("open-to-first/clean-close/N={}", short_number(deep.messages)),
                               "ms", "the same, N=1k, plus 250 ms");
  Rounds rounds(Kind::latency);
  for (std::size_t round = 0; round < session.settings().rounds(); ++round) {
    const double value = first_ms(deep.closed, false);
    rounds.add(value, first_ms(flat.closed, false) + 250);
  }
  session.report(of, rounds);
}

/// Every round opens a copy of what the killed process left.
void run_open_killed(Session& session, const Filled& deep, const Filled& flat) {
  const Case of = backlog_case(fmt::format("open-to-first/kill-9/N={}", short_number(deep.messages)), "ms",
                               "the same, N=1k, plus 1000 ms");
  const ScratchFolder folder(session.settings().data, "backlog-open");
  const auto of_copy = [&](const fs::path& killed) {
    copy_synced(killed, folder / "copy");
    return first_ms(folder / "copy", true);
  };
  Rounds rounds(Kind::latency);
  for (std::size_t round = 0; round < session.settings().rounds(); ++round) {
    const double value = of_copy(deep.killed);
    rounds.add(value, of_copy(flat.killed) + 1000);
  }
  session.report(of, rounds);
}

/// What one directory of a deep queue shows: memory, disk, opening.
void run_deep(Session& session, std::uint64_t messages) {
  if (!session.begins(fmt::format("one-queue/N={}", short_number(messages)))) return;
  const ScratchFolder deep_folder(session.settings().data, "backlog-deep");
  const ScratchFolder flat_folder(session.settings().data, "backlog-flat");
  const Filled deep = make_filled(deep_folder.path(), messages, 1);
  const Filled flat = make_filled(flat_folder.path(), few, 1);
  report_at_most(session, {.name = fmt::format("memory-after-fill/N={}", short_number(messages)),
                           .unit = "MiB",
                           .floor = "limit",
                           .value = need(deep.figures, "memory_mib"),
                           .floor_value = 64});
  run_open_clean(session, deep, flat);
  run_open_killed(session, deep, flat);
  report_state_bytes(session, deep, 1);
  const FolderSize log = folder_size(deep.killed / "log");
  report_at_most(session, {.name = fmt::format("log-size/N={}", short_number(messages)),
                           .unit = "MiB",
                           .floor = "limit",
                           .value = static_cast<double>(log.bytes) / mebibyte,
                           .floor_value = 96,
                           .beside = {{"allocated_mib", static_cast<double>(log.allocated) / mebibyte}}});
}

void run_eight_queues(Session& session, std::uint64_t messages) {
  if (!session.begins("eight-queues")) return;
  const ScratchFolder folder(session.settings().data, "backlog-eight");
  report_state_bytes(session, make_filled(folder.path(), messages, 8), 8);
}

/// Each file for itself: a small one that grows shows beside a large one that does not.
void run_growth(Session& session) {
  constexpr std::uint64_t rounds = 10;
  const std::uint64_t messages = session.settings().scaled(200'000, 1'000'000);
  if (!session.begins("file-size")) return;
  const ScratchFolder folder(session.settings().data, "backlog-growth");
  const Figures figures =
      run_for_figures(self_with({"child", "life", (folder / "peerq").string(), number(messages),
                                 number(rounds), number(small_budget)}));
  for (const std::string file : {"state", "log"}) {
    const double first = need(figures, file + "_first");
    const double last = need(figures, file + "_last");
    report_at_most(session,
                   {.name = fmt::format("file-size/{}-rounds/N={}/{}", rounds, short_number(messages), file),
                    .unit = "x first round",
                    .floor = "limit",
                    .value = last / first,
                    .floor_value = 1.1,
                    .beside = {{"first_mib", first / mebibyte}, {"last_mib", last / mebibyte}}});
  }
}

}  // namespace

void run_backlog_suite(Session& session) {
  constexpr std::uint64_t deep = 1'000'000;
  constexpr std::uint64_t deepest = 10'000'000;
  constexpr std::size_t depth_rounds = 5;
  run_depth(session, deep, depth_rounds);
  run_deep(session, deep);
  run_eight_queues(session, deep);
  run_growth(session);
  run_backlog_features(session);
  run_purge_beside(session);
  if (!session.settings().quick) {
    run_depth(session, deepest, 1);
    run_deep(session, deepest);
  }
  session.finish_suite();
}

}  // namespace peerq::bench
