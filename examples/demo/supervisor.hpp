#pragma once
// Starts the worker, kills it in the middle of its work, and starts it again on the same directory.

#include <chrono>
#include <vector>

#include "options.hpp"
#include "progress.hpp"
#include "workplace.hpp"

namespace demo {

struct Run {
  /// What had been acknowledged and processed at each kill.
  std::vector<Counts> kills = {};
  /// From the first start to the end of the last worker.
  std::chrono::duration<double> time{0};
};

/// Returns when a worker has ended by itself with success. Throws std::runtime_error when one fails, stands
/// still, or ends before it could be killed.
Run supervise(const Options& options, const Workplace& place, std::size_t records);

}  // namespace demo
