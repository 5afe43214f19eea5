#pragma once
// The Executor port of one simulated process.

#include <array>
#include <atomic>
#include <deque>

#include "peerq/port/executor.hpp"
#include "peerq/testkit/scheduler.hpp"

namespace peerq::testkit {

/// How long a task waits until its lane gets to it, per lane, in virtual time. Never 0 for the core: work
/// that posts itself again must let time pass.
struct LaneDelays {
  Duration core{Microseconds(1), Microseconds(10)};
  Duration writer{Microseconds(1), Microseconds(50)};
  Duration checkpoint{Microseconds(10), Microseconds(1'000)};
  Duration helper{Microseconds(10), Microseconds(300)};
  Duration callback{Microseconds(1), Microseconds(100)};
};

struct SimExecutorOptions {
  LaneDelays delays{};
  /// Whether callers that block run core and writer steps themselves, as they do on real threads.
  bool callers_may_run = false;
};

/// Lanes in virtual time. A process that is killed is an executor that is stopped: nothing of it runs any
/// more.
///
/// `wait` runs other work on the caller's stack until the word changes; that nothing is left which could
/// change it is a deadlock and ends the process. A lane whose task stands still there does not run.
/// **Thread** the simulation's one.
class SimExecutor final : public port::Executor {
 public:
  explicit SimExecutor(SimScheduler& scheduler, const SimExecutorOptions& options = {});
  ~SimExecutor() override;
  SimExecutor(const SimExecutor&) = delete;
  SimExecutor& operator=(const SimExecutor&) = delete;

  void post(port::Lane lane, Task task) override;
  void arm(SteadyTime at, Task task) override;
  void wait(std::atomic<std::uint32_t>& word, std::uint32_t old, SteadyTime deadline) override;
  void wake(std::atomic<std::uint32_t>&) override {}
  bool callers_may_run() const noexcept override { return options_.callers_may_run; }
  void stop() override;

  /// Tasks that wait, timer not counted.
  std::size_t waiting() const noexcept;
  bool stopped() const noexcept { return stopped_; }

 private:
  friend class SimScheduler;
  static constexpr std::size_t lane_count = 5;

  struct LaneState {
    std::deque<Task> tasks;
    /// When the first of them may run.
    SteadyTime ready_at;
    /// One of its tasks is on the stack.
    bool running = false;
  };

  LaneState& at(port::Lane lane) noexcept { return lanes_[static_cast<std::size_t>(lane)]; }
  Duration delay_of(std::size_t lane) const noexcept;
  void begin_next(std::size_t lane);
  void run(std::size_t lane);
  bool timer_before_task() const noexcept;
  SteadyTime ready_at(std::size_t lane) const noexcept;

  SimScheduler& scheduler_;
  SimExecutorOptions options_;
  std::array<LaneState, lane_count> lanes_;
  SteadyTime timer_at_ = SteadyTime::never();
  Task timer_;
  bool stopped_ = false;
};

}  // namespace peerq::testkit
