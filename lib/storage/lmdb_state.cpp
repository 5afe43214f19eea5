#include "storage/lmdb_state.hpp"

#include <fmt/format.h>

#include "peerq/base/plant.hpp"
#include "storage/lmdb_snapshot.hpp"
#include "storage/lmdb_state_writer.hpp"

namespace peerq::storage {

namespace {

struct NamedTable {
  engine::TableId id;
  const char* name;
  bool catalog;
};

using engine::TableId;
constexpr NamedTable named_tables[] = {
    {TableId::shard, "shard", true},
    {TableId::shard, "shard", false},
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
    {TableId::catalog_queues, "catalog_queues", true},
    {TableId::catalog_ids, "catalog_ids", true},
    {TableId::catalog_sources, "catalog_sources", true},
    {TableId::catalog_removed, "catalog_removed", true},
    {TableId::catalog_counters, "catalog_counters", true},
};

}  // namespace

Result<void> StateTables::open(LmdbEnvironment& environment) {
  auto transaction = environment.begin_write();
  if (!transaction) return std::move(transaction).error();
  for (std::uint32_t shard = 0; shard < shards; ++shard) {
    for (const NamedTable& table : named_tables) {
      if (table.catalog != (ShardId(shard) == catalog_shard)) continue;
      auto handle = environment.table(*transaction, fmt::format("{}.{}", shard, table.name), true);
      if (!handle) return std::move(handle).error();
      handles_[shard][static_cast<std::size_t>(table.id)] = *handle;
    }
  }
  return environment.commit_opening(std::move(*transaction));
}

MDB_dbi StateTables::handle(ShardId shard, engine::TableId table) const noexcept {
  const auto number = static_cast<std::size_t>(table);
  return shard.value < shards && number < table_numbers ? handles_[shard.value][number] : 0;
}

Result<std::unique_ptr<LmdbState>> LmdbState::open(const LmdbEnvironment::Options& options,
                                                   DiskSpace& space) {
  auto environment = LmdbEnvironment::open(options);
  if (!environment) return std::move(environment).error();
  std::unique_ptr<LmdbState> state(new LmdbState(std::move(*environment), space));
  if (auto opened = state->tables_->open(*state->environment_); !opened) return std::move(opened).error();
  space.attach(DataFile::state, state->environment_->descriptor());
  if (auto refreshed = state->refresh(); !refreshed) return std::move(refreshed).error();
  state->report_pages();
  return state;
}

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
  {
    LmdbStateWriter writer(shard, *tables_, *transaction, *environment_, std::move(*trees));
    if (auto given = rows.give(writer); !given) return given;
    if (auto finished = writer.finish(); !finished) return finished;
  }
  // Planted: the commit does not wait for the disk, but the log is trimmed as if it had.
  if (PEERQ_PLANTED(trim_before_checkpoint)) mdb_env_set_flags(environment_->get(), MDB_NOSYNC, 1);
  Error error;
  switch (environment_->commit(std::move(*transaction), error)) {
    case CommitEnd::durable: report_pages(); return {};
    case CommitEnd::full: return Error(errc::storage_full, error.detail);
    case CommitEnd::failed: break;
  }
  failed_ = true;
  return Error(errc::node_failed, error.detail);
}

Result<void> LmdbState::refresh() {
  auto snapshot = LmdbSnapshot::open(environment_, tables_);
  if (!snapshot) return std::move(snapshot).error();
  snapshot_ = std::move(*snapshot);
  return {};
}

}  // namespace peerq::storage
