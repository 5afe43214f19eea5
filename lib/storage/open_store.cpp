#include "storage/open_store.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "storage/data_directory.hpp"
#include "storage/delta_budget.hpp"
#include "storage/disk_space.hpp"
#include "storage/lmdb_log.hpp"
#include "storage/lmdb_state.hpp"
#include "storage/machines.hpp"

namespace peerq::storage {

namespace {

#if defined(__SANITIZE_THREAD__)
constexpr std::uint64_t state_map_size = std::uint64_t{64} << 30;
constexpr std::uint64_t log_map_size = std::uint64_t{16} << 30;
#else
constexpr std::uint64_t state_map_size = std::uint64_t{1} << 40;
constexpr std::uint64_t log_map_size = std::uint64_t{256} << 30;
#endif
/// What a limited map is larger than the limit: the limit is kept by DiskSpace, before LMDB meets the map's
/// end.
constexpr std::uint64_t map_slack = std::uint64_t{64} << 20;
constexpr std::uint64_t log_reserve_max = std::uint64_t{4} << 20;
constexpr std::uint64_t log_reserve_min = std::uint64_t{256} << 10;

/// The open store.
class DirectoryStore final : public port::Store {
 public:
  DirectoryStore(const port::StoreOptions& options, port::FileSystem& file_system,
                 const DirectoryFacts& facts)
      : directory_(options.directory),
        capacity_(capacity_of(options, directory_, facts)),
        limits_(DeltaLimits::of(options.memory_budget, capacity_)),
        space_({.max_bytes = options.max_disk_bytes,
                .log_reserve = std::clamp(capacity_ / 8, log_reserve_min, log_reserve_max),
                .state_reserve = limits_.freeze_bytes},
               file_system),
        budget_(limits_, [this] { return space_.room(DataFile::state); }) {}

  Result<void> open(const port::StoreOptions& options, const DirectoryFacts& facts, port::Entropy& entropy);

  const port::Identity& identity() const noexcept override { return identity_; }
  port::Log& log() noexcept override { return *log_; }
  port::CatalogMachine& catalog() noexcept override { return *catalog_; }
  port::QueueMachine& queues(ShardId shard) noexcept override {
    PEERQ_ASSERT(shard.value >= 1 && shard.value < shard_count);
    return *queues_[shard.value];
  }
  port::StoreUsage usage() override {
    return {space_.end_bytes(DataFile::log), space_.end_bytes(DataFile::state),
            space_.accepts(budget_.total()), space_.send_room()};
  }

 private:
  static std::uint64_t capacity_of(const port::StoreOptions& options, const DataDirectory& directory,
                                   const DirectoryFacts& facts) {
    const std::uint64_t disk = facts.free_bytes + directory.data_bytes();
    return options.max_disk_bytes == 0 ? disk : std::min(disk, options.max_disk_bytes);
  }

  Result<void> open_environments(const port::StoreOptions& options, std::uint32_t format,
                                 std::shared_ptr<void> lock);
  Result<void> find_identity(const port::StoreOptions& options, std::uint32_t format, port::Entropy& entropy);
  Result<void> create(const port::StoreOptions& options, port::Entropy& entropy);
  Result<void> make_machines();
  Result<void> check_bounds(ShardId shard, LogIndex applied);

  DataDirectory directory_;
  std::uint64_t capacity_;
  DeltaLimits limits_;
  DiskSpace space_;
  DeltaBudget budget_;
  std::unique_ptr<LmdbLog> log_;
  std::unique_ptr<LmdbState> state_;
  port::Identity identity_;
  std::unique_ptr<port::CatalogMachine> catalog_;
  std::array<std::unique_ptr<port::QueueMachine>, shard_count> queues_;
};

std::uint64_t map_size(std::uint64_t largest, const port::StoreOptions& options,
                       const DataDirectory& directory) {
  if (options.max_disk_bytes == 0) return largest;
  return std::min(largest, std::max(options.max_disk_bytes, directory.data_bytes()) + map_slack);
}

Result<void> DirectoryStore::open_environments(const port::StoreOptions& options, std::uint32_t format,
                                               std::shared_ptr<void> lock) {
  auto log = LmdbLog::open({.folder = directory_.log_folder(),
                            .map_size = map_size(log_map_size, options, directory_),
                            .tables_max = 16,
                            .check_all = true,
                            .keep_alive = lock},
                           space_);
  if (!log) return std::move(log).error();
  auto state = LmdbState::open({.folder = directory_.state_folder(),
                                .map_size = map_size(state_map_size, options, directory_),
                                .tables_max = StateTables::tables_max,
                                .keep_alive = std::move(lock)},
                               format, space_);
  if (!state) return std::move(state).error();
  log_ = std::move(*log);
  state_ = std::move(*state);
  return {};
}

Result<void> DirectoryStore::open(const port::StoreOptions& options, const DirectoryFacts& facts,
                                  port::Entropy& entropy) {
  auto lock = DirectoryLock::take(directory_.path());
  if (!lock) return std::move(lock).error();
  if (!facts.complete()) {
    if (auto made = directory_.make_folders(); !made) return made;
  }
  if (auto allocated = directory_.allocate_lock_files(); !allocated) return allocated;
  auto opened = open_environments(options, facts.format, *lock);
  const bool unfinished = !facts.complete() && !directory_.holds_data();
  if (!opened && unfinished) {
    if (auto removed = directory_.remove_leftovers(); !removed) return removed;
    opened = open_environments(options, facts.format, *lock);
  }
  if (!opened) return opened;
  if (auto found = find_identity(options, facts.format, entropy); !found) return found;
  if (auto allocated = directory_.allocate_lock_files(); !allocated) return allocated;
  return make_machines();
}

Result<void> DirectoryStore::find_identity(const port::StoreOptions& options, std::uint32_t format,
                                           port::Entropy& entropy) {
  auto found = log_->identity();
  if (!found) return std::move(found).error();
  if (!*found && format != 0) return Error(errc::corrupt, "log: the directory's identity is missing");
  if (!*found) return create(options, entropy);
  if ((*found)->format > directory_format) {
    return Error(errc::data_dir_unsupported,
                 fmt::format("{}: has format {}, this version knows {}; upgrade the library",
                             directory_.path(), (*found)->format, directory_format));
  }
  identity_ = (*found)->identity;
  return format == directory_format ? Result<void>() : directory_.complete();
}

Result<void> DirectoryStore::create(const port::StoreOptions& options, port::Entropy& entropy) {
  DirectoryIdentity made;
  entropy.fill(made.identity.cluster.bytes);
  entropy.fill(made.identity.receipt_key);
  // A random multiple of 2^32, never 0, and small enough that ids can go on for ever.
  made.identity.first_queue = QueueId(((entropy.number() % 0x7fff'ffff) + 1) << 32);
  std::vector<port::LogWrite> writes;
  for (const ShardId shard : {catalog_shard, data_shard, interval_shard}) {
    port::LogWrite write;
    write.shard = shard;
    write.records.push_back({LogIndex(1), Term(1), port::EntryType::change, options.initial_configuration});
    write.hard = port::HardState{Term(1), made.identity.peer};
    writes.push_back(std::move(write));
  }
  if (auto created = log_->create(made, writes); !created) return created;
  identity_ = made.identity;
  return directory_.complete();
}

Result<void> DirectoryStore::make_machines() {
  auto catalog = make_catalog_machine(identity_.first_queue, *state_, budget_);
  if (!catalog) return std::move(catalog).error();
  catalog_ = std::move(*catalog);
  if (auto fits = check_bounds(catalog_shard, catalog_->applied()); !fits) return fits;
  for (const ShardId shard : {data_shard, interval_shard}) {
    auto queues = make_queue_machine(shard, *state_, budget_);
    if (!queues) return std::move(queues).error();
    queues_[shard.value] = std::move(*queues);
    if (auto fits = check_bounds(shard, queues_[shard.value]->applied()); !fits) return fits;
  }
  queues_[memory_shard.value] = make_memory_queue_machine();
  budget_.look_at_disk();
  return {};
}

Result<void> DirectoryStore::check_bounds(ShardId shard, LogIndex applied) {
  auto log = log_->state(shard);
  if (!log) return std::move(log).error();
  if (applied.value + 1 >= log->first.value && applied <= log->last) return {};
  return Error(
      errc::corrupt,
      fmt::format(
          "{}: shard {}: state/ is at {}, but log/ holds {} to {}; the two do not belong together: put "
          "back the pair that does",
          directory_.path(), shard.value, applied.value, log->first.value, log->last.value));
}

}  // namespace

Result<std::unique_ptr<port::Store>> open_store(const port::StoreOptions& options,
                                                port::FileSystem& file_system, port::Entropy& entropy,
                                                Observer& observer) {
  const DataDirectory directory(options.directory);
  auto facts = directory.inspect(file_system);
  if (!facts) return std::move(facts).error();
  if (!facts->complete()) {
    if (auto made = directory.make(); !made) return std::move(made).error();
  }
  auto store = std::make_unique<DirectoryStore>(options, file_system, *facts);
  if (auto opened = store->open(options, *facts, entropy); !opened) return std::move(opened).error();
  observer.log(LogLevel::info,
               fmt::format("{}: {}", options.directory, facts->complete() ? "opened" : "created"));
  return std::unique_ptr<port::Store>(std::move(store));
}

}  // namespace peerq::storage
