#pragma once
// The workload whose disk writes are recorded: a node from its first moment on, every operation, several
// sessions.

#include <cstdint>
#include <string>

#include "support/crash/process.hpp"

namespace peerq::crash {

struct WorkloadOptions {
  std::uint64_t seed = 1;
  /// Calls of all threads together, in all sessions.
  std::uint64_t calls = 1'500;
  /// How often the node is opened.
  std::uint64_t sessions = 5;
};

/// Paths inside the directory that `record` fills.
inline constexpr const char* recorded_store = "disk/store";
inline constexpr const char* recorded_trace = "trace";
inline constexpr const char* recorded_journal = "journal";

/// Records a workload in a process of its own: `directory` gets trace, journal and the store itself. Throws
/// std::runtime_error when it fails.
void record(const std::string& directory, const WorkloadOptions& options);

/// The process of `record`. The exit status.
int run_record_task(const Task& task);

}  // namespace peerq::crash
