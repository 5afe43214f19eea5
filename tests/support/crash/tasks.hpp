#pragma once
// All tasks that a worker process may be started for.

#include <optional>

namespace peerq::crash {

/// Runs the task of this process, if it was started for one; the exit status.
std::optional<int> run_task();

}  // namespace peerq::crash
