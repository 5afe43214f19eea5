#pragma once
// Runs everything of a simulation on the calling thread, in virtual time, in an order that a seed decides.

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <vector>

#include "peerq/base/time.hpp"
#include "peerq/base/unique_function.hpp"
#include "peerq/port/executor.hpp"
#include "peerq/testkit/clock.hpp"

namespace peerq::testkit {

class SimExecutor;

/// A range of virtual durations, both ends included.
struct Duration {
  Microseconds min{0};
  Microseconds max{0};
};

/// The one loop of a simulation. What is ready at the same virtual time runs in random order, lane by lane;
/// when nothing is ready, time jumps to the next thing that is.
///
/// **Thread** one.
class SimScheduler {
 public:
  explicit SimScheduler(std::uint64_t seed);
  ~SimScheduler();
  SimScheduler(const SimScheduler&) = delete;
  SimScheduler& operator=(const SimScheduler&) = delete;

  std::uint64_t seed() const noexcept { return seed_; }
  SimClock& clock() noexcept { return *clock_; }
  const std::shared_ptr<SimClock>& shared_clock() const noexcept { return clock_; }
  SteadyTime now() const noexcept { return clock_->steady(); }

  /// Calls `event` at a time: a disturbance, a check, a user who comes by. It may cut the power and jump
  /// clocks; it must not block.
  void at(SteadyTime time, Task event);
  void after(std::chrono::nanoseconds delay, Task event) { at(now() + delay, std::move(event)); }

  /// Runs what falls due within this virtual time, which has passed afterwards.
  void run_for(std::chrono::nanoseconds duration) {
    run_while(now() + duration, [] { return true; });
  }
  /// Runs until nothing is left to do before `give_up`, timers and events included. False when it gave up.
  bool run_until_idle(SteadyTime give_up);
  /// Runs until `reached()`, looked at after every step. False at `give_up`, or when nothing is left to do.
  bool run_until(const std::function<bool()>& reached, SteadyTime give_up);

  /// A number in [0, end).
  std::uint64_t below(std::uint64_t end) { return end == 0 ? 0 : random_() % end; }
  std::chrono::nanoseconds draw(Duration range);
  /// True once in `times`, on the average; never for 0.
  bool once_in(std::uint64_t times) { return times != 0 && below(times) == 0; }

  /// How many tasks and events ran.
  std::uint64_t steps() const noexcept { return steps_; }

 private:
  friend class SimExecutor;
  friend class SimDisk;

  /// Which lanes may run now; a bit each.
  using Lanes = unsigned;
  static constexpr Lanes all_lanes = ~0U;
  /// A task on `lane` stands still in the middle: those lanes may run meanwhile that never wait for it.
  static Lanes lanes_below(port::Lane lane) noexcept;

  struct Choice {
    SimExecutor* executor;
    port::Lane lane;
  };
  struct Event {
    SteadyTime time;
    /// Events of one time keep their order.
    std::uint64_t number;
    friend auto operator<=>(const Event&, const Event&) = default;
  };

  /// Runs one thing that is ready by `limit`, moving time to it. False when there is none: time is `limit`
  /// then.
  bool run_one(Lanes lanes, SteadyTime limit);
  bool run_ready(Lanes lanes);
  bool run_event();
  SteadyTime next_time(Lanes lanes) const;
  void run_while(SteadyTime until, const std::function<bool()>& go_on);
  void pause(port::Lane lane, std::chrono::nanoseconds duration);

  std::uint64_t seed_;
  std::mt19937_64 random_;
  std::shared_ptr<SimClock> clock_ = std::make_shared<SimClock>();
  std::vector<SimExecutor*> executors_;
  std::vector<Choice> choices_;
  std::map<Event, Task> events_;
  std::uint64_t events_made_ = 0;
  std::uint64_t steps_ = 0;
};

}  // namespace peerq::testkit
