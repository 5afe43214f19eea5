#include "runtime/hosted_executor.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <memory>
#include <thread>
#include <utility>

#include "runtime/futex.hpp"
#include "runtime/system_clock.hpp"
#include "runtime/task_queue.hpp"
#include "runtime/wait_point.hpp"

namespace peerq::runtime {

namespace {

/// What the host's tasks share: it lives until the last of them is gone, which may be after the executor.
class Strand : public std::enable_shared_from_this<Strand> {
 public:
  Strand(HostExecutor& host, bool blocking) noexcept : host_(host), blocking_(blocking) {}

  /// Whether the present thread runs it; a host may run one strand inside another's task.
  bool runs_caller() const noexcept { return runs_on_.load() == std::this_thread::get_id(); }

  void post(Task task) {
    queue_.push(std::move(task));
    schedule();
  }

  void arm(Timer timer) {
    timers_.put(std::move(timer));
    schedule();
  }

  void ask_to_stop() noexcept { stopping_.store(true); }

  /// After `ask_to_stop`: the running task ends; nothing runs after it. Then destroys what waits.
  void finish() {
    for (;;) {
      std::uint32_t state = state_.load();
      if (state == running) {
        futex_wait(state_, running, SteadyTime::never());
      } else if (state_.compare_exchange_strong(state, ended)) {
        break;
      }
    }
    queue_.clear();
    timers_.take(timer_);
    timer_ = {};
  }

  /// What came in after `finish`. **Thread** any.
  void discard_late() {
    queue_.discard_incoming();
    Timer timer;
    timers_.take(timer);
  }

 private:
  static constexpr std::uint32_t idle = 0;
  /// The host has a turn of ours.
  static constexpr std::uint32_t scheduled = 1;
  static constexpr std::uint32_t running = 2;
  static constexpr std::uint32_t ended = 3;
  /// Tasks after which the host gets its thread back.
  static constexpr int tasks_per_turn = 32;
  static constexpr std::chrono::nanoseconds longest_request = std::chrono::seconds(1);

  void schedule() {
    std::uint32_t expected = idle;
    if (state_.compare_exchange_strong(expected, scheduled)) hand_to_host();
  }

  void hand_to_host() {
    auto turn = [self = shared_from_this()] { self->run(); };
    blocking_ ? host_.post_blocking(std::move(turn)) : host_.post(std::move(turn));
  }

  // As on a thread of our own, an exception that leaves a task ends the process.
  void run() noexcept {
    std::uint32_t expected = scheduled;
    if (!state_.compare_exchange_strong(expected, running)) return;
    runs_on_.store(std::this_thread::get_id());
    for (int i = 0; i < tasks_per_turn && !stopping_.load(); ++i) {
      const bool timer = run_timer();
      Task task = queue_.pop();
      if (task) task();
      if (!timer && !task) break;
    }
    if (!stopping_.load()) ask_host_for_timer();
    runs_on_.store(std::thread::id());
    leave();
  }

  bool run_timer() {
    timers_.take(timer_);
    if (!timer_.task || timer_.at > steady_now()) return false;
    std::exchange(timer_, {}).task();
    return true;
  }

  /// The host cannot take a request back, so one that comes earlier is enough: it asks again for the rest. A
  /// long one would hold the host's loop open after the node was closed.
  void ask_host_for_timer() {
    if (!timer_.task || asked_for_.load() <= timer_.at) return;
    const SteadyTime at = std::min(timer_.at, steady_now() + longest_request);
    asked_for_.store(at);
    const auto delay = std::max(at - steady_now(), std::chrono::nanoseconds(0));
    host_.post_after(delay, [self = shared_from_this(), at] { self->fired(at); });
  }

  /// A request that an earlier one overtook changes nothing.
  void fired(SteadyTime at) {
    asked_for_.compare_exchange_strong(at, SteadyTime::never());
    schedule();
  }

  void leave() {
    const bool more = queue_.has_taken();
    state_.store(idle);
    if (stopping_.load()) {
      futex_wake_all(state_);
    } else if (more || !queue_.empty() || !timers_.empty()) {
      // Whoever added something while we ran did not schedule; whoever adds something now does.
      schedule();
    }
  }

  std::atomic<std::thread::id> runs_on_{};
  HostExecutor& host_;
  const bool blocking_;
  TaskQueue queue_;
  TimerSlot timers_;
  /// Of the running turn alone.
  Timer timer_;
  std::atomic<SteadyTime> asked_for_{SteadyTime::never()};
  std::atomic<std::uint32_t> state_{idle};
  std::atomic<bool> stopping_{false};
};

class HostedExecutor final : public port::Executor {
 public:
  explicit HostedExecutor(HostExecutor& host) {
    for (std::size_t i = 0; i < lanes_.size(); ++i) {
      const bool blocking = static_cast<port::Lane>(i) != port::Lane::core;
      lanes_[i] = std::make_shared<Strand>(host, blocking);
    }
  }
  ~HostedExecutor() override { stop(); }

  void post(port::Lane lane, Task task) override {
    if (stopping_.load()) return;
    at(lane).post(std::move(task));
    if (stopped_.load()) at(lane).discard_late();
  }

  void arm(SteadyTime time, Task task) override {
    if (stopping_.load()) return;
    at(port::Lane::core).arm({time, std::move(task)});
    if (stopped_.load()) at(port::Lane::core).discard_late();
  }

  void wait(std::atomic<std::uint32_t>& word, std::uint32_t old, SteadyTime deadline) override {
    wait_point_.wait(word, old, deadline);
  }

  void wake(std::atomic<std::uint32_t>& word) override { wait_point_.wake(word); }

  bool callers_may_run() const noexcept override { return true; }
  bool runs_caller() const noexcept override {
    return std::any_of(lanes_.begin(), lanes_.end(), [](const auto& lane) { return lane->runs_caller(); });
  }

  void stop() override {
    if (stopping_.exchange(true)) return stopped_.wait(false);
    for (auto& lane : lanes_) lane->ask_to_stop();
    for (auto& lane : lanes_) lane->finish();
    stopped_.store(true);
    stopped_.notify_all();
  }

 private:
  Strand& at(port::Lane lane) noexcept { return *lanes_[static_cast<std::size_t>(lane)]; }

  std::array<std::shared_ptr<Strand>, 5> lanes_;
  WaitPoint wait_point_ = WaitPoint::for_this_machine();
  std::atomic<bool> stopping_{false};
  std::atomic<bool> stopped_{false};
};

}  // namespace

std::unique_ptr<port::Executor> make_hosted_executor(HostExecutor& host) {
  return std::make_unique<HostedExecutor>(host);
}

}  // namespace peerq::runtime
