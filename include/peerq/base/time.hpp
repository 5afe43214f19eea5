#pragma once
// The two clocks of a log entry (S1-S4) and the process's own monotonic clock.

#include <chrono>
#include <compare>
#include <cstdint>
#include <limits>

namespace peerq {

using Milliseconds = std::chrono::milliseconds;
using Microseconds = std::chrono::microseconds;

/// Monotonic time of a shard in microseconds; stands still while the shard has no leader. Lease deadlines use
/// it.
struct LeaseTime {
  std::int64_t us = 0;

  static constexpr LeaseTime never() noexcept { return {std::numeric_limits<std::int64_t>::max()}; }
  friend constexpr auto operator<=>(LeaseTime, LeaseTime) = default;
  friend constexpr LeaseTime operator+(LeaseTime t, Microseconds d) noexcept { return {t.us + d.count()}; }
  friend constexpr Microseconds operator-(LeaseTime a, LeaseTime b) noexcept {
    return Microseconds(a.us - b.us);
  }
};

/// Calendar time in milliseconds since 1970-01-01 UTC, never backwards inside one log.
/// Delay, time-to-live, retention and schedules use it.
struct WallTime {
  std::int64_t ms = 0;

  static constexpr WallTime never() noexcept { return {std::numeric_limits<std::int64_t>::max()}; }
  friend constexpr auto operator<=>(WallTime, WallTime) = default;
  friend constexpr WallTime operator+(WallTime t, Milliseconds d) noexcept { return {t.ms + d.count()}; }
  friend constexpr Milliseconds operator-(WallTime a, WallTime b) noexcept {
    return Milliseconds(a.ms - b.ms);
  }
};

/// The stamps of one log entry.
struct Stamps {
  LeaseTime lease;
  WallTime wall;

  friend constexpr bool operator==(const Stamps&, const Stamps&) = default;
};

/// Monotonic time of this process in nanoseconds, from the `Clock` port; never written to disk.
struct SteadyTime {
  std::int64_t ns = 0;

  static constexpr SteadyTime never() noexcept { return {std::numeric_limits<std::int64_t>::max()}; }
  friend constexpr auto operator<=>(SteadyTime, SteadyTime) = default;
  friend constexpr SteadyTime operator+(SteadyTime t, std::chrono::nanoseconds d) noexcept {
    return d.count() >= never().ns - t.ns ? never() : SteadyTime{t.ns + d.count()};
  }
  friend constexpr std::chrono::nanoseconds operator-(SteadyTime a, SteadyTime b) noexcept {
    return std::chrono::nanoseconds(a.ns - b.ns);
  }
};

}  // namespace peerq
