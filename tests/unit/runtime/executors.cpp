#include "unit/runtime/executors.hpp"

#include <condition_variable>
#include <deque>
#include <map>

#include "runtime/hosted_executor.hpp"
#include "runtime/thread_executor.hpp"

namespace peerq::test {

using Instant = std::chrono::steady_clock::time_point;

struct PoolHost::State {
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<Task> tasks;
  std::multimap<Instant, Task> timers;
  bool stopping = false;
};

PoolHost::PoolHost(std::size_t threads) : state_(std::make_unique<State>()) {
  for (std::size_t i = 0; i < threads; ++i) threads_.emplace_back([this] { run(); });
}

PoolHost::~PoolHost() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->stopping = true;
  }
  state_->changed.notify_all();
  for (auto& thread : threads_) thread.join();
}

void PoolHost::post(Task task) {
  const std::lock_guard lock(state_->mutex);
  state_->tasks.push_back(std::move(task));
  state_->changed.notify_all();
}

void PoolHost::post_after(std::chrono::nanoseconds delay, Task task) {
  const std::lock_guard lock(state_->mutex);
  state_->timers.emplace(std::chrono::steady_clock::now() + delay, std::move(task));
  state_->changed.notify_all();
}

void PoolHost::run() {
  std::unique_lock lock(state_->mutex);
  while (!state_->stopping) {
    auto& timers = state_->timers;
    while (!timers.empty() && timers.begin()->first <= std::chrono::steady_clock::now()) {
      state_->tasks.push_back(std::move(timers.begin()->second));
      timers.erase(timers.begin());
    }
    if (state_->tasks.empty()) {
      const auto next =
          timers.empty() ? std::chrono::steady_clock::now() + std::chrono::hours(1) : timers.begin()->first;
      state_->changed.wait_until(lock, next);
      continue;
    }
    Task task = std::move(state_->tasks.front());
    state_->tasks.pop_front();
    lock.unlock();
    task();
    task = {};
    lock.lock();
  }
}

std::vector<ExecutorKind> threaded_executors() {
  return {
      {"own threads",
       [] {
         return ExecutorUnderTest{nullptr, runtime::make_thread_executor().value()};
       }},
      {"a host's pool",
       [] {
         auto host = std::make_unique<PoolHost>(3);
         auto executor = runtime::make_hosted_executor(*host);
         return ExecutorUnderTest{std::move(host), std::move(executor)};
       }},
      {"a host's single thread",
       [] {
         auto host = std::make_unique<PoolHost>(1);
         auto executor = runtime::make_hosted_executor(*host);
         return ExecutorUnderTest{std::move(host), std::move(executor)};
       }},
  };
}

}  // namespace peerq::test
