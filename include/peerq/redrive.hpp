#pragma once
// Back out of a dead-letter queue (S39, S72-S74).

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "peerq/base/time.hpp"
#include "peerq/delivery.hpp"

namespace peerq {

/// Which messages of a dead-letter queue go back, and where to.
struct RedriveOptions {
  /// A queue of the same type; empty = each message's own source.
  std::string target = {};
  /// Only what this queue dead-lettered; empty = all.
  std::string source = {};
  /// Only what was dead-lettered for one of these; empty = all.
  std::vector<FailureCause> causes = {};
  /// Messages a second at most; 0 = as fast as it goes.
  std::uint32_t rate = 0;
  /// 0 = all that are there now.
  std::uint64_t max_messages = 0;
};

/// A redrive that is under way, or the last one of its queue.
struct RedriveStatus {
  std::uint64_t moved = 0;
  /// Not asked for, or sent straight to this queue (S73).
  std::uint64_t skipped = 0;
  /// Their source is deleted, or does not take them: they stay.
  std::uint64_t failed = 0;
  bool finished = false;
  std::chrono::system_clock::time_point started = {};
};

}  // namespace peerq
