#include "peerq/testkit/executor.hpp"

#include <algorithm>
#include <utility>

#include "peerq/base/assert.hpp"

namespace peerq::testkit {

SimExecutor::SimExecutor(SimScheduler& scheduler, const SimExecutorOptions& options)
    : scheduler_(scheduler), options_(options) {
  scheduler_.executors_.push_back(this);
}

SimExecutor::~SimExecutor() {
  stop();
  for (const auto& lane : lanes_) PEERQ_ASSERT(!lane.running);
  std::erase(scheduler_.executors_, this);
}

void SimExecutor::post(port::Lane lane, Task task) {
  if (stopped_) return;
  auto& state = at(lane);
  state.tasks.push_back(std::move(task));
  if (state.tasks.size() == 1 && !state.running) begin_next(static_cast<std::size_t>(lane));
}

void SimExecutor::arm(SteadyTime at, Task task) {
  if (stopped_) return;
  // Never at once: a timer that arms itself again must let time pass.
  timer_at_ = std::max(at, scheduler_.now() + scheduler_.draw(options_.delays.core));
  timer_ = std::move(task);
}

void SimExecutor::wait(std::atomic<std::uint32_t>& word, std::uint32_t old, SteadyTime deadline) {
  while (word.load() == old) {
    if (scheduler_.run_one(SimScheduler::all_lanes, deadline)) continue;
    // Nothing that still runs could wake this caller, and no deadline will: a deadlock in what is simulated.
    PEERQ_ASSERT(deadline != SteadyTime::never() || stopped_);
    return;
  }
}

void SimExecutor::stop() {
  stopped_ = true;
  for (auto& lane : lanes_) {
    // What the destructors of tasks post is destroyed at once.
    for (auto tasks = std::exchange(lane.tasks, {}); !tasks.empty();) tasks.pop_front();
  }
  timer_at_ = SteadyTime::never();
  timer_ = {};
}

std::size_t SimExecutor::waiting() const noexcept {
  std::size_t sum = 0;
  for (const auto& lane : lanes_) sum += lane.tasks.size();
  return sum;
}

Duration SimExecutor::delay_of(std::size_t lane) const noexcept {
  const auto& delays = options_.delays;
  switch (static_cast<port::Lane>(lane)) {
    case port::Lane::core: return delays.core;
    case port::Lane::writer: return delays.writer;
    case port::Lane::checkpoint: return delays.checkpoint;
    case port::Lane::helper: return delays.helper;
    case port::Lane::callback: return delays.callback;
  }
  return {};
}

void SimExecutor::begin_next(std::size_t lane) {
  lanes_[lane].ready_at = scheduler_.now() + scheduler_.draw(delay_of(lane));
}

SteadyTime SimExecutor::ready_at(std::size_t lane) const noexcept {
  const auto& state = lanes_[lane];
  if (state.running) return SteadyTime::never();
  const SteadyTime task = state.tasks.empty() ? SteadyTime::never() : state.ready_at;
  return static_cast<port::Lane>(lane) == port::Lane::core ? std::min(task, timer_at_) : task;
}

bool SimExecutor::timer_before_task() const noexcept {
  const auto& core = lanes_[static_cast<std::size_t>(port::Lane::core)];
  return timer_at_ <= scheduler_.now() && (core.tasks.empty() || timer_at_ <= core.ready_at);
}

void SimExecutor::run(std::size_t lane) {
  auto& state = lanes_[lane];
  Task task;
  if (static_cast<port::Lane>(lane) == port::Lane::core && timer_before_task()) {
    timer_at_ = SteadyTime::never();
    task = std::exchange(timer_, {});
  } else {
    task = std::move(state.tasks.front());
    state.tasks.pop_front();
  }
  state.running = true;
  task();
  task = {};
  state.running = false;
  if (!state.tasks.empty()) begin_next(lane);
}

}  // namespace peerq::testkit
