#pragma once
// Where checkpoints go and rows come back from: bytes by (shard, table, key). What is under the delta tables.
// Implementations: LmdbState, and the test kit's SimState, which forgets what was not written.

#include <cstdint>
#include <memory>
#include <optional>

#include "peerq/base/bytes.hpp"
#include "peerq/base/ids.hpp"
#include "peerq/base/result.hpp"
#include "peerq/engine/rows.hpp"

namespace peerq::storage {

/// All shards' tables at one moment.
///
/// **Thread** `payload` any one at a time, beside the others; the others on the core. It may be let go
/// anywhere.
/// **Errors** `get` and `next` throw engine::TablesFailure when the disk cannot be read.
class Snapshot {
 public:
  virtual ~Snapshot() = default;

  /// Nothing is in the table: no need to look.
  virtual bool empty(ShardId shard, engine::TableId table) const noexcept = 0;
  /// The sealed row of a key. The view lives until the next call.
  virtual std::optional<Bytes> get(ShardId shard, engine::TableId table, Bytes key) = 0;
  /// The first key that is at least `from`, or greater when `after`. The view lives until the next call.
  virtual std::optional<Bytes> next(ShardId shard, engine::TableId table, Bytes from, bool after) = 0;
  /// A payload, checked and copied out. **Errors** corrupt, node_failed.
  virtual Result<SharedBytes> payload(ShardId shard, MessageId id) = 0;
  /// Leaf pages of the table.
  virtual std::uint64_t pages(ShardId shard, engine::TableId table) const noexcept = 0;
  /// Leaf pages that one row of the table takes, times 1,024; how much a change may cost.
  virtual std::uint64_t pages_per_row(ShardId shard, engine::TableId table) const noexcept = 0;
};

/// Takes the rows of a checkpoint, table by table in the order of their numbers, keys ascending.
class RowSink {
 public:
  virtual ~RowSink() = default;
  /// `value` is sealed. `exists_below`: the table has a row of this key, which is replaced.
  virtual Result<void> put(engine::TableId table, Bytes key, Bytes value, bool exists_below) = 0;
  virtual Result<void> put_payload(MessageId id, Bytes payload, bool exists_below) = 0;
  /// The table has a row of this key.
  virtual Result<void> erase(engine::TableId table, Bytes key) = 0;
  virtual Result<void> erase_payload(MessageId id) = 0;
};

/// What a checkpoint writes.
class RowSource {
 public:
  virtual ~RowSource() = default;
  /// Gives everything to `sink`; stops at its first error.
  virtual Result<void> give(RowSink& sink) const = 0;
  /// About how many bytes writing it takes.
  virtual std::uint64_t write_size() const = 0;
};

/// Tables on disk, all shards.
class StateStore {
 public:
  virtual ~StateStore() = default;

  /// Writes a checkpoint of one shard in one transaction. **Durable** on return. **Errors** storage_full:
  /// nothing happened; corrupt; node_failed. **Thread** checkpoint lane.
  virtual Result<void> write(ShardId shard, const RowSource& rows) = 0;

  /// The snapshot that all shards read. **Thread** core.
  virtual const std::shared_ptr<Snapshot>& snapshot() const noexcept = 0;

  /// Moves all shards to a snapshot of what is written now. **Errors** node_failed. **Thread** core.
  virtual Result<void> refresh() = 0;
};

}  // namespace peerq::storage
