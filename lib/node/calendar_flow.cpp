// Delivery windows and recurring schedules: what zones and expressions mean is resolved here, ahead of time,
// and proposed as wall times (S78, S79). The engine says when it runs short.

#include <algorithm>

#include "node/core.hpp"

namespace peerq::node {

namespace {

/// A zone database that could not be read is tried again after this.
constexpr auto calendar_pause = std::chrono::seconds(60);
constexpr std::size_t schedules_page = 100;

}  // namespace

/// What a checkpointed life left: windows are resolved anew, since the zones' rules may have changed.
void Core::resume_calendar() {
  for (auto& shard : shards_) {
    if (shard.queues == nullptr) continue;
    for (const auto& [queue, version] : shard.queues->queues()) shard.calendars.insert(queue);
    for (const QueueId queue : shard.queues->queues_moving()) shard.moves.begun.insert(queue);
  }
}

void Core::resolve_calendars() {
  if (closing_.load(std::memory_order_relaxed) || is_failed() || now_ < calendar_at_) return;
  for (auto& shard : shards_) {
    while (!shard.calendars.empty() && !shard.is_stopped() && now_ >= calendar_at_) {
      const QueueId queue = *shard.calendars.begin();
      if (!resolve_window(shard, queue) || !resolve_schedules(shard, queue)) {
        calendar_at_ = now_ + calendar_pause;
        return;
      }
      shard.calendars.erase(queue);
    }
  }
}

/// Parameters act at once (S9): whoever set them is told when the queue's windows are set too. False when
/// there are none, or nothing to wait for.
bool Core::resolve_at_once(Shard& shard, QueueId queue, const std::shared_ptr<CatalogRequest>& parent) {
  if (parent == nullptr || !shard.calendars.contains(queue) || now_ < calendar_at_) return false;
  const engine::QueueConfig* config = shard.queues->config(queue);
  if (config == nullptr || config->options.windows.empty()) return false;
  if (!resolve_schedules(shard, queue) || !resolve_window(shard, queue, parent)) return false;
  shard.calendars.erase(queue);
  return true;
}

/// False when the zones cannot be read now.
bool Core::resolve_window(Shard& shard, QueueId queue, const std::shared_ptr<CatalogRequest>& parent) {
  const engine::QueueConfig* config = shard.queues->config(queue);
  if (config == nullptr || config->options.windows.empty()) return true;
  auto turns =
      parts_.calendar->turns(config->options.windows, shard.stamper->peek().wall, limits::window_turns);
  if (!turns) return calendar_failed(config->name, turns.error());
  auto request = std::make_shared<CalendarRequest>(Kind::set_window);
  request->queue = queue;
  request->shard = shard.id;
  request->version = config->version;
  request->open = turns->open;
  for (const WallTime turn : turns->turns) request->times_ms.push_back(turn.ms);
  request->parent = parent;
  push_pending(shard, std::move(request), 256);
  return true;
}

/// What the engine says of it changes nothing for whoever set the parameters: they stand.
void Core::window_ended(const CalendarRequest& request) {
  const bool applied = request.error.code == errc::ok || request.reply.code != errc::ok;
  if (applied) return confirmed(request.parent);
  creator_failed(request.parent, request.error);
}

bool Core::resolve_schedules(Shard& shard, QueueId queue) {
  for (std::string after;;) {
    auto page = shard.queues->schedules(queue, after, schedules_page);
    if (!page || page->empty()) return true;
    for (const auto& schedule : *page) {
      if (!resolve_schedule(shard, queue, schedule)) return false;
    }
    after = page->back().name;
  }
}

bool Core::resolve_schedule(Shard& shard, QueueId queue, const engine::ScheduleInfo& schedule) {
  const auto& row = schedule.row;
  if (row.runs.size() >= limits::schedule_runs_low) return true;
  const WallTime after = row.runs.empty() ? row.last : row.runs.back();
  auto runs = parts_.calendar->runs(row.specification, row.zone, row.anchor, after,
                                    limits::schedule_runs - row.runs.size());
  if (!runs) return calendar_failed(schedule.name, runs.error());
  if (runs->empty()) return true;
  auto request = std::make_shared<CalendarRequest>(Kind::extend_schedule);
  request->queue = queue;
  request->shard = shard.id;
  request->name = schedule.name;
  request->version = row.version;
  for (const WallTime run : *runs) request->times_ms.push_back(run.ms);
  push_pending(shard, std::move(request), 1024);
  return true;
}

bool Core::calendar_failed(const std::string& name, const Error& error) {
  parts_.observer->log(LogLevel::error, name + ": " + error.text());
  return false;
}

}  // namespace peerq::node
