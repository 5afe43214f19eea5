#pragma once
// The data directory of a simulated process: a log and tables in memory under the production state machines.
// It outlives the process; what was not synced may be lost or torn when the power goes.

#include <chrono>
#include <cstdint>
#include <memory>

#include "peerq/port/entropy.hpp"
#include "peerq/port/store.hpp"
#include "peerq/testkit/scheduler.hpp"

namespace peerq::testkit {

struct SimDiskOptions {
  /// Virtual time of one sync of the log, and of one checkpoint. Other lanes run meanwhile.
  Duration log_sync{Microseconds(100), Microseconds(1'000)};
  Duration checkpoint{Microseconds(2'000), Microseconds(30'000)};
  /// A planted fault: syncs return without having synced, as some disks do. Acknowledged data can then be
  /// lost.
  bool lie_about_sync = false;
};

/// Counts of what happened to a disk.
struct SimDiskFacts {
  std::uint64_t commits = 0;
  std::uint64_t checkpoints = 0;
  std::uint64_t power_cuts = 0;
  /// Commits that were under way, or lied about, when the power went: gone, whole by chance, or torn and so
  /// gone.
  std::uint64_t commits_lost = 0;
  std::uint64_t commits_kept = 0;
  std::uint64_t commits_torn = 0;
};

/// One data directory. Stores that were opened on it keep working on its former life after a cut: everything
/// they do then is refused with `node_failed`, and changes nothing.
///
/// **Thread** the simulation's one.
class SimDisk {
 public:
  explicit SimDisk(SimScheduler& scheduler, const SimDiskOptions& options = {});
  ~SimDisk();
  SimDisk(const SimDisk&) = delete;
  SimDisk& operator=(const SimDisk&) = delete;

  /// Opens the directory, creating it at first. Of the options only the memory budget and the initial
  /// configuration matter. The store may outlive neither the disk nor the scheduler. **Errors**
  /// data_dir_locked, corrupt.
  Result<std::unique_ptr<port::Store>> open(const port::StoreOptions& options, port::Entropy& entropy);

  /// The machine loses power: of what was not synced, any part of 512-byte sectors survives.
  void cut_power();
  /// The process dies alone: what it has written survives, whole commits from the front, the rest does not.
  void kill();

  /// While true, commits and checkpoints get `storage_full`, and sends are not accepted.
  void set_full(bool full) noexcept;
  /// The next sync of the log fails; the store is done for after that.
  void fail_next_sync() noexcept;
  /// The next checkpoint fails as it is synced, and leaves the tables as they were.
  void fail_next_checkpoint() noexcept;
  /// From now on the record reads as damaged. **Errors** invalid_argument: there is no such record.
  Result<void> damage_record(ShardId shard, LogIndex index);

  /// The log as it lies there. May be written to while no process has it open, to play an older life or
  /// another peer.
  port::Log& log();
  const SimDiskFacts& facts() const noexcept;

  struct State;

 private:
  std::shared_ptr<State> state_;
};

}  // namespace peerq::testkit
