#pragma once
// The durable log of all shards. Implementations: LMDB (lib/storage), none for memory shards, and the test
// kit's, which loses and tears what was not synced. All pass tests/conformance/log.
//
// The port is a blocking group commit; the node's log writer makes it asynchronous (docs/decisions.md).

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "peerq/base/bytes.hpp"
#include "peerq/base/ids.hpp"
#include "peerq/base/result.hpp"
#include "peerq/base/unique_function.hpp"

namespace peerq::port {

/// Numbers as libraft has them; bytes on disk.
enum class EntryType : std::uint8_t { command = 1, barrier = 2, change = 3 };

/// One entry of a shard's log.
struct LogRecord {
  LogIndex index;
  Term term;
  EntryType type = EntryType::command;
  SharedBytes body;
};

/// Term and vote, durable before anything is said in that term.
struct HardState {
  Term term;
  PeerId vote;

  friend bool operator==(const HardState&, const HardState&) = default;
};

/// What stands in for the log's missing head: state up to `index` is durable in the tables.
struct SnapshotMeta {
  LogIndex index;
  Term term;
  /// The last configuration entry at or below `index`.
  LogIndex configuration_index;
  std::string configuration;
  /// Which generation of the state tables it describes.
  std::uint64_t generation = 0;

  friend bool operator==(const SnapshotMeta&, const SnapshotMeta&) = default;
};

/// A shard's log as found at open. Empty: `last == first - 1`.
struct ShardLogState {
  LogIndex first{1};
  LogIndex last{0};
  Term last_term;
  HardState hard;
  SnapshotMeta snapshot;
};

/// What one commit does to one shard, in this order: cut, append, hard state, trim.
struct LogWrite {
  ShardId shard;
  /// Removes records from here on first.
  std::optional<LogIndex> cut_from;
  /// Consecutive, following what is there.
  std::vector<LogRecord> records;
  std::optional<HardState> hard;
  /// Records the snapshot and removes records up to its index.
  std::optional<SnapshotMeta> snapshot;
};

/// Bytes used on disk.
struct LogUsage {
  std::uint64_t file_bytes = 0;
  std::uint64_t live_bytes = 0;
};

/// Durable log of every shard of a node.
///
/// **Thread** `commit` from one thread at a time (the writer lane); `read` and `usage` from any.
class Log {
 public:
  using Visitor = UniqueFunction<Result<void>(const LogRecord&)>;

  virtual ~Log() = default;

  /// The state of a shard; a shard never written is empty.
  virtual Result<ShardLogState> state(ShardId shard) = 0;

  /// Makes all the writes durable together, or none of them.
  /// **Durable** on return. **Errors** storage_full: nothing happened, may be tried again as it is;
  /// node_failed: unknown, the log refuses everything from now on.
  virtual Result<void> commit(const std::vector<LogWrite>& writes) = 0;

  /// Calls `visit` for each record of [first, last] in order. **Errors** corrupt, node_failed, the visitor's
  /// own.
  virtual Result<void> read(ShardId shard, LogIndex first, LogIndex last, Visitor visit) = 0;

  virtual LogUsage usage() const = 0;
};

}  // namespace peerq::port
