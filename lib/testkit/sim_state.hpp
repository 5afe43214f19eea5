#pragma once
// The tables of all shards in memory, under the production delta tables: what a checkpoint wrote, whole or
// not at all.

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "storage/state_store.hpp"

namespace peerq::testkit {

/// Sealed rows by key, and payloads, of one table of one shard.
using SimTable = std::map<std::string, std::string, std::less<>>;
/// Tables that did not change are shared between one state and the next.
using SimTables = std::map<std::pair<ShardId, engine::TableId>, std::shared_ptr<const SimTable>>;

/// Tables as a checkpoint finds and leaves them. **Thread** the simulation's one.
class SimState final : public storage::StateStore {
 public:
  /// Stands still for as long as a checkpoint takes; an error means that the power went meanwhile, or the
  /// like.
  using Sync = std::function<Result<void>()>;

  SimState(SimTables& durable, Sync sync);

  Result<void> write(ShardId shard, const storage::RowSource& rows) override;
  const std::shared_ptr<storage::Snapshot>& snapshot() const noexcept override { return snapshot_; }
  Result<void> refresh() override;

  static std::uint64_t bytes(const SimTables& tables) noexcept;

 private:
  /// What is on the disk; outlives the process.
  SimTables& durable_;
  Sync sync_;
  std::shared_ptr<storage::Snapshot> snapshot_;
};

}  // namespace peerq::testkit
