// Suite engine: queues that use a feature, against the plain standard queue over the same tables.

#include "engine_features.hpp"

#include <fmt/format.h>

#include "scratch.hpp"
#include "session.hpp"
#include "varied.hpp"

namespace peerq::bench {

namespace {

constexpr Milliseconds one_day = std::chrono::hours(24);
constexpr double feature_target = 0.4;

Bytes bytes_of(const std::string& text) { return as_bytes(std::string_view(text)); }

const char* name_of_tables(bool durable) { return durable ? "delta-tables" : "memory-tables"; }

/// A queue in a shard of its own.
struct Rig {
  std::unique_ptr<Shard> shard;
  EngineLifecycle lifecycle;

  Rig(bool durable, const std::filesystem::path& folder, EngineLoad load)
      : shard(make_shard(durable, folder)), lifecycle(*shard, std::move(load)) {}
};

struct FeatureCase {
  std::string name;
  EngineLoad load;
  /// Messages that wait in the queue, on both sides.
  std::size_t backlog = 1'000;
  /// Before the first round, so that every round finds what there is in the long run.
  std::size_t batches_before = 0;
};

double rate_of(EngineLifecycle& lifecycle, double seconds) {
  constexpr std::size_t batches_between_looks = 16;
  std::size_t messages = 0;
  const auto begin = Clock::now();
  double passed = 0;
  while ((passed = seconds_since(begin)) < seconds) {
    for (std::size_t i = 0; i < batches_between_looks; ++i) lifecycle.run_batch();
    messages += batches_between_looks * EngineLoad{}.batch;
  }
  return static_cast<double>(messages) / passed;
}

/// Both sides in a steady state.
void run_feature(Session& session, const FeatureCase& feature, bool durable) {
  const Case of{.suite = "engine",
                .name = fmt::format("features/{}/{}/100B/batch=32", name_of_tables(durable), feature.name),
                .unit = "messages/s",
                .floor = "the same, standard queue",
                .target = feature_target};
  if (!session.begins(of.name)) return;
  const ScratchFolder folder(session.settings().data, "engine");
  Rig ours(durable, folder / "feature", feature.load);
  Rig plain(durable, folder / "plain", {});
  ours.lifecycle.send(feature.backlog);
  plain.lifecycle.send(feature.backlog);
  // Over the durable tables a side is long enough for some checkpoints.
  const double seconds = session.settings().quick ? (durable ? 0.25 : 0.1) : (durable ? 1.5 : 0.5);
  for (std::size_t i = 0; i < feature.batches_before; ++i) ours.lifecycle.run_batch();
  rate_of(plain.lifecycle, 0.1);
  Rounds rounds(Kind::rate);
  for (std::size_t round = 0; round < session.settings().rounds(); ++round) {
    const double value = rate_of(ours.lifecycle, seconds);
    rounds.add(value, rate_of(plain.lifecycle, seconds));
  }
  session.report(of, rounds);
}

/// How long the two halves of a deep queue's life took, and messages per second of the whole.
struct Life {
  double send_seconds = 0;
  double drain_seconds = 0;
  double rate = 0;
  double checkpoints = 0;
};

/// Sends all, then receives and deletes all. With `span` the clock moves through it meanwhile, so that about
/// a batch falls due at each step.
Life live_deep(const FeatureCase& feature, bool durable, const std::filesystem::path& folder,
               std::size_t messages, Milliseconds span) {
  const ScratchFolder scratch(folder, "life");
  Rig rig(durable, scratch / "state", feature.load);
  Life out;
  const auto begin = Clock::now();
  rig.lifecycle.send(messages);
  out.send_seconds = seconds_since(begin);
  const Milliseconds step = span / static_cast<std::int64_t>(messages / feature.load.batch);
  std::size_t idle = 0;
  for (std::size_t left = messages; left > 0;) {
    rig.lifecycle.advance(step);
    const std::size_t count = rig.lifecycle.drain_batch();
    left -= count;
    idle = count == 0 ? idle + 1 : 0;
    if (idle > 1'000) throw CannotMeasure("messages stayed in the queue");
  }
  const double seconds = seconds_since(begin);
  out.drain_seconds = seconds - out.send_seconds;
  out.rate = static_cast<double>(messages) / seconds;
  if (const auto* shard = dynamic_cast<const DurableShard*>(rig.shard.get())) {
    out.checkpoints = static_cast<double>(shard->checkpoints());
  }
  return out;
}

void run_deep_feature(Session& session, const FeatureCase& feature, bool durable, std::size_t messages,
                      Milliseconds span) {
  const Case of{.suite = "engine",
                .name = fmt::format("fill-drain/{}/{}/100B/N={}k", name_of_tables(durable), feature.name,
                                    messages / 1'000),
                .unit = "messages/s",
                .floor = "the same, standard queue",
                .target = feature_target};
  if (!session.begins(of.name)) return;
  const ScratchFolder folder(session.settings().data, "engine");
  Rounds rounds(Kind::rate);
  std::vector<double> send_rates;
  std::vector<double> drain_rates;
  std::vector<double> checkpoints;
  std::vector<double> plain_checkpoints;
  const auto count = static_cast<double>(messages);
  for (std::size_t round = 0; round < session.settings().rounds(); ++round) {
    const Life life = live_deep(feature, durable, folder.path(), messages, span);
    const Life plain = live_deep({}, durable, folder.path(), messages, Milliseconds(0));
    rounds.add(life.rate, plain.rate);
    checkpoints.push_back(life.checkpoints);
    plain_checkpoints.push_back(plain.checkpoints);
    send_rates.push_back(count / life.send_seconds);
    drain_rates.push_back(count / life.drain_seconds);
  }
  session.report(of, rounds,
                 {{"send_per_s", median(send_rates)},
                  {"receive_and_delete_per_s", median(drain_rates)},
                  {"checkpoints", median(checkpoints)},
                  {"checkpoints_of_floor", median(plain_checkpoints)}});
}

}  // namespace

std::unique_ptr<Shard> make_shard(bool durable, const std::filesystem::path& folder) {
  if (durable) return std::make_unique<DurableShard>(folder);
  return std::make_unique<MemoryShard>();
}

EngineLoad fifo_load(std::size_t groups) {
  EngineLoad load;
  load.options.type = QueueType::fifo;
  const auto names = std::make_shared<std::vector<std::string>>(group_names(groups));
  load.vary = [names](std::uint64_t number, engine::SendItem& item) {
    item.group_id = bytes_of((*names)[number % names->size()]);
  };
  return load;
}

EngineLoad priorities_load(PriorityMode mode) {
  EngineLoad load;
  load.options.priority_mode = mode;
  load.vary = [](std::uint64_t number, engine::SendItem& item) {
    item.priority = static_cast<std::uint8_t>(number % limits::priority_count);
  };
  return load;
}

EngineLoad deduplication_load(std::size_t remembered) {
  EngineLoad load;
  load.options.deduplication_window = std::chrono::minutes(5);
  load.wall_step = load.options.deduplication_window / static_cast<std::int64_t>(remembered / load.batch);
  load.vary = [ids = std::vector<std::string>(load.batch)](std::uint64_t number,
                                                           engine::SendItem& item) mutable {
    std::string& id = ids[number % ids.size()];
    write_id(number, id);
    item.deduplication_id = bytes_of(id);
  };
  return load;
}

EngineLoad delayed_load() {
  EngineLoad load;
  load.vary = [](std::uint64_t number, engine::SendItem& item) {
    const auto delay =
        1 + static_cast<std::int64_t>(mixed(number) % static_cast<std::uint64_t>(one_day.count()));
    item.due = WallTime{-delay};
  };
  return load;
}

void run_engine_features(Session& session) {
  constexpr std::size_t remembered = 100'000;
  for (const bool durable : {false, true}) {
    run_feature(session, {"fifo-1000-groups", fifo_load(1'000)}, durable);
    run_feature(session, {"priorities-10-weighted", priorities_load(PriorityMode::weighted)}, durable);
    run_feature(session,
                {.name = "deduplication-100k-ids",
                 .load = deduplication_load(remembered),
                 .batches_before = remembered / EngineLoad{}.batch},
                durable);
  }
  const std::size_t messages = session.settings().scaled(64'000, 1'024'000);
  for (const bool durable : {false, true}) {
    run_deep_feature(session, {"fifo-a-group-each", fifo_load(messages)}, durable, messages, Milliseconds(0));
    run_deep_feature(session, {"fifo-one-group", fifo_load(1)}, durable, messages, Milliseconds(0));
    run_deep_feature(session, {"delayed-over-a-day", delayed_load()}, durable, messages, one_day);
  }
}

}  // namespace peerq::bench
