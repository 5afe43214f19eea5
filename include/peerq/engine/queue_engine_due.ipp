#pragma once
// QueueEngine: what an entry's stamps made due (S3): lease deadlines, delays, times-to-live, retention.

#include "peerq/engine/queue_engine.hpp"

namespace peerq::engine {
inline namespace v1 {

/// Lease deadlines first, then the calendar; at most `due_rows_per_entry` rows, the rest in later entries.
template <Tables T>
void QueueEngine<T>::sweep() {
  due_budget_ = limits::due_rows_per_entry;
  run_bytes_left_ = limits::entry_size_max;
  while (sweep_one_lease()) {
  }
  while (sweep_one_timer()) {
  }
  while (sweep_one_session()) {
  }
  const std::uint64_t now = FarDueRow::bucket_of(header_.stamps.wall);
  while (sweep_one_far(now)) {
  }
  while (sweep_one_wall()) {
  }
  while (sweep_one_schedule()) {
  }
  while (sweep_one_outcome()) {
  }
  while (sweep_one_far(now + 1)) {
  }
  go_on_redriving();
}

/// Redrives have rows of their own: what is due does not wait for them. All that are due have a part.
template <Tables T>
void QueueEngine<T>::go_on_redriving() {
  if (due_redrives_.empty()) return;
  const std::size_t left = due_budget_;
  const std::size_t part = std::max<std::size_t>(1, limits::due_rows_per_entry / due_redrives_.size());
  for (const QueueId id : due_redrives_) {
    due_budget_ = part;
    QueueContext& queue = need_context(id);
    redrive_slice(touch(queue));
  }
  due_redrives_.clear();
  due_budget_ = left;
}

/// Makes a timer in a bucket up to `last` exact. What may be due already goes before the others are looked at
/// (S3). False when nothing (more) is to be done in this entry.
template <Tables T>
bool QueueEngine<T>::sweep_one_far(std::uint64_t last) {
  const FarDueRow::Key end{last + 1, QueueId{0}, Sequence{0}, WallDue::delay};
  if (far_due_.nothing_before(end)) return false;
  const auto found = far_due_.first(*tables_, {}, far_due_end());
  if (!found || !(found->key < end)) return false;
  if (due_budget_ == 0) {
    more_due_ = true;
    return false;
  }
  --due_budget_;
  const MessageKey key{found->key.queue, found->key.sequence};
  const MessageRow row = need_message(key);
  const WallTime at = found->key.kind == WallDue::delay ? row.due : row.expires;
  if (FarDueRow::bucket_of(at) != found->key.bucket) damaged("a far timer does not fit its message", key);
  tables_->template erase<FarDueRow>(found->key);
  insert_wall_due({at, key.queue, key.sequence, found->key.kind});
  return true;
}

/// False when nothing (more) is to be done in this entry.
template <Tables T>
bool QueueEngine<T>::sweep_one_lease() {
  const LeaseDueRow::Key end{LeaseTime{lease_now().us + 1}, QueueId{0}, Sequence{0}};
  if (lease_due_.nothing_before(end)) return false;
  // The first row of all, due or not: most entries then see at once that nothing is.
  const auto found = lease_due_.first(*tables_, {}, {LeaseTime::never(), QueueId{0}, Sequence{0}});
  if (!found || !(found->key < end)) return false;
  if (due_budget_ == 0) {
    more_due_ = true;
    return false;
  }
  --due_budget_;
  const MessageKey key{found->key.queue, found->key.sequence};
  QueueContext& queue = need_context(key.queue);
  MessageRow row = need_message(key);
  if (row.state != MessageState::in_flight || row.deadline != found->key.at) {
    damaged("a lease deadline does not fit its message", key);
  }
  if (exists(queue, key.sequence)) {
    bring_up_to_date(queue, key, row);
  } else {
    reclaim_message(queue, key, row);
  }
  return true;
}

/// False when nothing (more) is to be done in this entry.
template <Tables T>
bool QueueEngine<T>::sweep_one_wall() {
  const WallDueRow::Key end{WallTime{header_.stamps.wall.ms + 1}, QueueId{0}, Sequence{0}, WallDue::delay};
  if ((header_.expiry_halted ? delay_due_ : wall_due_).nothing_before(end)) return false;
  // The first row of all, as above; while expiry is halted that could be a long way.
  const WallDueRow::Key never{WallTime::never(), QueueId{0}, Sequence{0}, WallDue::delay};
  const auto due = first_wall_due(header_.expiry_halted ? end : never, header_.expiry_halted);
  if (!due || !(*due < end)) return false;
  if (due_budget_ == 0) {
    more_due_ = true;
    return false;
  }
  --due_budget_;
  QueueContext& queue = need_context(due->queue);
  switch (due->kind) {
    case WallDue::delay:
    case WallDue::time_to_live: sweep_message(queue, *due); return true;
    case WallDue::group: free_group(queue, *due); return true;
    case WallDue::window: turn_window(queue, *due); return true;
    case WallDue::retention: break;
  }
  if (queue.row.retention_timer != due->at)
    damaged("a retention timer does not fit its queue", {due->queue, {}});
  fire_retention(queue, due->at);
  return true;
}

template <Tables T>
void QueueEngine<T>::sweep_message(QueueContext& queue, const WallDueRow::Key& due) {
  const MessageKey key{due.queue, due.sequence};
  MessageRow row = need_message(key);
  const bool fits = due.kind == WallDue::delay
                        ? row.state == MessageState::delayed && row.due == due.at
                        : row.state != MessageState::in_flight && row.expires == due.at;
  if (!fits) damaged("a due time does not fit its message", key);
  if (exists(queue, key.sequence)) {
    bring_up_to(due.at, queue, key, row);
  } else {
    reclaim_message(queue, key, row);
  }
}

/// A retry delay is over (S46).
template <Tables T>
void QueueEngine<T>::free_group(QueueContext& queue, const WallDueRow::Key& due) {
  GroupContext* group = find_group(queue, due.sequence.value);
  if (group == nullptr) damaged("a retry delay names a group that is not there", {queue.id, due.sequence});
  if (group->row.held_until != due.at) return;  // a purge let it go, and took the row with it
  hold_group_until(queue, due.sequence.value, group->row, WallTime{});
  place_group(queue, due.sequence.value, group->row);
}

/// What a suspect calendar halts (S64).
template <Tables T>
bool QueueEngine<T>::is_expiry(WallDue kind) noexcept {
  return kind == WallDue::time_to_live || kind == WallDue::retention;
}

/// The first row of the calendar before `to`. While expiry is halted only the others are seen (S64).
template <Tables T>
std::optional<WallDueRow::Key> QueueEngine<T>::first_wall_due(const WallDueRow::Key& to, bool halted) const {
  if (!halted) {
    const auto found = wall_due_.first(*tables_, {}, to);
    if (!found) return std::nullopt;
    return found->key;
  }
  while (const auto found = delay_due_.first(*tables_, {}, to)) {
    if (!is_expiry(found->key.kind)) return found->key;
    WallDueRow::Key next = found->key;  // the smallest greater key: kinds are the last field
    next.kind = static_cast<WallDue>(static_cast<std::uint8_t>(next.kind) + 1);
    delay_due_.pass(next);
  }
  return std::nullopt;
}

/// Something arrived or came back from which retention counts: the queue's timer must not be later.
template <Tables T>
void QueueEngine<T>::arm_retention(QueueContext& queue, WallTime base) {
  const auto& retention = queue.config.options.retention;
  if (!retention) return;
  const WallTime at = base + *retention;
  if (queue.row.retention_timer.ms == 0 || at < queue.row.retention_timer) arm_retention_at(queue, at);
}

template <Tables T>
void QueueEngine<T>::arm_retention_at(QueueContext& queue, WallTime at) {
  disarm_retention(queue);
  queue.row.retention_timer = at;
  insert_wall_due({at, queue.id, Sequence{0}, WallDue::retention});
}

template <Tables T>
void QueueEngine<T>::disarm_retention(QueueContext& queue) {
  if (queue.row.retention_timer.ms == 0) return;
  tables_->template erase<WallDueRow>({queue.row.retention_timer, queue.id, Sequence{0}, WallDue::retention});
  queue.row.retention_timer = WallTime{};
}

/// Expires what is past the retention at that time: fresh messages in the order of their lanes, then the
/// others by age; then the timer goes to the next head, or stays when the entry's rows are used up
/// (docs/decisions.md, D7).
template <Tables T>
void QueueEngine<T>::fire_retention(QueueContext& queue, WallTime at) {
  disarm_retention(queue);
  if (!queue.config.options.retention) return;
  std::optional<WallTime> head;
  const auto consider = [&](std::optional<WallTime> base) {
    if (base && (!head || *base < *head)) head = base;
  };
  for (std::uint8_t lane = 0; lane < limits::lane_count; ++lane) consider(expire_fresh(queue, lane, at));
  consider(expire_aged(queue, at));
  if (due_budget_ == 0) return arm_retention_at(queue, at);
  if (head) arm_retention(queue, *head);
}

/// From when the retention of the lane's first fresh message counts, after those past it are gone.
template <Tables T>
std::optional<WallTime> QueueEngine<T>::expire_fresh(QueueContext& queue, std::uint8_t lane, WallTime at) {
  const Sequence end = Sequence::make(lane + 1, 0);
  while (queue.has_lane(lane) && due_budget_ > 0) {
    auto found = fresh_before(queue, lane, end, due_budget_);
    if (!found) break;
    const Cause cause = expiry(queue, found->row, at, false);
    if (cause == Cause::none) return found->row.retention_base();
    --due_budget_;
    take_out(queue, found->key, found->row);
    expire(queue, found->key, found->row, cause);
  }
  return std::nullopt;
}

/// From when the retention of the oldest ready or parked message counts, after those past it are gone.
template <Tables T>
std::optional<WallTime> QueueEngine<T>::expire_aged(QueueContext& queue, WallTime at) {
  const AgedRow::Key from{queue.id, WallTime{}, Sequence{0}};
  const AgedRow::Key end{QueueId{queue.id.value + 1}, WallTime{}, Sequence{0}};
  while (due_budget_ > 0) {
    const auto found = queue.aged.first(*tables_, from, end);
    if (!found) break;
    const bool past = found->key.base + *queue.config.options.retention <= at;
    if (!past) return found->key.base;
    --due_budget_;
    expire_one_aged(queue, found->key);
  }
  return std::nullopt;
}

template <Tables T>
void QueueEngine<T>::expire_one_aged(QueueContext& queue, const AgedRow::Key& aged) {
  const MessageKey key{queue.id, aged.sequence};
  MessageRow row = need_message(key);
  const bool aging = row.state == MessageState::ready || row.state == MessageState::parked;
  if (!aging || row.retention_base() != aged.base) damaged("an age does not fit its message", key);
  if (!exists(queue, key.sequence)) return reclaim_message(queue, key, row);
  take_out(queue, key, row);
  expire(queue, key, row, Cause::retention);
}

}  // namespace v1
}  // namespace peerq::engine
