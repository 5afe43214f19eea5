#include "runtime/thread_executor.hpp"

#include <pthread.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include "runtime/futex.hpp"
#include "runtime/system_clock.hpp"
#include "runtime/task_queue.hpp"
#include "runtime/wait_point.hpp"

namespace peerq::runtime {

namespace {

/// The signals that a thread can be spared; those that its own faults raise stay.
sigset_t signals_of_others() noexcept {
  sigset_t set;
  sigfillset(&set);
  for (const int own : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT}) sigdelset(&set, own);
  return set;
}

/// One lane on one thread, which sleeps when there is nothing to do. Without a thread tasks only wait.
class LaneThread {
 public:
  explicit LaneThread(const char* name) noexcept : name_(name) {}
  /// Whether the present thread is this one.
  bool runs_caller() const noexcept { return runs_on_.load() == std::this_thread::get_id(); }
  LaneThread(const LaneThread&) = delete;
  LaneThread& operator=(const LaneThread&) = delete;

  void post(Task task) {
    queue_.push(std::move(task));
    wake_if(true);
  }

  void arm(Timer timer) {
    const SteadyTime at = timer.at;
    timers_.put(std::move(timer));
    // Who sleeps until something earlier will find the new timer then.
    wake_if(at < wakes_at_.load());
  }

  /// Once; later calls do nothing. **Errors** as std::thread; may be tried again then.
  void start() {
    auto expected = State::idle;
    if (state_.load() != expected || !state_.compare_exchange_strong(expected, State::starting)) return;
    const sigset_t blocked = signals_of_others();
    sigset_t before;
    pthread_sigmask(SIG_SETMASK, &blocked, &before);
    try {
      thread_ = std::thread([this] { run(); });
      become(State::started);
    } catch (...) {
      become(State::idle);
      pthread_sigmask(SIG_SETMASK, &before, nullptr);
      throw;
    }
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }

  /// The running task ends, then the thread.
  void ask_to_stop() noexcept {
    stopping_.store(true);
    wake_if(true);
  }

  /// After `ask_to_stop`. No thread starts any more.
  void join() {
    for (auto state = State::idle; !state_.compare_exchange_strong(state, State::ended);
         state = State::idle) {
      if (state == State::starting) {
        state_.wait(state);
        continue;
      }
      if (state == State::started) {
        PEERQ_ASSERT(thread_.get_id() != std::this_thread::get_id());
        thread_.join();
        state_.store(State::ended);
      }
      return;
    }
  }

  /// After `join`.
  void destroy_waiting() {
    queue_.clear();
    timers_.take(timer_);
    timer_ = {};
  }

  /// What came in after `destroy_waiting`. **Thread** any.
  void discard_late() {
    queue_.discard_incoming();
    Timer timer;
    timers_.take(timer);
  }

 private:
  enum class State : std::uint32_t { idle, starting, started, ended };

  void become(State state) noexcept {
    state_.store(state);
    state_.notify_all();
  }

  void wake_if(bool needed) noexcept {
    if (sleeping_.load() != 1 || !needed) return;
    if (sleeping_.exchange(0) == 1) futex_wake_one(sleeping_);
  }

  // An exception that leaves a task ends the process: nothing above this frame could answer for it.
  void run() noexcept {
    pthread_setname_np(pthread_self(), name_);
    runs_on_.store(std::this_thread::get_id());
    while (!stopping_.load()) {
      const bool timer = run_timer();
      Task task = queue_.pop();
      if (task) task();
      if (!timer && !task) sleep();
    }
    runs_on_.store(std::thread::id());  // the system gives the id to another thread
  }

  bool run_timer() {
    timers_.take(timer_);
    if (!timer_.task || timer_.at > steady_now()) return false;
    std::exchange(timer_, {}).task();
    return true;
  }

  void sleep() noexcept {
    wakes_at_.store(timer_.at);
    sleeping_.store(1);
    // Every one who adds something does so before looking at `sleeping_`; here it is the other way round.
    if (queue_.empty() && timers_.empty() && !stopping_.load()) futex_wait(sleeping_, 1, timer_.at);
    sleeping_.store(0);
  }

  std::atomic<std::thread::id> runs_on_{};
  const char* const name_;
  TaskQueue queue_;
  TimerSlot timers_;
  /// The thread's own.
  Timer timer_;
  std::atomic<std::uint32_t> sleeping_{0};
  std::atomic<SteadyTime> wakes_at_{SteadyTime::never()};
  std::atomic<bool> stopping_{false};
  std::atomic<State> state_{State::idle};
  std::thread thread_;
};

class ThreadExecutor final : public port::Executor {
 public:
  ~ThreadExecutor() override { stop(); }

  /// **Errors** as std::thread.
  void start() {
    for (const auto lane : {port::Lane::core, port::Lane::writer, port::Lane::checkpoint}) at(lane).start();
  }

  void post(port::Lane lane, Task task) override {
    if (stopping_.load()) return;
    LaneThread& thread = at(lane);
    thread.post(std::move(task));
    if (lane == port::Lane::helper || lane == port::Lane::callback) start_late(thread);
    if (stopped_.load()) thread.discard_late();
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
    return std::any_of(lanes_.begin(), lanes_.end(),
                       [](const LaneThread& lane) { return lane.runs_caller(); });
  }

  void stop() override {
    if (stopping_.exchange(true)) return stopped_.wait(false);
    for (auto& thread : lanes_) thread.ask_to_stop();
    for (auto& thread : lanes_) thread.join();
    for (auto& thread : lanes_) thread.destroy_waiting();
    stopped_.store(true);
    stopped_.notify_all();
  }

 private:
  LaneThread& at(port::Lane lane) noexcept { return lanes_[static_cast<std::size_t>(lane)]; }

  /// When the system gives no thread, the task waits for the next one that comes.
  static void start_late(LaneThread& thread) noexcept {
    try {
      thread.start();
    } catch (const std::system_error&) {
    }
  }

  std::array<LaneThread, 5> lanes_{LaneThread("peerq-core"), LaneThread("peerq-writer"),
                                   LaneThread("peerq-checkpt"), LaneThread("peerq-helper"),
                                   LaneThread("peerq-callback")};
  WaitPoint wait_point_ = WaitPoint::for_this_machine();
  std::atomic<bool> stopping_{false};
  std::atomic<bool> stopped_{false};
};

}  // namespace

Result<std::unique_ptr<port::Executor>> make_thread_executor() {
  auto executor = std::make_unique<ThreadExecutor>();
  try {
    executor->start();
  } catch (const std::system_error& error) {
    return Error(errc::limit_exceeded, std::string("threads: ").append(error.what()));
  }
  return std::unique_ptr<port::Executor>(std::move(executor));
}

}  // namespace peerq::runtime
