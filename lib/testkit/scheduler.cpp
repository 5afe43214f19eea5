#include "peerq/testkit/scheduler.hpp"

#include <algorithm>
#include <utility>

#include "peerq/base/assert.hpp"
#include "peerq/testkit/executor.hpp"

namespace peerq::testkit {

SimScheduler::SimScheduler(std::uint64_t seed) : seed_(seed), random_(seed) {}

SimScheduler::~SimScheduler() { PEERQ_ASSERT(executors_.empty()); }

// Core and helpers never wait for the disk, the writer never for a checkpoint, and user code may wait for all
// of them. So whatever stands still on the stack, what runs above it comes to its end.
SimScheduler::Lanes SimScheduler::lanes_below(port::Lane lane) noexcept {
  const auto bit = [](port::Lane one) { return 1U << static_cast<unsigned>(one); };
  const Lanes quick = bit(port::Lane::core) | bit(port::Lane::helper);
  switch (lane) {
    case port::Lane::core: return 0;
    case port::Lane::helper: return bit(port::Lane::core);
    case port::Lane::writer: return quick;
    case port::Lane::checkpoint: return quick | bit(port::Lane::writer);
    case port::Lane::callback: return all_lanes;
  }
  return 0;
}

void SimScheduler::at(SteadyTime time, Task event) {
  events_.emplace(Event{std::max(time, now()), events_made_++}, std::move(event));
}

bool SimScheduler::run_until_idle(SteadyTime give_up) {
  while (run_one(all_lanes, give_up)) {
  }
  return next_time(all_lanes) == SteadyTime::never();
}

bool SimScheduler::run_until(const std::function<bool()>& reached, SteadyTime give_up) {
  while (!reached()) {
    if (!run_one(all_lanes, give_up)) return reached();
  }
  return true;
}

std::chrono::nanoseconds SimScheduler::draw(Duration range) {
  const std::chrono::nanoseconds width = range.max - range.min;
  return range.min + std::chrono::nanoseconds(below(static_cast<std::uint64_t>(width.count()) + 1));
}

bool SimScheduler::run_one(Lanes lanes, SteadyTime limit) {
  while (true) {
    if (now() > limit) return false;
    if (run_event() || run_ready(lanes)) return true;
    const SteadyTime next = next_time(lanes);
    if (next > limit || next == SteadyTime::never()) {
      if (limit != SteadyTime::never()) clock_->advance_to(limit);
      return false;
    }
    clock_->advance_to(next);
  }
}

bool SimScheduler::run_event() {
  const auto first = events_.begin();
  if (first == events_.end() || first->first.time > now()) return false;
  Task event = std::move(first->second);
  events_.erase(first);
  ++steps_;
  event();
  return true;
}

bool SimScheduler::run_ready(Lanes lanes) {
  choices_.clear();
  for (auto* executor : executors_) {
    for (std::size_t lane = 0; lane < SimExecutor::lane_count; ++lane) {
      if ((lanes >> lane & 1U) != 0 && executor->ready_at(lane) <= now()) {
        choices_.push_back({executor, static_cast<port::Lane>(lane)});
      }
    }
  }
  if (choices_.empty()) return false;
  const Choice choice = choices_[below(choices_.size())];
  ++steps_;
  choice.executor->run(static_cast<std::size_t>(choice.lane));
  return true;
}

SteadyTime SimScheduler::next_time(Lanes lanes) const {
  SteadyTime next = events_.empty() ? SteadyTime::never() : events_.begin()->first.time;
  for (const auto* executor : executors_) {
    for (std::size_t lane = 0; lane < SimExecutor::lane_count; ++lane) {
      if ((lanes >> lane & 1U) != 0) next = std::min(next, executor->ready_at(lane));
    }
  }
  return next;
}

void SimScheduler::run_while(SteadyTime until, const std::function<bool()>& go_on) {
  while (go_on() && run_one(all_lanes, until)) {
  }
}

void SimScheduler::pause(port::Lane lane, std::chrono::nanoseconds duration) {
  const SteadyTime until = now() + duration;
  while (run_one(lanes_below(lane), until)) {
  }
}

}  // namespace peerq::testkit
