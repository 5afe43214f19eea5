#pragma once
// The stamps of a shard's entries (S1, S2, S64).
//
// Lease time goes on from the newest stamp of the log at the speed of the monotonic clock. Wall time is the
// calendar's, never backwards: while the calendar is behind, it advances at half the lease clock's speed.

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
        newest_(newest),
        anchor_(newest) {}

  /// Stamps for an entry cut now.
  Stamps stamp() noexcept {
    newest_ = peek();
    if (clock_->wall() >= newest_.wall) anchor_ = newest_;
    return newest_;
  }

  /// What `stamp` would give, without giving it.
  Stamps peek() const noexcept {
    const LeaseTime lease = lease_at(clock_->steady());
    const WallTime calendar = clock_->wall();
    if (calendar >= newest_.wall) return {lease, calendar};
    const auto half = (lease - anchor_.lease) / 2;
    const WallTime slowed = anchor_.wall + std::chrono::duration_cast<Milliseconds>(half);
    return {lease, slowed > newest_.wall ? slowed : newest_.wall};
  }

  Stamps newest() const noexcept { return newest_; }

  /// Local time at which the lease clock will show `time`.
  SteadyTime steady_at(LeaseTime time) const noexcept {
    if (time == LeaseTime::never()) return SteadyTime::never();
    return steady_base_ + std::chrono::nanoseconds(time - lease_base_);
  }

  /// The calendar has run more than a day further than the monotonic clock (S64).
  bool suspect() const noexcept {
    const auto monotonic = std::chrono::duration_cast<Milliseconds>(clock_->steady() - steady_base_);
    return clock_->wall() - wall_base_ > monotonic + limits::clock_suspect_jump;
  }

  /// The calendar is right after all: measure jumps from here on.
  void confirm() noexcept {
    const SteadyTime now = clock_->steady();
    lease_base_ = lease_at(now);
    steady_base_ = now;
    wall_base_ = clock_->wall();
  }

 private:
  LeaseTime lease_at(SteadyTime now) const noexcept {
    return lease_base_ + std::chrono::duration_cast<Microseconds>(now - steady_base_);
  }

  const port::Clock* clock_;
  SteadyTime steady_base_;
  WallTime wall_base_;
  LeaseTime lease_base_;
  Stamps newest_;
  /// The last stamps at which the calendar was not behind: slowed wall time counts from here, so that many
  /// stamps close together do not each round their step to nothing.
  Stamps anchor_;
};

}  // namespace peerq::node
