#pragma once
// The Log port as a journal in memory: commits are frames of bytes that become durable by a sync. When the
// power goes, any 512-byte sectors of what was not synced survive; recovery keeps the frames up to the first
// that is not whole.

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "peerq/port/log.hpp"

namespace peerq::testkit {

/// What one shard's log holds.
struct SimShardLog {
  std::map<LogIndex, port::LogRecord> records;
  port::HardState hard;
  port::SnapshotMeta snapshot;
  /// Of the records.
  std::uint64_t bytes = 0;

  void apply(const port::LogWrite& write);

 private:
  void erase(std::map<LogIndex, port::LogRecord>::iterator from,
             std::map<LogIndex, port::LogRecord>::iterator to);
};

using SimShardLogs = std::map<ShardId, SimShardLog>;

/// What became of the commits that were not synced when the power went.
struct SimLogLosses {
  std::uint64_t kept = 0;
  std::uint64_t torn = 0;
  std::uint64_t lost = 0;
};

/// The journal. **Thread** the simulation's one.
class SimJournal {
 public:
  /// Writes a commit behind the others; not durable yet.
  void write(const std::vector<port::LogWrite>& writes);
  /// durable: everything written so far.
  void sync();

  /// The power goes: `survives(sector)` says of each sector behind the synced end whether it is on the disk.
  SimLogLosses tear(const std::function<bool(std::uint64_t)>& survives);
  /// The process goes, and only whole commits that it has handed to the system stay: the first `commits` of
  /// those that were not synced.
  SimLogLosses keep_first(std::size_t commits);

  /// As a running process sees it.
  const SimShardLogs& current() const noexcept { return current_; }
  std::size_t unsynced() const noexcept { return frames_.size(); }
  std::uint64_t live_bytes() const noexcept;

  void damage(ShardId shard, LogIndex index) { damaged_.emplace(shard, index); }
  bool is_damaged(ShardId shard, LogIndex index) const { return damaged_.contains({shard, index}); }

 private:
  void apply(SimShardLogs& logs, const std::vector<port::LogWrite>& writes);

  SimShardLogs durable_;
  SimShardLogs current_;
  /// Commits behind the synced end, and the same as bytes.
  std::vector<std::vector<port::LogWrite>> frames_;
  std::string unsynced_;
  /// Where in the file the synced part ends.
  std::uint64_t synced_size_ = 0;
  std::set<std::pair<ShardId, LogIndex>> damaged_;
};

}  // namespace peerq::testkit
