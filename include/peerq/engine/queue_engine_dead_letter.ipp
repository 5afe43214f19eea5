#pragma once
// QueueEngine: where messages go that nobody could process, or nobody did in time (S37, S38, S40, S63).

#include "peerq/engine/queue_engine.hpp"

namespace peerq::engine {
inline namespace v1 {

/// For a message that was taken out. False when it left the queue, true when it is parked in it.
template <Tables T>
bool QueueEngine<T>::dead_letter_or_park(QueueContext& queue, const MessageKey& key, MessageRow& row,
                                         Cause cause) {
  if (to_dead_letter_queue(queue, key, row, cause)) return false;
  park(queue, key, row, cause);
  return true;
}

/// For a message that was taken out: its time-to-live or retention has passed.
template <Tables T>
void QueueEngine<T>::expire(QueueContext& queue, const MessageKey& key, MessageRow& row, Cause cause) {
  if (queue.config.options.dead_letter_expired && to_dead_letter_queue(queue, key, row, cause)) return;
  settle_fate(key, row, Fate::expired, cause);
  ++queue.row.expired;
  queue.count(EventKind::expired);
  discard(queue, key, row);
}

/// A queue besides the one that is worked on; null when this shard does not know it.
template <Tables T>
QueueContext* QueueEngine<T>::look_up_other(QueueId queue) {
  QueueContext* recent = recent_;
  QueueContext* found = lookup(queue);
  recent_ = recent;
  return found;
}

/// For a message that was taken out. False when there is no dead-letter queue. One that this shard does not
/// have is another's, or deleted: that is the catalog's to say (S41).
template <Tables T>
bool QueueEngine<T>::to_dead_letter_queue(QueueContext& queue, const MessageKey& key, MessageRow& row,
                                          Cause cause) {
  const QueueId id = queue.config.dead_letter;
  if (id.value == 0 || id == queue.id) return false;
  QueueContext* target = look_up_other(id);
  if (target != nullptr && target->removed) target = nullptr;
  NoteRow note = dead_letter_note(queue, key, row, cause);
  settle_fate(key, row, Fate::failed, cause, note.last_error);
  queue.count(EventKind::dead_lettered);
  if (target == nullptr) {
    send_away(queue, key, row, id, std::move(note), 0);
  } else {
    dead_letter(queue, key, row, std::move(note), touch(*target));
  }
  return true;
}

template <Tables T>
NoteRow QueueEngine<T>::dead_letter_note(const QueueContext& queue, const MessageKey& key,
                                         const MessageRow& row, Cause cause) const {
  NoteRow note = read_note(key, row);
  note.cause = cause;
  note.source = queue.id;
  note.source_name = queue.config.name;
  if (note.origin.value == 0) {
    note.origin = note.source;
    note.origin_name = note.source_name;
  }
  note.attempts = row.receive_count;
  note.dead_lettered_at = header_.stamps.wall;
  return note;
}

/// Moves a message that was taken out: it leaves and arrives in the same entry (S37).
template <Tables T>
void QueueEngine<T>::dead_letter(QueueContext& queue, const MessageKey& key, MessageRow& row, NoteRow note,
                                 QueueContext& target) {
  Newcomer newcomer{target.id, row.id(key), priority_of(key, row), {}, row, std::move(note)};
  if (row.group != 0) {
    newcomer.group = need_group(queue, row.group).row.name;
    shrink_group(queue, row.group);
  }
  erase_identity_rows(queue, key, row);
  queue.row.bytes -= row.counted_bytes;
  queue.row.dead_lettered += PEERQ_PLANTED(counter_drift) ? 2 : 1;
  if (PEERQ_PLANTED(dead_letter_in_two_steps)) return late_newcomers_.push_back(std::move(newcomer));
  arrive(newcomer);
}

/// Stays where it is until an operator kicks it; for a message that was taken out.
template <Tables T>
void QueueEngine<T>::park(QueueContext& queue, const MessageKey& key, MessageRow& row, Cause cause) {
  NoteRow note = read_note(key, row);
  note.cause = cause;
  note.attempts = row.receive_count;
  write_note(key, row, note);
  settle_fate(key, row, Fate::failed, cause, note.last_error);
  queue.count(EventKind::parked);
  enter_parked(queue, key, row);
}

/// Enters at the end of a lane. The limits of the queue do not count (S38).
template <Tables T>
void QueueEngine<T>::arrive(const Newcomer& newcomer) {
  QueueContext& queue = need_context(newcomer.queue);
  const bool grouped = !newcomer.group.empty();
  const std::uint8_t number = grouped ? limits::group_lane : newcomer.priority;
  LaneContext& lane = open_lane(queue, number);
  const MessageKey key{queue.id, Sequence::make(number, lane.row.next++)};
  MessageRow row;
  if (grouped) {
    row.group = open_group(queue, newcomer.group);
    row.priority = newcomer.priority;
    ++need_group(queue, row.group).row.live;
  }
  row.has_note = true;
  row.dead_lettered = !newcomer.redriven && !newcomer.parked;
  row.counted_bytes = newcomer.row.counted_bytes;
  row.attempt = newcomer.row.attempt;  // never falls: a receipt of the old queue stays behind every new lease
  row.arrived = newcomer.came_back ? newcomer.row.arrived : header_.stamps.wall;
  const bool counted = newcomer.came_back || (newcomer.redriven && PEERQ_PLANTED(redrive_keeps_count));
  row.receive_count = counted ? newcomer.row.receive_count : 0;
  row.first_sent = newcomer.row.first_sent;
  row.time_to_live_ms = newcomer.row.time_to_live_ms;
  row.foreign_id = newcomer.id;
  tables_->template insert<NoteRow>(key, newcomer.note);
  tables_->template insert<ForeignRow>({queue.id, newcomer.id}, ForeignRow{key.sequence});
  if (!newcomer.came_back) ++queue.row.arrived;
  queue.row.bytes += row.counted_bytes;
  place_newcomer(queue, key, newcomer, row);
}

/// Fresh, as if it had been sent; one that came back is older than its place, so it is parked or ready.
template <Tables T>
void QueueEngine<T>::place_newcomer(QueueContext& queue, const MessageKey& key, const Newcomer& newcomer,
                                    MessageRow& row) {
  if (newcomer.came_back) {
    LaneRow& lane = queue.lanes[key.sequence.lane()].row;
    if (lane.cursor == key.sequence.number()) ++lane.cursor;
    tables_->template insert<MessageRow>(key, row);
    return newcomer.parked ? enter_parked(queue, key, row) : enter_ready(queue, key, row);
  }
  if (newcomer.redriven) {
    const auto& life = queue.config.options.time_to_live;
    const std::int64_t ms = row.time_to_live_ms != 0 ? row.time_to_live_ms : life ? life->count() : 0;
    if (ms > 0) {
      row.expires = row.arrived + Milliseconds(ms);
      insert_timer({row.expires, queue.id, key.sequence, WallDue::time_to_live});
    }
  }
  ++queue.row.ready;
  tables_->template insert<MessageRow>(key, row);
  arm_retention(queue, row.retention_base());
  if (row.group != 0) join_group(queue, key, row);
  announce(queue);
}

template <Tables T>
std::uint8_t QueueEngine<T>::priority_of(const MessageKey& key, const MessageRow& row) noexcept {
  return row.group != 0 ? row.priority : key.sequence.lane();
}

template <Tables T>
NoteRow QueueEngine<T>::read_note(const MessageKey& key, const MessageRow& row) const {
  if (!row.has_note) return {};
  auto note = tables_->template find<NoteRow>(key);
  if (!note) damaged("a message has no note", key);
  return std::move(*note);
}

/// The message's row is written by whoever puts the message somewhere.
template <Tables T>
void QueueEngine<T>::write_note(const MessageKey& key, MessageRow& row, const NoteRow& note) {
  if (row.has_note) return tables_->template update<NoteRow>(key, note);
  row.has_note = true;
  tables_->template insert<NoteRow>(key, note);
}

}  // namespace v1
}  // namespace peerq::engine
