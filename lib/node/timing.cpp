// Deadlines of requests, ticks for what falls due, timed calls, and the one timer.

#include <algorithm>

#include "node/core.hpp"

namespace peerq::node {

namespace {

/// Ticks that serve nobody's request come at least this far apart.
constexpr auto tick_spacing = std::chrono::milliseconds(10);
/// The calendar may be set while we sleep: look at it again after this.
constexpr auto calendar_poll = std::chrono::seconds(1);

}  // namespace

void Core::expire_deadlines() {
  for (auto& shard : shards_) {
    while (auto waiter = shard.waiters.expired(now_)) finish(waiter);  // empty is success (S22)
  }
  if (now_ < next_deadline_) return;
  next_deadline_ = SteadyTime::never();
  for (auto& shard : shards_) {
    expire_pending(shard);
    expire_outcomes(shard);
    expire_lines(shard);
  }
}

/// Requests whose caller waits no longer: pending ones did not happen, proposed ones may.
void Core::expire_pending(Shard& shard) {
  std::vector<std::shared_ptr<Request>> late;
  for (const auto& request : shard.pending) {
    expire_creator(*request);
    if (request->deadline <= now_)
      late.push_back(request);
    else
      next_deadline_ = std::min(next_deadline_, request->deadline);
  }
  for (const auto& request : late) {
    remove_pending(shard, *request);
    finish(request, Error(errc::timeout));
  }
  for (const auto& entry : shard.under_way) {
    for (const auto& request : entry.requests) {
      if (request == nullptr || request->stage == Stage::finished) continue;
      expire_creator(*request);
      if (request->deadline <= now_)
        finish(request, Error(errc::outcome_unknown));
      else
        next_deadline_ = std::min(next_deadline_, request->deadline);
    }
  }
}

/// Whoever creates, updates or deletes a queue waits no longer than it said; the configuration goes on
/// without.
void Core::expire_creator(const Request& request) {
  if (request.kind != Kind::configure && request.kind != Kind::set_window) return;
  const auto& creator = request.kind == Kind::configure ? static_cast<const ConfigureRequest&>(request).parent
                                                        : static_cast<const CalendarRequest&>(request).parent;
  if (creator == nullptr || creator->stage == Stage::finished) return;
  if (creator->deadline <= now_)
    finish(creator, Error(errc::outcome_unknown));
  else
    next_deadline_ = std::min(next_deadline_, creator->deadline);
}

void Core::consider_ticks() {
  if (confirm_clock_.exchange(false, std::memory_order_relaxed)) {
    for (auto& shard : shards_) shard.stamper->confirm();
  }
  const bool suspect = shard(data_shard).stamper->suspect();
  if (suspect != clock_suspect_) {
    clock_suspect_ = suspect;
    parts_.observer->event(suspect ? NodeEvent::clock_suspect : NodeEvent::clock_confirmed, "", 1);
    for (auto& shard : shards_) {
      shard.due_known = false;
      shard.tick_now = true;  // the engine learns of it from the next entry, which nobody else may ask for
    }
  }
  for (auto& shard : shards_) {
    if (shard.is_stopped() || due_at(shard) > now_) continue;
    shard.due_known = false;  // it may have been only a look at the calendar
    if (due_at(shard) <= now_) shard.tick_now = true;
  }
}

/// When the shard needs an entry although nobody asks for anything (S2, S3).
SteadyTime Core::due_at(Shard& shard) {
  if (shard.due_known) return shard.due_at;
  const engine::NextDue due = shard.machine->next_due();
  SteadyTime at = SteadyTime::never();
  if (due.lease != LeaseTime::never()) {
    at = std::min(shard.stamper->steady_at(due.lease), shard.stamped_at + limits::stamp_interval);
  }
  if (due.wall != WallTime::never()) {
    const WallTime calendar = shard.stamper->peek().wall;
    const bool held_back = clock_suspect_ && due.wall <= shard.machine->stamps().wall;  // S64
    const auto left = std::max(due.wall - calendar, Milliseconds(0));
    const SteadyTime then = held_back || left > calendar_poll ? now_ + calendar_poll : now_ + left;
    at = std::min(at, then);
  }
  if (due.more || shard.more_due) {
    at = now_;
  } else {
    at = std::max(at, shard.stamped_at + tick_spacing);
  }
  shard.due_at = at;
  shard.due_known = true;
  return at;
}

void Core::admit_call(const std::shared_ptr<Request>& request) {
  calls_.emplace(static_cast<const CallAtRequest&>(*request).at, request);
}

void Core::run_calls() {
  while (!calls_.empty() && calls_.begin()->first <= now_) {
    auto request = std::move(calls_.begin()->second);
    calls_.erase(calls_.begin());
    finish(request);
  }
}

void Core::arm_timer() {
  SteadyTime at = std::min({next_deadline_, retry_write_at_, retry_checkpoint_at_});
  if (!calls_.empty()) at = std::min(at, calls_.begin()->first);
  if (writer_.idle() && writer_.has_work()) at = std::min(at, shard(interval_shard).write_by);
  for (auto& shard : shards_) {
    if (shard.is_stopped()) continue;
    at = std::min(at, shard.waiters.next_deadline());
    const bool moves = shard.moves.under_way == 0 && shard.moves.held.empty();
    if (moves && !closing_.load(std::memory_order_relaxed)) at = std::min(at, shard.moves.chains.next_at());
    if (!shard.calendars.empty()) at = std::min(at, calendar_at_);
    // While a tick is held back by the writer, the writer's end brings the next step.
    if (!shard.tick_now) at = std::min(at, due_at(shard));
  }
  if (at >= armed_at_) return;
  armed_at_ = at;
  parts_.executor->arm(at, [weak = weak_from_this()] {
    const auto self = weak.lock();
    if (self == nullptr) return;
    self->timer_fired_.store(true, std::memory_order_relaxed);
    self->run(Runner::core_lane, nullptr);
  });
}

}  // namespace peerq::node
