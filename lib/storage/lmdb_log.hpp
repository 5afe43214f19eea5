#pragma once
// The log environment: all shards' records, terms, votes and snapshot metadata, and who the directory is. One
// commit is one LMDB transaction over all shards, in LMDB's synchronous mode. **Source** docs/formats.md, log
// directory.
//
// Each shard has a table of its own, so that records are appended at a table's end and trimmed at its head,
// which keeps free pages contiguous. Trimming is spread over later commits: a record below the snapshot is
// gone for every reader at once, and its pages a little later.

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "peerq/port/log.hpp"
#include "storage/disk_space.hpp"
#include "storage/lmdb_environment.hpp"
#include "storage/log_record.hpp"

namespace peerq::storage {

/// **Thread** as Log.
class LmdbLog final : public port::Log {
 public:
  static constexpr std::uint32_t shards = 3;

  /// **Errors** corrupt, version_mismatch, storage_full, node_failed. `space` outlives it.
  static Result<std::unique_ptr<LmdbLog>> open(const LmdbEnvironment::Options& options, DiskSpace& space);

  Result<port::ShardLogState> state(ShardId shard) override;
  Result<void> commit(const std::vector<port::LogWrite>& writes) override;
  Result<void> read(ShardId shard, LogIndex first, LogIndex last, Visitor visit) override;
  port::LogUsage usage() const override;

  /// None when the directory was never finished. **Errors** corrupt.
  Result<std::optional<DirectoryIdentity>> identity();

  /// Finishes a new directory: its identity and the first writes, together. **Durable** on return.
  Result<void> create(const DirectoryIdentity& identity, const std::vector<port::LogWrite>& writes);

  LmdbEnvironment& environment() noexcept { return *environment_; }

 private:
  /// What a shard's table holds, as the committing thread knows it.
  struct Tail {
    /// Smallest index that a table may still hold; below `first` it waits to be removed.
    LogIndex stored{1};
    LogIndex first{1};
    LogIndex last{0};
  };
  using Tails = std::array<Tail, shards>;

  LmdbLog(std::shared_ptr<LmdbEnvironment> environment, DiskSpace& space)
      : environment_(std::move(environment)), space_(&space) {}

  Result<void> open_tables();
  Result<port::ShardLogState> state_in(const LmdbTransaction& transaction, ShardId shard) const;
  Result<void> commit_with(const std::vector<port::LogWrite>& writes, const DirectoryIdentity* identity);
  Result<void> write(const LmdbTransaction& transaction, const port::LogWrite& write, Tail& tail);
  Result<void> append(const LmdbTransaction& transaction, const port::LogWrite& write, Tail& tail);
  Result<void> cut(const LmdbTransaction& transaction, ShardId shard, LogIndex from, Tail& tail);
  Result<void> record_snapshot(const LmdbTransaction& transaction, const port::LogWrite& write, Tail& tail);
  Result<void> trim(const LmdbTransaction& transaction, ShardId shard, Tail& tail);
  Result<void> put(const LmdbTransaction& transaction, MDB_dbi table, Bytes key, Bytes value);
  Result<std::uint64_t> contents(const LmdbTransaction& transaction) const;
  std::uint64_t size_of(const std::vector<port::LogWrite>& writes) const;
  void report_pages();

  std::shared_ptr<LmdbEnvironment> environment_;
  DiskSpace* space_;
  std::array<MDB_dbi, shards> records_{};
  MDB_dbi hard_states_ = 0;
  MDB_dbi snapshots_ = 0;
  MDB_dbi identity_ = 0;
  Tails tails_;
  std::atomic<bool> failed_{false};
};

}  // namespace peerq::storage
