#pragma once
// Time as the simulation has it: it moves only when the scheduler, or a test, moves it.

#include <chrono>
#include <cstdint>

#include "peerq/port/clock.hpp"

namespace peerq::testkit {

/// Both clocks in virtual time. **Thread** the simulation's one.
class SimClock final : public port::Clock {
 public:
  SteadyTime steady() const noexcept override { return now_; }
  WallTime wall() const noexcept override {
    return {wall_at_start_ms + now_.ns / 1'000'000 + wall_offset_.count()};
  }

  /// Moves both clocks forward to `time`; an earlier one is ignored.
  void advance_to(SteadyTime time) noexcept {
    if (time > now_) now_ = time;
  }
  /// Somebody sets the calendar, either way; the monotonic clock does not notice.
  void jump_wall(Milliseconds by) noexcept { wall_offset_ += by; }

 private:
  /// 2023-11-14 22:13:20 UTC.
  static constexpr std::int64_t wall_at_start_ms = 1'700'000'000'000;

  SteadyTime now_{1'000'000'000};
  Milliseconds wall_offset_{0};
};

}  // namespace peerq::testkit
