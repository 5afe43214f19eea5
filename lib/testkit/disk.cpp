// The simulated directory: SimLog and SimState under one store, and what happens to them from outside.
#include "peerq/testkit/disk.hpp"

#include <array>
#include <optional>
#include <string>
#include <utility>

#include "peerq/base/assert.hpp"
#include "peerq/testkit/executor.hpp"
#include "storage/delta_budget.hpp"
#include "storage/machines.hpp"
#include "testkit/sim_log.hpp"
#include "testkit/sim_state.hpp"

namespace peerq::testkit {

namespace {

Error dead() { return {errc::node_failed, "the simulated disk is gone"}; }

}  // namespace

/// What outlives the processes.
struct SimDisk::State {
  State(SimScheduler& s, const SimDiskOptions& o) : scheduler(s), options(o) {}

  SimScheduler& scheduler;
  SimDiskOptions options;
  SimDiskFacts facts;
  SimJournal journal;
  SimTables tables;
  std::optional<port::Identity> identity;
  /// Rises when the power goes or the process dies: stores of an older life are done for.
  std::uint64_t life = 1;
  bool open = false;
  bool full = false;
  bool failing = false;
  bool failing_checkpoint = false;
  /// For those who come without a process.
  std::unique_ptr<port::Log> bare_log;
  std::uint64_t bare_life = 0;

  void pause(port::Lane lane, Duration duration) { scheduler.pause(lane, scheduler.draw(duration)); }
  void end_life(const SimLogLosses& losses) {
    ++life;
    open = false;
    facts.commits_kept += losses.kept;
    facts.commits_lost += losses.lost;
    facts.commits_torn += losses.torn;
  }
};

namespace {

/// The log as one process sees it.
class SimLog final : public port::Log {
 public:
  explicit SimLog(SimDisk::State& disk) : disk_(disk), life_(disk.life) {}

  Result<port::ShardLogState> state(ShardId shard) override {
    if (gone()) return dead();
    port::ShardLogState out;
    const auto found = logs().find(shard);
    if (found == logs().end()) return out;
    const auto& log = found->second;
    out.hard = log.hard;
    out.snapshot = log.snapshot;
    out.first = next(log.snapshot.index);
    out.last = log.records.empty() ? log.snapshot.index : log.records.rbegin()->first;
    out.last_term = log.records.empty() ? log.snapshot.term : log.records.rbegin()->second.term;
    return out;
  }

  Result<void> commit(const std::vector<port::LogWrite>& writes) override {
    if (gone()) return dead();
    if (disk_.full) return Error(errc::storage_full, "the simulated disk");
    PEERQ_ASSERT(!committing_);
    committing_ = true;
    ++disk_.facts.commits;
    disk_.journal.write(writes);
    disk_.pause(port::Lane::writer, disk_.options.log_sync);
    committing_ = false;
    if (gone()) return dead();
    if (std::exchange(disk_.failing, false)) {
      // Nobody knows what became of it; the next process will see.
      disk_.journal.keep_first(disk_.scheduler.below(disk_.journal.unsynced() + 1));
      failed_ = true;
      return dead();
    }
    if (!disk_.options.lie_about_sync) disk_.journal.sync();
    return {};
  }

  Result<void> read(ShardId shard, LogIndex first, LogIndex last, Visitor visit) override {
    if (gone()) return dead();
    const auto found = logs().find(shard);
    for (LogIndex index = first; index <= last; index = next(index)) {
      if (found == logs().end() || disk_.journal.is_damaged(shard, index)) return damaged(shard, index);
      const auto record = found->second.records.find(index);
      if (record == found->second.records.end()) return damaged(shard, index);
      if (auto visited = visit(record->second); !visited) return visited;
    }
    return {};
  }

  port::LogUsage usage() const override {
    const auto bytes = disk_.journal.live_bytes();
    return {bytes, bytes};
  }

 private:
  bool gone() const noexcept { return failed_ || disk_.life != life_; }
  const SimShardLogs& logs() const noexcept { return disk_.journal.current(); }
  static Error damaged(ShardId shard, LogIndex index) {
    return {errc::corrupt, "shard " + std::to_string(shard.value) + ", record " +
                               std::to_string(index.value) + " is damaged"};
  }

  SimDisk::State& disk_;
  std::uint64_t life_;
  bool failed_ = false;
  bool committing_ = false;
};

class SimStore final : public port::Store {
 public:
  SimStore(std::shared_ptr<SimDisk::State> disk, std::size_t memory_budget)
      : disk_(std::move(disk)),
        life_(disk_->life),
        log_(*disk_),
        budget_(storage::DeltaLimits::of(memory_budget, 0), [] { return std::uint64_t{1} << 40; }),
        tables_(disk_->tables, [this] { return sync_checkpoint(); }) {}
  ~SimStore() override {
    if (disk_->life == life_) disk_->open = false;
  }

  Result<void> make_machines() {
    auto catalog = storage::make_catalog_machine(identity().first_queue, tables_, budget_);
    if (!catalog) return std::move(catalog).error();
    catalog_ = std::move(*catalog);
    for (const ShardId shard : {data_shard, interval_shard}) {
      auto queues = storage::make_queue_machine(shard, tables_, budget_);
      if (!queues) return std::move(queues).error();
      queues_[shard.value] = std::move(*queues);
    }
    queues_[memory_shard.value] = storage::make_memory_queue_machine();
    return check_bounds();
  }

  const port::Identity& identity() const noexcept override { return *disk_->identity; }
  port::Log& log() noexcept override { return log_; }
  port::CatalogMachine& catalog() noexcept override { return *catalog_; }
  port::QueueMachine& queues(ShardId shard) noexcept override {
    PEERQ_ASSERT(shard.value >= 1 && shard.value < shard_count);
    return *queues_[shard.value];
  }
  port::StoreUsage usage() override {
    return {disk_->journal.live_bytes(), SimState::bytes(disk_->tables), !disk_->full};
  }

 private:
  /// The middle of a checkpoint.
  Result<void> sync_checkpoint() {
    if (disk_->life != life_) return dead();
    if (disk_->full) return Error(errc::storage_full, "the simulated disk");
    disk_->pause(port::Lane::checkpoint, disk_->options.checkpoint);
    if (disk_->life != life_) return dead();
    if (std::exchange(disk_->failing_checkpoint, false)) {
      return Error(errc::node_failed, "the simulated checkpoint");
    }
    ++disk_->facts.checkpoints;
    return {};
  }

  /// The rule of every start: the tables are where the log can take them on.
  Result<void> check_bounds() {
    for (const ShardId shard : {catalog_shard, data_shard, interval_shard}) {
      auto& machine = shard == catalog_shard ? static_cast<port::StateMachine&>(catalog()) : queues(shard);
      auto log = log_.state(shard);
      if (!log) return std::move(log).error();
      const LogIndex applied = machine.applied();
      if (next(applied) < log->first || applied > log->last) {
        return Error(errc::corrupt, "shard " + std::to_string(shard.value) + ": tables and log do not fit");
      }
    }
    return {};
  }

  std::shared_ptr<SimDisk::State> disk_;
  std::uint64_t life_;
  SimLog log_;
  storage::DeltaBudget budget_;
  SimState tables_;
  std::unique_ptr<port::CatalogMachine> catalog_;
  std::array<std::unique_ptr<port::QueueMachine>, shard_count> queues_;
};

void create(SimDisk::State& disk, const port::StoreOptions& options, port::Entropy& entropy) {
  port::Identity identity;
  entropy.fill(identity.cluster.bytes);
  entropy.fill(identity.receipt_key);
  identity.first_queue = QueueId(((entropy.number() % 0x7fff'ffff) + 1) << 32);
  std::vector<port::LogWrite> writes;
  for (const ShardId shard : {catalog_shard, data_shard, interval_shard}) {
    auto& write = writes.emplace_back();
    write.shard = shard;
    write.records.push_back({LogIndex(1), Term(1), port::EntryType::change, options.initial_configuration});
    write.hard = port::HardState{Term(1), identity.peer};
  }
  disk.journal.write(writes);
  disk.journal.sync();
  disk.identity = identity;
}

}  // namespace

SimDisk::SimDisk(SimScheduler& scheduler, const SimDiskOptions& options)
    : state_(std::make_shared<State>(scheduler, options)) {}
SimDisk::~SimDisk() = default;

Result<std::unique_ptr<port::Store>> SimDisk::open(const port::StoreOptions& options,
                                                   port::Entropy& entropy) {
  if (state_->open) return Error(errc::data_dir_locked, "the simulated disk");
  if (!state_->identity) create(*state_, options, entropy);
  auto store = std::make_unique<SimStore>(state_, options.memory_budget);
  if (auto made = store->make_machines(); !made) return std::move(made).error();
  state_->open = true;
  return std::unique_ptr<port::Store>(std::move(store));
}

void SimDisk::cut_power() {
  auto& scheduler = state_->scheduler;
  ++state_->facts.power_cuts;
  // Nothing, everything, or a part of any size of the sectors reached the disk.
  const std::uint64_t share = scheduler.below(5) * 25;
  state_->end_life(state_->journal.tear([&](std::uint64_t) { return scheduler.below(100) < share; }));
}

void SimDisk::kill() {
  const auto unsynced = state_->journal.unsynced();
  const auto under_way = state_->options.lie_about_sync ? unsynced : state_->scheduler.below(unsynced + 1);
  state_->end_life(state_->journal.keep_first(under_way));
}

void SimDisk::set_full(bool full) noexcept { state_->full = full; }
void SimDisk::fail_next_sync() noexcept { state_->failing = true; }
void SimDisk::fail_next_checkpoint() noexcept { state_->failing_checkpoint = true; }

Result<void> SimDisk::damage_record(ShardId shard, LogIndex index) {
  const auto& logs = state_->journal.current();
  const auto log = logs.find(shard);
  if (log == logs.end() || !log->second.records.contains(index)) return errc::invalid_argument;
  state_->journal.damage(shard, index);
  return {};
}

port::Log& SimDisk::log() {
  if (state_->bare_life != state_->life) {
    state_->bare_log = std::make_unique<SimLog>(*state_);
    state_->bare_life = state_->life;
  }
  return *state_->bare_log;
}

const SimDiskFacts& SimDisk::facts() const noexcept { return state_->facts; }

}  // namespace peerq::testkit
