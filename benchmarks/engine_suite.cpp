// Suite engine: the queue as a function, without log, threads or API, against a deque and a map.

#include <fmt/format.h>

#include <optional>

#include "engine_features.hpp"
#include "engine_rig.hpp"
#include "naive_queue.hpp"
#include "scratch.hpp"
#include "session.hpp"

namespace peerq::bench {

namespace {

constexpr std::size_t engine_body_bytes = 100;
/// Messages that always wait in the queue, on both sides.
constexpr std::size_t backlog = 1'000;

/// Messages per second of something that takes a batch through its life, over about `seconds`.
template <class RunBatch>
double rate_of(std::size_t batch, double seconds, RunBatch run_batch) {
  constexpr std::size_t batches_between_looks = 64;
  std::size_t batches = 0;
  const auto begin = Clock::now();
  double passed = 0;
  while ((passed = seconds_since(begin)) < seconds) {
    for (std::size_t i = 0; i < batches_between_looks; ++i) run_batch();
    batches += batches_between_looks;
  }
  return static_cast<double>(batches * batch) / passed;
}

/// The floor with the same backlog and batches.
class NaiveLifecycle {
 public:
  explicit NaiveLifecycle(std::size_t batch)
      : batch_(batch), body_(engine_body_bytes, 'b'), bodies_(batch, body_) {
    for (std::size_t sent = 0; sent < backlog; sent += batch) queue_.send(bodies_);
  }
  void run_batch() {
    queue_.send(bodies_);
    handed_.clear();
    queue_.receive(batch_, handed_);
    queue_.erase(handed_);
  }

 private:
  std::size_t batch_;
  std::string body_;
  std::vector<std::string_view> bodies_;
  NaiveQueue queue_;
  std::vector<NaiveQueue::Handed> handed_;
};

struct EngineCase {
  std::string name;
  std::size_t batch = 1;
  double target = 0;
  bool durable = false;
  EngineLoad load = {};
};

void run_case(Session& session, const EngineCase& of) {
  if (!session.begins(of.name)) return;
  const ScratchFolder folder(session.settings().data, "engine");
  std::unique_ptr<Shard> shard;
  DurableShard* durable = nullptr;
  if (of.durable) {
    auto made = std::make_unique<DurableShard>(folder / "state");
    durable = made.get();
    shard = std::move(made);
  } else {
    shard = std::make_unique<MemoryShard>();
  }
  EngineLoad load = of.load;
  load.batch = of.batch;
  load.body_bytes = engine_body_bytes;
  EngineLifecycle lifecycle(*shard, std::move(load));
  lifecycle.send(backlog);
  NaiveLifecycle naive(of.batch);
  // A round over the durable tables is long enough for some checkpoints.
  const double seconds = of.durable ? 1.5 : 0.5;
  rate_of(of.batch, seconds, [&] { lifecycle.run_batch(); });
  const std::uint64_t checkpoints_before = durable != nullptr ? durable->checkpoints() : 0;
  Rounds rounds(Kind::rate);
  for (std::size_t round = 0; round < session.settings().rounds(); ++round) {
    const double value = rate_of(of.batch, seconds, [&] { lifecycle.run_batch(); });
    rounds.add(value, rate_of(of.batch, 0.5, [&] { naive.run_batch(); }));
  }
  std::vector<std::pair<std::string, double>> beside;
  if (durable != nullptr) {
    const auto checkpoints = static_cast<double>(durable->checkpoints() - checkpoints_before);
    beside = {{"checkpoints_per_round", checkpoints / static_cast<double>(rounds.count())}};
  }
  session.report({.suite = "engine",
                  .name = of.name,
                  .unit = "messages/s",
                  .floor = fmt::format("deque+unordered_map/batch={}", of.batch),
                  .target = of.target},
                 rounds, std::move(beside));
}

}  // namespace

void run_engine_suite(Session& session) {
  run_case(session, {.name = "lifecycle/memory-tables/standard/100B/batch=1", .batch = 1, .target = 0.08});
  run_case(session, {.name = "lifecycle/memory-tables/standard/100B/batch=32", .batch = 32, .target = 0.15});
  run_case(
      session,
      {.name = "lifecycle/delta-tables/standard/100B/batch=32", .batch = 32, .target = 0.1, .durable = true});
  run_case(session, {.name = "lifecycle/memory-tables/fifo-1000-groups/100B/batch=32",
                     .batch = 32,
                     .target = 0.08,
                     .load = fifo_load(1'000)});
  run_case(session, {.name = "lifecycle/memory-tables/priorities-10/100B/batch=32",
                     .batch = 32,
                     .target = 0.08,
                     .load = priorities_load(PriorityMode::strict)});
  run_engine_features(session);
  session.finish_suite();
}

}  // namespace peerq::bench
