#pragma once
// Compares the rows of a snapshot with their sums, each bucket once after the environment was opened: what
// was written since then, this process wrote. **Source** row_sums.hpp.

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "storage/lmdb_environment.hpp"
#include "storage/lmdb_state.hpp"
#include "storage/row_sums.hpp"

namespace peerq::storage {

/// Buckets that were found to be as their sums say. **Thread** core.
class KnownBuckets {
 public:
  bool contains(const std::string& bucket) const { return known_.contains(bucket); }
  /// Forgets all when they become many: to compare again costs little.
  void add(const std::string& bucket) {
    if (known_.size() >= buckets_max) known_.clear();
    known_.insert(bucket);
  }

 private:
  static constexpr std::size_t buckets_max = 65'536;
  std::unordered_set<std::string> known_;
};

/// Of one snapshot. **Thread** core. **Errors** all members throw engine::TablesFailure: corrupt,
/// node_failed.
class RowSumCheck {
 public:
  /// All outlive it; `trees` are the transaction's.
  RowSumCheck(const LmdbEnvironment& environment, const StateTables& tables,
              const LmdbTransaction& transaction, const std::vector<PageTree>& trees,
              std::shared_ptr<KnownBuckets> known)
      : environment_(&environment),
        tables_(&tables),
        transaction_(transaction.get()),
        trees_(&trees),
        known_(std::move(known)) {}

  /// Before it is believed that the first key from `from` on is `found`; none: that there is no more.
  void cover(ShardId shard, engine::TableId table, Bytes from, std::optional<Bytes> found);

 private:
  /// A table being read, and the keys of it whose page was checked.
  struct Place {
    LmdbCursor cursor;
    PageRange seen;
  };

  void cover_between(ShardId shard, engine::TableId table, bool to_the_end);
  void need(ShardId shard, const std::string& bucket);
  RowSum rows_of(ShardId shard, engine::TableId table, Bytes prefix);
  RowSum sum_of(ShardId shard, const std::string& bucket);
  /// Moves to a key or beside it, after a look at the pages there; false when there is none.
  bool move(ShardId shard, engine::TableId table, Place& place, MDB_val& key, MDB_val& value,
            MDB_cursor_op how);

  const LmdbEnvironment* environment_;
  const StateTables* tables_;
  MDB_txn* transaction_;
  const std::vector<PageTree>* trees_;
  std::shared_ptr<KnownBuckets> known_;
  /// Of each table, the bucket that was needed last.
  std::array<std::string, StateTables::tables_max> latest_;
  std::string first_;
  std::string last_;
  std::string name_;
};

}  // namespace peerq::storage
