#pragma once
// QueueEngine: the course of an entry, and the queues in memory.

#include <algorithm>
#include <bit>
#include <variant>

#include "peerq/engine/queue_engine.hpp"

namespace peerq::engine {
inline namespace v1 {

template <Tables T>
void QueueEngine<T>::apply(LogIndex index, const EntryView& entry, Effects& effects) {
  if (entry.header.version == 0 || entry.header.version > entry_version) {
    throw TablesFailure{
        Error(errc::version_mismatch, "log entry of format " + std::to_string(entry.header.version))};
  }
  begin(entry, effects);
  sweep();
  for (const Command& command : entry.commands) run_once(command, effects.replies.emplace_back());
  reclaim();
  finish();
  applied_ = index;
}

template <Tables T>
void QueueEngine<T>::begin(const EntryView& entry, Effects& effects) {
  effects.clear();
  effects.replies.reserve(entry.commands.size());
  header_ = entry.header;
  bytes_ = &entry.bytes;
  effects_ = &effects;
  more_due_ = false;
  if (contexts_.size() > contexts_max) {
    contexts_.clear();
    groups_held_ = 0;
    recent_ = nullptr;
  }
  for (const Newcomer& newcomer : std::exchange(late_newcomers_, {})) arrive(newcomer);
}

/// Writes the queues back in the order of their ids: the same order on every replica.
template <Tables T>
void QueueEngine<T>::finish() {
  if (touched_.size() > 1) {
    std::sort(touched_.begin(), touched_.end(), [](const auto* a, const auto* b) { return a->id < b->id; });
  }
  for (QueueContext* queue : touched_) {
    if (!queue->forgotten) write_back(*queue);
    tell(*queue);
  }
  for (QueueContext* queue : touched_) {
    queue->touched = false;
    if (!queue->forgotten) continue;
    if (recent_ == queue) recent_ = nullptr;
    groups_held_ -= queue->groups_counted;
    contexts_.erase(queue->id);
  }
  touched_.clear();
  effects_->more_due = more_due_;
  effects_ = nullptr;
  bytes_ = nullptr;
}

template <Tables T>
void QueueEngine<T>::write_back(QueueContext& queue) {
  if (queue.groups.is_touched()) write_groups(queue);
  std::size_t slice = limits::deduplication_slice;
  reclaim_deduplication(queue, slice);
  if (queue.row != queue.stored) {
    const bool room = queue.row.live() < queue.stored.live() || queue.row.bytes < queue.stored.bytes;
    if (room && queue.config.options.overflow == Overflow::block) effects_->room.push_back(queue.id);
    tables_->template update<QueueRow>(QueueKey{queue.id}, queue.row);
    queue.stored = queue.row;
  }
  for (unsigned left = queue.lanes_present; left != 0; left &= left - 1) {
    const auto number = static_cast<std::uint8_t>(std::countr_zero(left));
    LaneContext& lane = queue.lanes[number];
    if (lane.in_tables && lane.row == lane.stored) continue;
    const LaneRow::Key key{queue.id, number};
    if (lane.in_tables) {
      tables_->template update<LaneRow>(key, lane.row);
    } else {
      tables_->template insert<LaneRow>(key, lane.row);
    }
    lane.in_tables = true;
    lane.stored = lane.row;
  }
}

/// Tells the node what happened to the queue.
template <Tables T>
void QueueEngine<T>::tell(QueueContext& queue) {
  for (std::size_t kind = 0; queue.has_events && kind < event_kinds; ++kind) {
    if (queue.events[kind] == 0) continue;
    effects_->events.push_back({static_cast<EventKind>(kind), queue.id, queue.events[kind]});
    queue.events[kind] = 0;
  }
  queue.has_events = false;
  if (queue.announced && queue.deliverable() > 0) effects_->ready.push_back(queue.id);
  queue.announced = false;
}

template <Tables T>
void QueueEngine<T>::run(const Command& command, Reply& reply) {
  std::visit([&](const auto& body) { on(body, command.origin, reply); }, command.body);
}

/// The queue in memory, read when it is not there yet; null when the shard does not know it.
template <Tables T>
QueueContext* QueueEngine<T>::lookup(QueueId queue) const {
  if (recent_ != nullptr && recent_->id == queue) return recent_;
  auto at = contexts_.find(queue);
  if (at == contexts_.end()) {
    QueueContext read;
    if (!read_context(queue, read)) return nullptr;
    at = contexts_.emplace(queue, std::move(read)).first;
  }
  recent_ = &at->second;
  return recent_;
}

template <Tables T>
bool QueueEngine<T>::read_context(QueueId id, QueueContext& queue) const {
  auto config = tables_->template find<ConfigRow>(QueueKey{id});
  if (!config) return false;
  const auto row = tables_->template find<QueueRow>(QueueKey{id});
  if (!row) damaged("a queue has no counters", {id, {}});
  queue.id = id;
  queue.config = std::move(config->config);
  queue.row = queue.stored = *row;
  const LaneRow::Key end{id, limits::lane_count};
  LaneRow::Key from{id, 0};
  while (const auto found = tables_->template first<LaneRow>(from, end)) {
    LaneContext& lane = queue.lanes[found->key.lane];
    lane.row = lane.stored = found->row;
    lane.in_tables = true;
    queue.lanes_present |= static_cast<std::uint16_t>(1U << found->key.lane);
    from.lane = static_cast<std::uint8_t>(found->key.lane + 1);
  }
  queue.window_closed = is_window_closed(queue);
  const auto reclaim = tables_->template find<ReclaimRow>(QueueKey{id});
  queue.reclaiming = reclaim.has_value();
  queue.removed = reclaim && reclaim->removed;
  return true;
}

/// For queries: the queue in memory, else a copy that is kept until the next query, so that asking about
/// every queue of a shard does not fill the memory.
template <Tables T>
const QueueContext* QueueEngine<T>::look(QueueId queue) const {
  if (const auto at = contexts_.find(queue); at != contexts_.end()) return &at->second;
  looked_at_ = QueueContext{};
  return read_context(queue, looked_at_) ? &looked_at_ : nullptr;
}

template <Tables T>
QueueContext& QueueEngine<T>::touch(QueueContext& queue) {
  if (!queue.touched) {
    queue.touched = true;
    touched_.push_back(&queue);
  }
  return queue;
}

/// The queue of a row that was found: it must be there.
template <Tables T>
QueueContext& QueueEngine<T>::need_context(QueueId queue) {
  QueueContext* found = lookup(queue);
  if (found == nullptr) damaged("a row names a queue that is not there", {queue, {}});
  return touch(*found);
}

/// The queue that a command names; null, and the reply says why.
template <Tables T>
QueueContext* QueueEngine<T>::use(QueueId queue, Reply& reply) {
  QueueContext* found = lookup(queue);
  if (found == nullptr || found->removed) {
    reply.code = found == nullptr ? errc::queue_not_found : errc::queue_deleted;
    return nullptr;
  }
  return &touch(*found);
}

template <Tables T>
MessageRow QueueEngine<T>::need_message(const MessageKey& key) const {
  auto row = tables_->template find<MessageRow>(key);
  if (!row) damaged("a row names a message that is not there", key);
  return std::move(*row);
}

/// Data that cannot be there: the shard stops (S55).
template <Tables T>
void QueueEngine<T>::damaged(const char* what, const MessageKey& key) {
  throw TablesFailure{Error(errc::corrupt, std::string(what) + " (queue " + std::to_string(key.queue.value) +
                                               ", sequence " + std::to_string(key.sequence.value) + ")")};
}

template <Tables T>
void QueueEngine<T>::fail(Reply& reply, errc code, std::string detail) {
  reply.code = code;
  reply.detail = std::move(detail);
}

}  // namespace v1
}  // namespace peerq::engine
