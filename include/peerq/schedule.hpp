#pragma once
// Recurring schedules of a queue (S79).

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "peerq/base/queue_options.hpp"
#include "peerq/message.hpp"

namespace peerq {

/// What is sent, and when.
struct ScheduleOptions {
  /// `every 90s` (s, m, h, d; from when the schedule is set), a cron expression of five fields
  /// (`0 3 * * MON-FRI`), or `@hourly`, `@daily`, `@weekly`, `@monthly`, `@yearly`.
  std::string specification = {};
  /// Name in the IANA database in whose time a cron expression is meant, e.g. "Europe/Berlin".
  std::string zone = "UTC";
  /// What becomes of runs for which no process was there.
  MissedRuns missed = MissedRuns::one;
  std::string body = {};
  /// Without delay, deliver_at and deduplication_id.
  SendOptions message = {};
};

/// A schedule as it stands.
struct ScheduleSummary {
  std::string name = {};
  std::string specification = {};
  std::string zone = {};
  MissedRuns missed = MissedRuns::one;
  /// None: it never runs again.
  std::optional<std::chrono::system_clock::time_point> next = {};
  std::uint64_t sent = 0;
  /// The queue was full or did not take the message.
  std::uint64_t lost = 0;
  /// Passed over because no process was there.
  std::uint64_t missed_runs = 0;
};

}  // namespace peerq
