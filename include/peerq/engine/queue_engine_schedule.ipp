#pragma once
// QueueEngine: recurring schedules (S79). When they run is resolved by the proposer; here wall times are
// compared.

#include <algorithm>

#include "peerq/engine/queue_engine.hpp"
#include "peerq/engine/validate.hpp"

namespace peerq::engine {
inline namespace v1 {

template <Tables T>
void QueueEngine<T>::put_schedule(const PutSchedule& command, Reply& reply) {
  QueueContext* queue = use(command.queue, reply);
  if (queue == nullptr) return;
  if (Error error = check_schedule(*queue, command); error.code != errc::ok) {
    return fail(reply, error.code, std::move(error.detail));
  }
  const ScheduleKey key{queue->id, std::string(command.name)};
  auto before = tables_->template find<ScheduleRow>(key);
  ScheduleRow row = schedule_row(command);
  if (before && before->asks_the_same(row)) return;
  ScheduleCountRow count = tables_->template find<ScheduleCountRow>(SingleKey{}).value_or(ScheduleCountRow{});
  const bool first = count.version == 0;
  if (!before && count.count >= limits::schedules_max) {
    return fail(reply, errc::limit_exceeded,
                "at most " + std::to_string(limits::schedules_max) + " schedules");
  }
  row.version = ++count.version;
  row.last = header_.stamps.wall;
  if (before) {
    disarm_schedule(key, *before);
  } else {
    ++count.count;
  }
  if (first) {
    tables_->template insert<ScheduleCountRow>(SingleKey{}, count);
  } else {
    tables_->template update<ScheduleCountRow>(SingleKey{}, count);
  }
  add_runs(row, command.runs_ms);
  if (before) {
    tables_->template update<ScheduleRow>(key, row);
  } else {
    tables_->template insert<ScheduleRow>(key, row);
  }
  arm_schedule(*queue, key, row);
}

/// What the command asks for; nothing has come of it yet.
template <Tables T>
ScheduleRow QueueEngine<T>::schedule_row(const PutSchedule& command) {
  ScheduleRow row;
  row.specification = command.specification;
  row.zone = command.zone;
  row.missed = command.missed;
  row.anchor = command.anchor;
  row.payload = as_text(command.item.payload);
  row.counted_bytes = command.item.counted_bytes;
  row.priority = command.item.priority;
  row.time_to_live_ms = command.item.time_to_live_ms;
  row.group = as_text(command.item.group_id);
  return row;
}

template <Tables T>
Error QueueEngine<T>::check_schedule(const QueueContext& queue, const PutSchedule& command) const {
  if (Error error = validate_name(command.name); error.code != errc::ok) return error;
  const std::size_t longest = std::max(command.specification.size(), command.zone.size());
  if (command.specification.empty() || longest > limits::schedule_text_size_max) {
    return {errc::invalid_argument,
            "schedule is 1 to " + std::to_string(limits::schedule_text_size_max) + " characters"};
  }
  if (command.item.due.ms != 0 || !command.item.deduplication_id.empty()) {
    return {errc::not_supported, "a schedule's messages have no delay and no deduplication_id"};
  }
  return check_item(queue, command.item);
}

/// More runs of a schedule; those of an older version are ignored.
template <Tables T>
void QueueEngine<T>::extend_schedule(const ExtendSchedule& command, Reply& reply) {
  QueueContext* queue = use(command.queue, reply);
  if (queue == nullptr) return;
  const ScheduleKey key{queue->id, std::string(command.name)};
  auto row = tables_->template find<ScheduleRow>(key);
  if (!row || row->version != command.version) return;
  disarm_schedule(key, *row);
  add_runs(*row, command.runs_ms);
  arm_schedule(*queue, key, *row);
  tables_->template update<ScheduleRow>(key, *row);
}

template <Tables T>
void QueueEngine<T>::remove_schedule(const RemoveSchedule& command, Reply& reply) {
  QueueContext* queue = use(command.queue, reply);
  if (queue == nullptr) return;
  const ScheduleKey key{queue->id, std::string(command.name)};
  const auto row = tables_->template find<ScheduleRow>(key);
  if (!row) return;
  erase_schedule(key, *row);
  reply.count = 1;
}

template <Tables T>
void QueueEngine<T>::erase_schedule(const ScheduleKey& key, const ScheduleRow& row) {
  disarm_schedule(key, row);
  tables_->template erase<ScheduleRow>(key);
  auto count = tables_->template find<ScheduleCountRow>(SingleKey{});
  if (!count || count->count == 0) damaged("schedules are not counted", {key.queue, {}});
  --count->count;
  tables_->template update<ScheduleCountRow>(SingleKey{}, *count);
}

/// The queue is deleted, and its schedules with it.
template <Tables T>
void QueueEngine<T>::drop_schedules(const QueueContext& queue) {
  const ScheduleKey end{QueueId{queue.id.value + 1}, {}};
  ScheduleKey from{queue.id, {}};
  while (const auto found = tables_->template first<ScheduleRow>(from, end)) {
    from = found->key;
    erase_schedule(from, found->row);
  }
}

/// Only what follows the last that it knows.
template <Tables T>
void QueueEngine<T>::add_runs(ScheduleRow& row, std::span<const std::int64_t> runs_ms) {
  for (const std::int64_t run : runs_ms) {
    if (row.runs.size() >= limits::schedule_runs) break;
    if (WallTime{run} > (row.runs.empty() ? row.last : row.runs.back())) row.runs.push_back(WallTime{run});
  }
}

template <Tables T>
void QueueEngine<T>::arm_schedule(const QueueContext& queue, const ScheduleKey& key, const ScheduleRow& row) {
  if (row.runs.size() < limits::schedule_runs_low) effects_->calendars.push_back(queue.id);
  if (row.runs.empty()) return;
  const ScheduleDueRow::Key due{row.runs.front(), key.queue, key.name};
  tables_->template insert<ScheduleDueRow>(due, ScheduleDueRow{});
  schedule_due_.note(due);
}

template <Tables T>
void QueueEngine<T>::disarm_schedule(const ScheduleKey& key, const ScheduleRow& row) {
  if (!row.runs.empty()) {
    tables_->template erase<ScheduleDueRow>({row.runs.front(), key.queue, key.name});
  }
}

/// False when nothing (more) is to be done in this entry.
template <Tables T>
bool QueueEngine<T>::sweep_one_schedule() {
  const ScheduleDueRow::Key end{WallTime{header_.stamps.wall.ms + 1}, QueueId{0}, {}};
  if (schedule_due_.nothing_before(end)) return false;
  const auto found = schedule_due_.first(*tables_, {}, {WallTime::never(), QueueId{0}, {}});
  if (!found || !(found->key < end)) return false;
  if (due_budget_ == 0) {
    more_due_ = true;
    return false;
  }
  const ScheduleKey key{found->key.queue, found->key.name};
  QueueContext& queue = need_context(key.queue);
  auto row = tables_->template find<ScheduleRow>(key);
  if (!row || row->runs.empty() || row->runs.front() != found->key.at) {
    damaged("a run does not fit its schedule", {key.queue, {}});
  }
  if (!take_run_budget(*row)) {
    more_due_ = true;
    return false;
  }
  disarm_schedule(key, *row);
  take_runs(queue, *row);
  arm_schedule(queue, key, *row);
  tables_->template update<ScheduleRow>(key, *row);
  return true;
}

/// Everything that is due, as far as the entry's budgets of rows and bytes go. A run that is more than
/// `schedule_grace` late was missed: nobody was there.
template <Tables T>
void QueueEngine<T>::take_runs(QueueContext& queue, ScheduleRow& row) {
  std::size_t used = 0;
  bool more = false;
  while (used < row.runs.size() && row.runs[used] <= header_.stamps.wall) {
    more = used > 0 && !take_run_budget(row);
    if (more) break;
    row.last = row.runs[used++];
    if (row.last + limits::schedule_grace < header_.stamps.wall) {
      miss_run(queue, row);
      continue;
    }
    send_owed(queue, row);
    send_run(queue, row);
    if (PEERQ_PLANTED(schedule_run_twice)) send_run(queue, row);
  }
  row.runs.erase(row.runs.begin(), row.runs.begin() + static_cast<std::ptrdiff_t>(used));
  // While the last run known is one that was missed, more of them may follow: one is sent for all.
  if (!row.runs.empty() && !more) send_owed(queue, row);
}

/// For another run in this entry; false when it has to wait for the next.
template <Tables T>
bool QueueEngine<T>::take_run_budget(const ScheduleRow& row) {
  const std::size_t size = row.payload.size();
  if (run_bytes_left_ < size) due_budget_ = 0;
  if (due_budget_ == 0) return false;
  --due_budget_;
  run_bytes_left_ -= size;
  return true;
}

template <Tables T>
void QueueEngine<T>::miss_run(QueueContext& queue, ScheduleRow& row) {
  if (row.missed == MissedRuns::all && row.caught_up < limits::missed_runs_max) {
    ++row.caught_up;
    return send_run(queue, row);
  }
  if (row.missed == MissedRuns::one && !row.owes_one) {
    row.owes_one = true;
    return;
  }
  ++row.missed_runs;
}

template <Tables T>
void QueueEngine<T>::send_owed(QueueContext& queue, ScheduleRow& row) {
  row.caught_up = 0;
  if (!row.owes_one) return;
  row.owes_one = false;
  send_run(queue, row);
}

template <Tables T>
void QueueEngine<T>::send_run(QueueContext& queue, ScheduleRow& row) {
  const SharedBytes payload = SharedBytes::copy(as_bytes(row.payload));
  SendItem item;
  item.payload = payload.bytes();
  item.own = &payload;
  item.counted_bytes = row.counted_bytes;
  item.priority = row.priority;
  item.time_to_live_ms = row.time_to_live_ms;
  item.group_id = as_bytes(row.group);
  ItemReply reply;
  const bool sent = !header_.storage_full && send_one(queue, item, reply, false).code == errc::ok;
  ++(sent ? row.sent : row.lost);
}

template <Tables T>
Result<std::vector<ScheduleInfo>> QueueEngine<T>::schedules(QueueId id, std::string_view after,
                                                            std::size_t max) const {
  if (Error error = absent(look(id)); error.code != errc::ok) return error;
  std::vector<ScheduleInfo> out;
  ScheduleKey from{id, std::string(after)};
  const ScheduleKey end{QueueId{id.value + 1}, {}};
  if (!after.empty()) from.name.push_back('\0');
  while (out.size() < max) {
    const auto found = tables_->template first<ScheduleRow>(from, end);
    if (!found) break;
    out.push_back({found->key.name, found->row});
    from.name = found->key.name;
    from.name.push_back('\0');
  }
  return out;
}

}  // namespace v1
}  // namespace peerq::engine
