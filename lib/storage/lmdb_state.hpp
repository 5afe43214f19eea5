#pragma once
// The state environment: one LMDB table per (shard, table), named e.g. "1.messages". **Source**
// docs/formats.md.

#include <array>
#include <cstdint>
#include <memory>
#include <string>

#include "peerq/base/result.hpp"
#include "storage/disk_space.hpp"
#include "storage/lmdb_environment.hpp"
#include "storage/row_sums.hpp"
#include "storage/state_store.hpp"

namespace peerq::storage {

class KnownBuckets;

/// Handles of the tables of every durable shard.
class StateTables {
 public:
  static constexpr std::uint32_t shards = 3;
  static constexpr unsigned tables_max = 128;

  /// Opens all, creating what a directory of `format` lacks; 0 = a new one. Gives the sum over all sums
  /// (row_sums.hpp).
  Result<std::uint64_t> open(LmdbEnvironment& environment, std::uint32_t format);

  /// The handle; 0, which is never one of ours, when the shard has no such table.
  MDB_dbi handle(ShardId shard, engine::TableId table) const noexcept;

 private:
  Result<std::uint64_t> sum_of_sums(const LmdbEnvironment& environment,
                                    const LmdbTransaction& transaction) const;

  /// `lacking`: one is missing that an older format did not have.
  Result<void> open_tables(LmdbEnvironment& environment, const LmdbTransaction& transaction,
                           std::uint32_t format, bool& lacking);
  /// After a crash in here the directory has its old format and all tables.
  Result<void> add_tables(LmdbEnvironment& environment, std::uint64_t sum);

  static constexpr std::size_t table_numbers = 64;
  std::array<std::array<MDB_dbi, table_numbers>, shards> handles_{};
};

/// Tables of all durable shards in LMDB. **Thread** as StateStore.
class LmdbState final : public StateStore {
 public:
  /// **Errors** corrupt, version_mismatch, storage_full, node_failed. `space` outlives it.
  /// `format`: the directory's; 0 = a new one.
  static Result<std::unique_ptr<LmdbState>> open(const LmdbEnvironment::Options& options,
                                                 std::uint32_t format, DiskSpace& space);

  Result<void> write(ShardId shard, const RowSource& rows) override;
  const std::shared_ptr<Snapshot>& snapshot() const noexcept override { return snapshot_; }
  Result<void> refresh() override;

  LmdbEnvironment& environment() noexcept { return *environment_; }

 private:
  LmdbState(std::shared_ptr<LmdbEnvironment> environment, DiskSpace& space);
  void report_pages();

  std::shared_ptr<LmdbEnvironment> environment_;
  DiskSpace* space_;
  std::shared_ptr<StateTables> tables_ = std::make_shared<StateTables>();
  std::shared_ptr<KnownBuckets> known_;
  std::shared_ptr<Snapshot> snapshot_;
  /// Over all sums, as the last checkpoint left them.
  std::uint64_t sum_of_sums_ = 0;
  bool failed_ = false;
};

}  // namespace peerq::storage
