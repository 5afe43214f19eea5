#pragma once
// QueueEngine: where messages go that nobody could process, or nobody did in time (S37, S38, S40, S63).

#include "peerq/engine/queue_engine.hpp"

namespace peerq::engine {
inline namespace v1 {

/// For a message that was taken out. False when it left the queue, true when it is parked in it.
template <Tables T>
bool QueueEngine<T>::dead_letter_or_park(QueueContext& queue, const MessageKey& key, MessageRow& row,
                                         Cause cause) {
  if (QueueContext* target = dead_letter_queue(queue)) {
    dead_letter(queue, key, row, cause, *target);
    return false;
  }
  park(queue, key, row, cause);
  return true;
}

/// For a message that was taken out: its time-to-live or retention has passed.
template <Tables T>
void QueueEngine<T>::expire(QueueContext& queue, const MessageKey& key, MessageRow& row, Cause cause) {
  QueueContext* target = queue.config.options.dead_letter_expired ? dead_letter_queue(queue) : nullptr;
  if (target != nullptr) return dead_letter(queue, key, row, cause, *target);
  ++queue.row.expired;
  queue.count(EventKind::expired);
  discard(queue, key, row);
}

/// The dead-letter queue, when there is one and this shard has it.
template <Tables T>
QueueContext* QueueEngine<T>::dead_letter_queue(QueueContext& queue) {
  const QueueId id = queue.config.dead_letter;
  if (id.value == 0 || id == queue.id) return nullptr;
  QueueContext* source = recent_;
  QueueContext* target = lookup(id);
  recent_ = source;
  return target == nullptr || target->removed ? nullptr : &touch(*target);
}

/// Moves a message that was taken out: it leaves and arrives in the same entry (S37).
template <Tables T>
void QueueEngine<T>::dead_letter(QueueContext& queue, const MessageKey& key, MessageRow& row, Cause cause,
                                 QueueContext& target) {
  Newcomer newcomer{target.id, row.id(key), priority_of(key, row), {}, row, read_note(key, row)};
  if (row.group != 0) {
    newcomer.group = need_group(queue, row.group).row.name;
    shrink_group(queue, row.group);
  }
  if (row.has_note) tables_->template erase<NoteRow>(key);
  if (row.foreign_id.incarnation.value != 0) tables_->template erase<ForeignRow>({queue.id, newcomer.id});
  drop_deduplication(key, row);
  tables_->template erase<MessageRow>(key);
  queue.row.bytes -= row.counted_bytes;
  queue.row.dead_lettered += PEERQ_PLANTED(counter_drift) ? 2 : 1;
  queue.count(EventKind::dead_lettered);

  NoteRow& note = newcomer.note;
  note.cause = cause;
  note.source = queue.id;
  note.source_name = queue.config.name;
  if (note.origin.value == 0) {
    note.origin = note.source;
    note.origin_name = note.source_name;
  }
  note.attempts = row.receive_count;
  note.dead_lettered_at = header_.stamps.wall;
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
  queue.count(EventKind::parked);
  enter_parked(queue, key, row);
}

/// Enters at the end of a lane, as fresh. The limits of the queue do not count (S38).
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
  row.has_note = row.dead_lettered = true;
  row.counted_bytes = newcomer.row.counted_bytes;
  row.attempt = newcomer.row.attempt;  // never falls: a receipt of the old queue stays behind every new lease
  row.arrived = header_.stamps.wall;
  row.first_sent = newcomer.row.first_sent;
  row.foreign_id = newcomer.id;
  tables_->template insert<MessageRow>(key, row);
  tables_->template insert<NoteRow>(key, newcomer.note);
  tables_->template insert<ForeignRow>({queue.id, newcomer.id}, ForeignRow{key.sequence});
  ++queue.row.arrived;
  ++queue.row.ready;
  queue.row.bytes += row.counted_bytes;
  arm_retention(queue, row.retention_base());
  if (grouped) join_group(queue, key, row);
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
