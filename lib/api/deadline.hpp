#pragma once
// From durations that users give to points of time.

#include <algorithm>
#include <chrono>

#include "peerq/base/time.hpp"

namespace peerq::detail {

/// When `duration` from `now` has passed: `never()` for what nanoseconds cannot count, `now` for less than
/// nothing. Chrono's own conversion from milliseconds would wrap around.
constexpr SteadyTime deadline_after(SteadyTime now, Milliseconds duration) noexcept {
  constexpr auto longest = std::chrono::duration_cast<Milliseconds>(std::chrono::nanoseconds::max());
  if (duration >= longest) return SteadyTime::never();
  return now + std::max(duration, Milliseconds(0));
}

}  // namespace peerq::detail
