#pragma once
// A snapshot of the state environment: two LMDB read transactions of the same moment, one for the core and
// one for whoever fetches payloads, because a transaction belongs to one thread at a time.

#include <array>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "storage/lmdb_environment.hpp"
#include "storage/lmdb_state.hpp"
#include "storage/row_sum_check.hpp"
#include "storage/state_store.hpp"

namespace peerq::storage {

/// **Thread** as Snapshot. Keeps the environment open.
class LmdbSnapshot final : public Snapshot {
 public:
  static Result<std::shared_ptr<LmdbSnapshot>> open(std::shared_ptr<const LmdbEnvironment> environment,
                                                    std::shared_ptr<const StateTables> tables,
                                                    std::shared_ptr<KnownBuckets> known);

  bool empty(ShardId shard, engine::TableId table) const noexcept override;
  std::optional<Bytes> get(ShardId shard, engine::TableId table, Bytes key) override;
  std::optional<Bytes> next(ShardId shard, engine::TableId table, Bytes from, bool after) override;
  Result<SharedBytes> payload(ShardId shard, MessageId id) override;
  std::uint64_t pages(ShardId shard, engine::TableId table) const noexcept override {
    return facts(shard, table).pages;
  }
  std::uint64_t pages_per_row(ShardId shard, engine::TableId table) const noexcept override;

 private:
  struct TableFacts {
    std::uint64_t rows = 0;
    std::uint64_t pages = 0;
  };

  LmdbSnapshot(std::shared_ptr<const LmdbEnvironment> environment, std::shared_ptr<const StateTables> tables,
               LmdbTransaction core, LmdbTransaction helper, std::vector<PageTree> trees,
               std::shared_ptr<KnownBuckets> known);
  const TableFacts& facts(ShardId shard, engine::TableId table) const noexcept;
  MDB_cursor* cursor(MDB_dbi handle);
  /// Before LMDB looks for the key.
  void check(ShardId shard, engine::TableId table, Bytes key);
  Result<void> check_payload(MDB_dbi handle, Bytes key);
  Result<SharedBytes> read_payload(ShardId shard, MDB_dbi handle, Bytes key);
  Result<SharedBytes> read_parts(ShardId shard, MDB_dbi handle, Bytes key, MDB_val found, MDB_val value);

  std::shared_ptr<const LmdbEnvironment> environment_;
  std::shared_ptr<const StateTables> tables_;
  LmdbTransaction core_;
  /// By table handle.
  std::array<LmdbCursor, StateTables::tables_max> cursors_;
  std::array<TableFacts, StateTables::tables_max> facts_{};
  std::vector<PageTree> trees_;
  std::array<PageRange, StateTables::tables_max> seen_;
  RowSumCheck sums_;

  std::mutex helper_mutex_;
  LmdbTransaction helper_;
  LmdbCursor helper_cursor_;
  MDB_dbi helper_table_ = 0;
  PageRange helper_seen_;
};

}  // namespace peerq::storage
