#pragma once
// kill -9: a process with producers and consumers on one directory is killed at random times and started
// again; at the end everything is drained, and the recorded histories are checked.

#include <cstdint>
#include <functional>
#include <string>

#include "support/crash/process.hpp"

namespace peerq::crash {

struct KillOptions {
  std::uint64_t cycles = 200;
  std::uint64_t seed = 1;
  /// A process lives at most this long.
  std::chrono::milliseconds life_max{900};
  /// Told now and then how many cycles are done; may be empty.
  std::function<void(std::uint64_t)> progress;
  /// Told what is wrong, one line each.
  std::function<void(const std::string&)> report;
};

struct KillResult {
  std::uint64_t cycles = 0;
  /// Acknowledged sends.
  std::uint64_t records = 0;
  std::uint64_t lost = 0;
  /// Deliveries beyond a message's first.
  std::uint64_t duplicates = 0;
  /// Opening a directory after a kill, in 99 of 100 cases at most.
  std::uint64_t recovery_p99_ms = 0;
  std::uint64_t violations = 0;
};

/// Throws std::runtime_error when a worker cannot be started.
KillResult run_kill(const KillOptions& options);

/// The process that is killed, and the one that drains. The exit status.
int run_kill_task(const Task& task);
int run_heal_task(const Task& task);

}  // namespace peerq::crash
