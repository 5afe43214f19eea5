#include "storage/lmdb_state.hpp"

#include <fmt/format.h>

#include "peerq/base/plant.hpp"
#include "storage/lmdb_snapshot.hpp"
#include "storage/lmdb_state_writer.hpp"
#include "storage/row_seal.hpp"
#include "storage/row_sum_check.hpp"

namespace peerq::storage {

namespace {

struct NamedTable {
  engine::TableId id;
  const char* name;
  bool catalog;
  /// The first format of a directory that has it.
  std::uint32_t since = 1;
};

using engine::TableId;
constexpr NamedTable named_tables[] = {
    {TableId::shard, "shard", true},
    {TableId::shard, "shard", false},
    {sums_table, "sums", true},
    {sums_table, "sums", false},
    {TableId::configs, "configs", false},
    {TableId::queues, "queues", false},
    {TableId::lanes, "lanes", false},
    {TableId::messages, "messages", false},
    {TableId::payloads, "payloads", false},
    {TableId::ready, "ready", false},
    {TableId::parked, "parked", false},
    {TableId::aged, "aged", false},
    {TableId::lease_due, "lease_due", false},
    {TableId::wall_due, "wall_due", false},
    {TableId::notes, "notes", false},
    {TableId::foreign, "foreign", false},
    {TableId::attempts, "attempts", false},
    {TableId::attempt_ids, "attempt_ids", false},
    {TableId::reclaim, "reclaim", false},
    {TableId::epoch, "epoch", false},
    {TableId::group_names, "group_names", false, 2},
    {TableId::groups, "groups", false, 2},
    {TableId::group_order, "group_order", false, 2},
    {TableId::group_flights, "group_flights", false, 2},
    {TableId::ranks, "ranks", false, 2},
    {TableId::group_timers, "group_timers", false, 2},
    {TableId::windows, "windows", false, 2},
    {TableId::deduplication, "deduplication", false, 2},
    {TableId::deduplication_ends, "deduplication_ends", false, 2},
    {TableId::message_deduplication, "message_deduplication", false, 2},
    {TableId::sessions, "sessions", true, 2},
    {TableId::sessions, "sessions", false, 2},
    {TableId::session_replies, "session_replies", true, 2},
    {TableId::session_replies, "session_replies", false, 2},
    {TableId::session_timers, "session_timers", true, 2},
    {TableId::session_timers, "session_timers", false, 2},
    {TableId::session_leases, "session_leases", true, 2},
    {TableId::session_leases, "session_leases", false, 2},
    {TableId::session_count, "session_count", true, 2},
    {TableId::session_count, "session_count", false, 2},
    {TableId::moving, "moving", false, 2},
    {TableId::transfers, "transfers", false, 2},
    {TableId::redrives, "redrives", false, 2},
    {TableId::outcomes, "outcomes", false, 2},
    {TableId::outcome_due, "outcome_due", false, 2},
    {TableId::schedules, "schedules", false, 2},
    {TableId::schedule_due, "schedule_due", false, 2},
    {TableId::schedule_count, "schedule_count", false, 2},
    {TableId::far_due, "far_due", false, 2},
    {TableId::catalog_queues, "catalog_queues", true},
    {TableId::catalog_ids, "catalog_ids", true},
    {TableId::catalog_sources, "catalog_sources", true},
    {TableId::catalog_removed, "catalog_removed", true},
    {TableId::catalog_counters, "catalog_counters", true},
};

}  // namespace

Result<void> StateTables::open_tables(LmdbEnvironment& environment, const LmdbTransaction& transaction,
                                      std::uint32_t format, bool& lacking) {
  for (std::uint32_t shard = 0; shard < shards; ++shard) {
    for (const NamedTable& table : named_tables) {
      if (table.catalog != (ShardId(shard) == catalog_shard)) continue;
      const bool create = format == 0 || table.since <= format;
      auto handle = environment.table(transaction, fmt::format("{}.{}", shard, table.name), create);
      if (!handle) return std::move(handle).error();
      handles_[shard][static_cast<std::size_t>(table.id)] = *handle;
      lacking |= *handle == 0;
    }
  }
  return {};
}

Result<void> StateTables::add_tables(LmdbEnvironment& environment, std::uint64_t sum) {
  auto transaction = environment.begin_write();
  if (!transaction) return std::move(transaction).error();
  bool lacking = false;
  if (auto opened = open_tables(environment, *transaction, 0, lacking); !opened) return opened;
  Error error;
  const CommitEnd end = environment.commit(std::move(*transaction), sum, error);
  return end == CommitEnd::durable ? Result<void>() : Result<void>(std::move(error));
}

Result<std::uint64_t> StateTables::open(LmdbEnvironment& environment, std::uint32_t format) {
  auto transaction = environment.begin_write();
  if (!transaction) return std::move(transaction).error();
  bool lacking = false;
  if (auto opened = open_tables(environment, *transaction, format, lacking); !opened) {
    return std::move(opened).error();
  }
  std::uint64_t sum = 0;
  auto ended = environment.commit_opening(std::move(*transaction), [&](const LmdbTransaction& reader) {
    auto found = sum_of_sums(environment, reader);
    if (found) sum = *found;
    return found;
  });
  if (!ended) return std::move(ended).error();
  if (lacking) {
    if (auto added = add_tables(environment, sum); !added) return std::move(added).error();
  }
  return sum;
}

Result<std::uint64_t> StateTables::sum_of_sums(const LmdbEnvironment& environment,
                                               const LmdbTransaction& transaction) const {
  auto trees = environment.trees(mdb_txn_id(transaction.get()));
  if (!trees) return std::move(trees).error();
  RowSum sum;
  for (std::uint32_t shard = 0; shard < shards; ++shard) {
    const MDB_dbi table = handle(ShardId(shard), sums_table);
    LmdbCursor cursor;
    PageRange seen;
    static constexpr std::byte least{0};
    MDB_val key = lmdb_value(Bytes(&least, 1));
    MDB_val value{};
    int code = cursor.open(transaction.get(), table);
    for (auto how = MDB_FIRST; code == 0; how = MDB_NEXT) {
      if (auto good = environment.guard().check_key((*trees)[table], bytes_of(key), seen); !good) {
        return std::move(good).error();
      }
      code = mdb_cursor_get(cursor.get(), &key, &value, how);
      if (code == 0) sum.add(bytes_of(value));
    }
    if (code != MDB_NOTFOUND) return lmdb_error(code, table_text(ShardId(shard), sums_table));
  }
  return sum.seals;
}

MDB_dbi StateTables::handle(ShardId shard, engine::TableId table) const noexcept {
  const auto number = static_cast<std::size_t>(table);
  return shard.value < shards && number < table_numbers ? handles_[shard.value][number] : 0;
}

Result<std::unique_ptr<LmdbState>> LmdbState::open(const LmdbEnvironment::Options& options,
                                                   std::uint32_t format, DiskSpace& space) {
  auto environment = LmdbEnvironment::open(options);
  if (!environment) return std::move(environment).error();
  std::unique_ptr<LmdbState> state(new LmdbState(std::move(*environment), space));
  auto opened = state->tables_->open(*state->environment_, format);
  if (!opened) return std::move(opened).error();
  state->sum_of_sums_ = *opened;
  space.attach(DataFile::state, state->environment_->descriptor());
  if (auto refreshed = state->refresh(); !refreshed) return std::move(refreshed).error();
  state->report_pages();
  return state;
}

LmdbState::LmdbState(std::shared_ptr<LmdbEnvironment> environment, DiskSpace& space)
    : environment_(std::move(environment)), space_(&space), known_(std::make_shared<KnownBuckets>()) {}

void LmdbState::report_pages() {
  auto transaction = environment_->begin_read();
  if (!transaction) return;  // the figures stay a little old
  if (auto pages = environment_->pages(*transaction)) {
    space_->committed(DataFile::state, pages->end_bytes, pages->live_bytes);
  }
}

Result<void> LmdbState::write(ShardId shard, const RowSource& rows) {
  if (failed_) return Error(errc::node_failed, environment_->folder() + ": an earlier write failed");
  environment_->check_readers();
  space_->prepare(DataFile::state, rows.write_size());
  auto transaction = environment_->begin_write();
  if (!transaction) return std::move(transaction).error();
  auto trees = environment_->trees(mdb_txn_id(transaction->get()) - 1);
  if (!trees) return std::move(trees).error();
  std::uint64_t sums = sum_of_sums_;
  {
    LmdbStateWriter writer(shard, *tables_, *transaction, *environment_, std::move(*trees));
    if (auto given = rows.give(writer); !given) return given;
    auto change = writer.finish();
    if (!change) return std::move(change).error();
    sums += *change;
  }
  // Planted: the commit does not wait for the disk, but the log is trimmed as if it had.
  if (PEERQ_PLANTED(trim_before_checkpoint)) mdb_env_set_flags(environment_->get(), MDB_NOSYNC, 1);
  Error error;
  switch (environment_->commit(std::move(*transaction), sums, error)) {
    case CommitEnd::durable:
      sum_of_sums_ = sums;
      report_pages();
      return {};
    case CommitEnd::full: return Error(errc::storage_full, error.detail);
    case CommitEnd::failed: break;
  }
  failed_ = true;
  return Error(errc::node_failed, error.detail);
}

Result<void> LmdbState::refresh() {
  auto snapshot = LmdbSnapshot::open(environment_, tables_, known_);
  if (!snapshot) return std::move(snapshot).error();
  snapshot_ = std::move(*snapshot);
  return {};
}

}  // namespace peerq::storage
