// Suite backlog: deep queues that use a feature, against a plain one; a purge beside another queue's traffic.

#include "backlog_features.hpp"

#include <fmt/format.h>

#include "child.hpp"
#include "scratch.hpp"
#include "session.hpp"

namespace peerq::bench {

namespace {

/// What a queue in memory may take, as of the plain backlog.
constexpr double memory_limit_mib = 64;
constexpr double rate_target = 0.4;

std::string size_text(std::uint64_t messages) {
  return messages % 1'000'000 == 0 ? fmt::format("{}M", messages / 1'000'000)
                                   : fmt::format("{}k", messages / 1'000);
}

/// How deep a queue is filled. It is drained; or, when `beside` is not 0, so many are from a queue beside it.
struct Depth {
  std::uint64_t messages = 0;
  std::uint64_t beside = 0;
};

Figures live(const Session& session, const std::string& kind, const Depth& depth) {
  const ScratchFolder folder(session.settings().data, "backlog-feature");
  std::vector<std::string> arguments{"child", "feature", kind, (folder / "peerq").string(),
                                     std::to_string(depth.messages)};
  if (depth.beside != 0) arguments.push_back(std::to_string(depth.beside));
  return run_for_figures(self_with(std::move(arguments)));
}

double fill_rate(const Figures& figures, const Depth& depth) {
  return static_cast<double>(depth.messages) / need(figures, "fill_seconds");
}

double drain_rate(const Figures& figures, const Depth& depth) {
  return static_cast<double>(depth.beside) / need(figures, "drain_seconds");
}

double life_rate(const Figures& figures, const Depth& depth) {
  return static_cast<double>(depth.messages) /
         (need(figures, "fill_seconds") + need(figures, "drain_seconds"));
}

void report_memory(Session& session, const std::string& name, const Rounds& memory) {
  session.report(backlog_case("memory-after-fill/" + name, "MiB", "limit", 1), memory);
}

struct DeepFeature {
  /// As the child calls it, and as people read it.
  std::string kind;
  std::string name;
};

/// Filled and drained to the end.
void run_life(Session& session, const DeepFeature& feature, std::uint64_t messages, std::size_t count) {
  const std::string name = fmt::format("{}/100B/N={}", feature.name, size_text(messages));
  if (!session.begins("features/" + name)) return;
  const Depth depth{.messages = messages};
  Rounds rates(Kind::rate);
  Rounds memory(Kind::latency);
  std::vector<double> fills;
  for (std::size_t round = 0; round < count; ++round) {
    const Figures ours = live(session, feature.kind, depth);
    rates.add(life_rate(ours, depth), life_rate(live(session, "plain", depth), depth));
    memory.add(need(ours, "memory_mib"), memory_limit_mib);
    fills.push_back(fill_rate(ours, depth));
  }
  session.report(backlog_case("fill-drain/" + name, "messages/s", "the same, standard queue", rate_target),
                 rates, {{"fill_messages_per_s", median(fills)}});
  report_memory(session, name, memory);
}

/// A directory in which such a queue was left full, closed cleanly.
void leave_full(const std::filesystem::path& directory, const std::string& kind, std::uint64_t messages) {
  run_for_figures(self_with({"child", "feature", kind, directory.string(), std::to_string(messages), "1"}));
  run_for_figures(self_with({"child", "reopen", directory.string()}));
}

double first_ms(const std::filesystem::path& directory) {
  return need(run_for_figures(self_with({"child", "first", directory.string(), "close"})), "first_ms");
}

void run_open(Session& session, const DeepFeature& feature, std::uint64_t messages) {
  constexpr std::uint64_t few = 1'000;
  constexpr double longer_ms = 250;
  const Case of =
      backlog_case(fmt::format("open-to-first/clean-close/{}/N={}", feature.name, size_text(messages)), "ms",
                   "the same, N=1k, plus 250 ms", 1);
  if (!session.begins(of.name)) return;
  const ScratchFolder folder(session.settings().data, "backlog-open");
  leave_full(folder / "deep", feature.kind, messages);
  leave_full(folder / "flat", feature.kind, few);
  Rounds rounds(Kind::latency);
  for (std::size_t round = 0; round < session.settings().rounds(); ++round) {
    const double value = first_ms(folder / "deep");
    rounds.add(value, first_ms(folder / "flat") + longer_ms);
  }
  session.report(of, rounds);
}

/// Filled with what is due during a day; then a tenth of that comes due at once beside it and is drained.
void run_delayed(Session& session, std::uint64_t messages, std::size_t count) {
  const std::string name = fmt::format("delayed-over-a-day/100B/N={}", size_text(messages));
  if (!session.begins("features/" + name)) return;
  const Depth depth{messages, messages / 10};
  Rounds sends(Kind::rate);
  Rounds drains(Kind::rate);
  Rounds memory(Kind::latency);
  for (std::size_t round = 0; round < count; ++round) {
    const Figures ours = live(session, "delayed", depth);
    const Figures plain = live(session, "plain", depth);
    sends.add(fill_rate(ours, depth), fill_rate(plain, depth));
    drains.add(drain_rate(ours, depth), drain_rate(plain, depth));
    memory.add(need(ours, "memory_mib"), memory_limit_mib);
  }
  session.report(backlog_case("send/" + name, "messages/s", "the same, standard queue", rate_target), sends);
  session.report(backlog_case(fmt::format("due-at-once/{}/beside-N={}", size_text(depth.beside),
                                          size_text(depth.messages)),
                              "messages/s", "the same, standard queue", rate_target),
                 drains);
  report_memory(session, name, memory);
}

void run_purge(Session& session, const DeepFeature& feature, std::uint64_t messages) {
  constexpr std::size_t count = 5;
  constexpr double longer_ms = 20;
  const Case of =
      backlog_case(fmt::format("purge/{}/N={}/longest-gap-of-a-neighbour", feature.name, size_text(messages)),
                   "ms", "the same without the purge, plus 20 ms", 1);
  if (!session.begins(of.name)) return;
  const ScratchFolder folder(session.settings().data, "backlog-purge");
  const std::uint64_t length_ms = session.settings().scaled(3'000, 5'000);
  const Figures figures = run_for_figures(
      self_with({"child", "neighbour", feature.kind, (folder / "peerq").string(), std::to_string(messages),
                 std::to_string(count), std::to_string(length_ms)}));
  Rounds rounds(Kind::latency);
  std::vector<double> calls_without;
  std::vector<double> calls_with;
  for (std::size_t round = 0; round < count; ++round) {
    rounds.add(need(figures, fmt::format("with_{}", round)),
               need(figures, fmt::format("without_{}", round)) + longer_ms);
    calls_without.push_back(need(figures, fmt::format("calls_without_{}", round)));
    calls_with.push_back(need(figures, fmt::format("calls_with_{}", round)));
  }
  session.report(of, rounds, {{"calls_with", median(calls_with)}, {"calls_without", median(calls_without)}});
}

}  // namespace

Case backlog_case(const std::string& name, const std::string& unit, const std::string& floor, double target) {
  return {.suite = "backlog", .name = name, .unit = unit, .floor = floor, .target = target};
}

void run_backlog_features(Session& session) {
  const std::uint64_t messages = session.settings().scaled(200'000, 1'000'000);
  constexpr std::uint64_t delayed = 1'000'000;
  constexpr std::uint64_t delayed_deepest = 10'000'000;
  constexpr std::size_t rounds = 5;
  run_life(session, {"groups", "fifo-a-group-each"}, messages, rounds);
  run_life(session, {"group", "fifo-one-group"}, messages, rounds);
  run_life(session, {"deduplication", "deduplication"}, messages, rounds);
  run_open(session, {"groups", "fifo-a-group-each"}, messages);
  run_open(session, {"deduplication", "deduplication"}, messages);
  run_delayed(session, delayed, rounds);
  if (!session.settings().quick) run_delayed(session, delayed_deepest, 1);
}

void run_purge_beside(Session& session) {
  run_purge(session, {"plain", "standard"}, 1'000'000);
  run_purge(session, {"groups", "fifo-a-group-each"}, session.settings().scaled(200'000, 1'000'000));
}

}  // namespace peerq::bench
