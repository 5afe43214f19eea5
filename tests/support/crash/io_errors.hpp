#pragma once
// I/O errors: a scenario is run again and again, each time with another call of it failing in another
// way.

#include <cstdint>
#include <functional>
#include <string>

#include "support/crash/process.hpp"

namespace peerq::crash {

struct IoErrorOptions {
  std::uint64_t seed = 1;
  /// How many scenarios, of different seeds.
  std::uint64_t runs = 1;
  std::uint64_t workers = 2;
  /// Only every so many-th call; 1 = all.
  std::uint64_t stride = 1;
  /// Only this call, and only this way; 0 and empty = all.
  std::uint64_t only_call = 0;
  std::string only_way;
  std::function<void(std::uint64_t)> progress;
  std::function<void(const std::string&)> report;
};

struct IoErrorResult {
  /// Calls that were made to fail, each way once.
  std::uint64_t sites = 0;
  /// Scenarios that were gone through, and sends that were acknowledged in them.
  std::uint64_t runs = 0;
  std::uint64_t acknowledged = 0;
  std::uint64_t violations = 0;
};

/// **Thread** the process must have no other. Throws std::runtime_error.
IoErrorResult run_io_errors(const IoErrorOptions& options);

/// The process of the scenario. The exit status.
int run_scenario_task(const Task& task);

}  // namespace peerq::crash
