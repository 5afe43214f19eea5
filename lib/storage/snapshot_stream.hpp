#pragma once
// The state of a durable shard as a snapshot of the store has it, in chunks.

#include <cstddef>
#include <memory>
#include <optional>
#include <utility>

#include "storage/delta_tables.hpp"
#include "storage/disk_base.hpp"
#include "storage/state_store.hpp"
#include "storage/state_stream.hpp"

namespace peerq::storage {

/// A store that stays at one snapshot and takes nothing.
class PinnedState final : public StateStore {
 public:
  explicit PinnedState(std::shared_ptr<Snapshot> snapshot) : snapshot_(std::move(snapshot)) {}

  Result<void> write(ShardId, const RowSource&) override { return errc::not_supported; }
  const std::shared_ptr<Snapshot>& snapshot() const noexcept override { return snapshot_; }
  Result<void> refresh() override { return errc::not_supported; }

 private:
  std::shared_ptr<Snapshot> snapshot_;
};

/// **Thread** core.
class SnapshotStream final : public port::StateStream {
 public:
  SnapshotStream(ShardId shard, std::shared_ptr<Snapshot> snapshot, std::size_t chunk_bytes)
      : shard_(shard),
        chunk_bytes_(chunk_bytes),
        state_(std::move(snapshot)),
        tables_(DiskBase(shard, state_)) {}
  SnapshotStream(const SnapshotStream&) = delete;
  SnapshotStream& operator=(const SnapshotStream&) = delete;

  Result<SharedBytes> next() override {
    if (!stream_) {
      try {
        auto now = tables_.find<engine::ShardRow>({});
        stream_.emplace(tables_, shard_, now.value_or(engine::ShardRow{}), chunk_bytes_);
      } catch (const engine::TablesFailure& failure) {
        return failure.error;
      }
    }
    return stream_->next();
  }

 private:
  ShardId shard_;
  std::size_t chunk_bytes_;
  PinnedState state_;
  DeltaTables<DiskBase> tables_;
  std::optional<TablesStream<DeltaTables<DiskBase>>> stream_;
};

}  // namespace peerq::storage
