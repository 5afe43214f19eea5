#pragma once
// The stamps of a shard's entries (S1, S2, S64).
//
// Lease time goes on from the newest stamp of the log at the speed of the monotonic clock. Wall time is the
// calendar's, never backwards: while the calendar is behind, it advances at half the lease clock's speed. A
// calendar that ran far ahead is not believed until somebody confirms it: wall time then goes on with the
// monotonic clock, since a stamp that was given can never be taken back.

#include "peerq/base/limits.hpp"
#include "peerq/base/time.hpp"
#include "peerq/port/clock.hpp"

namespace peerq::node {

/// **Thread** the core.
class Stamper {
 public:
  /// Goes on from `newest`, the newest stamps in the shard's log.
  Stamper(const port::Clock& clock, Stamps newest) noexcept
      : clock_(&clock),
        steady_base_(clock.steady()),
        wall_base_(clock.wall()),
        lease_base_(newest.lease),
        believed_at_(clock.steady()),
        believed_(clock.wall()),
        newest_(newest),
        anchor_(newest) {}

  /// Stamps for an entry cut now.
  Stamps stamp() noexcept {
    const bool believed = !suspect();
    newest_ = peek();
    if (calendar() >= newest_.wall) anchor_ = newest_;
    if (believed) {
      believed_at_ = clock_->steady();
      believed_ = clock_->wall();
    }
    return newest_;
  }

  /// What `stamp` would give, without giving it.
  Stamps peek() const noexcept {
    const LeaseTime lease = lease_at(clock_->steady());
    const WallTime wall = calendar();
    if (wall >= newest_.wall) return {lease, wall};
    const auto half = (lease - anchor_.lease) / 2;
    const WallTime slowed = anchor_.wall + std::chrono::duration_cast<Milliseconds>(half);
    return {lease, slowed > newest_.wall ? slowed : newest_.wall};
  }

  /// Local time at which the lease clock will show `time`.
  SteadyTime steady_at(LeaseTime time) const noexcept {
    if (time == LeaseTime::never()) return SteadyTime::never();
    return steady_base_ + std::chrono::nanoseconds(time - lease_base_);
  }

  /// The calendar has run more than a day further than the monotonic clock; so until `confirm`, even if it is
  /// set back (S64).
  bool suspect() noexcept {
    suspect_ = suspect_ || jumped();
    return suspect_;
  }

  /// The calendar is right after all: measure jumps from here on.
  void confirm() noexcept {
    const SteadyTime now = clock_->steady();
    lease_base_ = lease_at(now);
    steady_base_ = now;
    wall_base_ = clock_->wall();
    suspect_ = false;
  }

 private:
  bool jumped() const noexcept {
    return clock_->wall() - wall_base_ > since(steady_base_) + limits::clock_suspect_jump;
  }

  /// The calendar as far as it is believed.
  WallTime calendar() const noexcept {
    return suspect_ || jumped() ? believed_ + since(believed_at_) : clock_->wall();
  }

  Milliseconds since(SteadyTime then) const noexcept {
    return std::chrono::duration_cast<Milliseconds>(clock_->steady() - then);
  }

  LeaseTime lease_at(SteadyTime now) const noexcept {
    return lease_base_ + std::chrono::duration_cast<Microseconds>(now - steady_base_);
  }

  const port::Clock* clock_;
  SteadyTime steady_base_;
  WallTime wall_base_;
  LeaseTime lease_base_;
  bool suspect_ = false;
  /// The last reading of the calendar before it became suspect.
  SteadyTime believed_at_;
  WallTime believed_;
  Stamps newest_;
  /// The last stamps at which the calendar was not behind: slowed wall time counts from here, so that many
  /// stamps close together do not each round their step to nothing.
  Stamps anchor_;
};

}  // namespace peerq::node
