#pragma once
// QueueEngine: a message's state and the rows that go with it (rows.hpp). Every change is: take out, then
// enter.

#include <algorithm>

#include "peerq/engine/queue_engine.hpp"

namespace peerq::engine {
inline namespace v1 {

/// The clock of leases (S1).
template <Tables T>
LeaseTime QueueEngine<T>::lease_now() const noexcept {
  if (PEERQ_PLANTED(lease_from_wall_clock)) return LeaseTime{header_.stamps.wall.ms * 1000};
  return header_.stamps.lease;
}

/// Whether the sequence was given to a message and not purged since (S8); its row may still be gone.
template <Tables T>
bool QueueEngine<T>::exists(const QueueContext& queue, Sequence sequence) const noexcept {
  if (sequence.lane() >= limits::lane_count) return false;
  const LaneContext& lane = queue.lanes[sequence.lane()];
  return queue.has_lane(sequence.lane()) && sequence.number() >= lane.row.horizon &&
         sequence.number() < lane.row.next;
}

/// The message as the entry's stamps have it (S3), or none when it is gone from this queue.
template <Tables T>
std::optional<MessageRow> QueueEngine<T>::current(QueueContext& queue, const MessageKey& key) {
  if (!exists(queue, key.sequence)) return std::nullopt;
  auto row = tables_->template find<MessageRow>(key);
  if (row && !bring_up_to_date(queue, key, *row)) row.reset();
  return row;
}

/// Does what the sweep would do with this message. False when it left the queue.
template <Tables T>
bool QueueEngine<T>::bring_up_to_date(QueueContext& queue, const MessageKey& key, MessageRow& row) {
  return bring_up_to(header_.stamps.wall, queue, key, row);
}

/// The same up to a time on the calendar that is not later: what is due is taken in the order of the times.
template <Tables T>
bool QueueEngine<T>::bring_up_to(WallTime wall, QueueContext& queue, const MessageKey& key, MessageRow& row) {
  if (row.state == MessageState::in_flight) {
    if (row.deadline > lease_now()) return true;
    if (queue.is_fifo()) return end_group_lease(queue, key, row);
    queue.count(EventKind::lease_lapsed);
    return end_attempt(queue, key, row, 0);
  }
  // What expires later than it falls due is ready in between.
  const bool falls_due = row.state == MessageState::delayed && row.due <= wall;
  if (falls_due && expiry(queue, row, row.due, header_.expiry_halted) == Cause::none) {
    take_out(queue, key, row);
    enter_ready(queue, key, row);
  }
  const Cause cause = expiry(queue, row, wall, header_.expiry_halted);
  if (cause == Cause::none) return true;
  take_out(queue, key, row);
  expire(queue, key, row, cause);
  return false;
}

/// Why the message is past its time, for one that is not in flight (S16, S40, S63).
template <Tables T>
Cause QueueEngine<T>::expiry(const QueueContext& queue, const MessageRow& row, WallTime wall, bool halted) {
  if (halted) return Cause::none;
  if (row.expires.ms != 0 && row.expires <= wall) return Cause::time_to_live;
  const auto& retention = queue.config.options.retention;
  return retention && row.retention_base() + *retention <= wall ? Cause::retention : Cause::none;
}

/// Takes a message out of its state: rows and counter. The caller puts it somewhere or discards it.
template <Tables T>
void QueueEngine<T>::take_out(QueueContext& queue, const MessageKey& key, MessageRow& row) {
  erase_state_rows(queue, key, row);
  --queue.counter(row.state);
  const bool was_ready = row.state == MessageState::fresh || row.state == MessageState::ready;
  if (row.group != 0 && was_ready) leave_group(queue, row);
  if (row.state == MessageState::fresh) {
    LaneRow& lane = queue.lanes[key.sequence.lane()].row;
    if (lane.cursor == key.sequence.number()) ++lane.cursor;
  } else if (row.state == MessageState::in_flight) {
    row.deadline = row.latest_deadline = LeaseTime{};
    row.attempt_token = 0;
    row.session = SessionId(0);
    if (queue.config.options.max_in_flight != 0) announce(queue);
    if (row.group != 0) {
      GroupContext& group = need_group(queue, row.group);
      --group.row.in_flight;
      place_group(queue, row.group, group.row);
    }
  }
}

template <Tables T>
void QueueEngine<T>::erase_state_rows(QueueContext& queue, const MessageKey& key, const MessageRow& row) {
  const GroupOrderRow::Key order{queue.id, row.group, level_of(queue, row), key.sequence};
  switch (row.state) {
    case MessageState::fresh:
      if (row.group != 0) tables_->template erase<GroupOrderRow>(order);
      break;
    case MessageState::moving: break;
    case MessageState::delayed: erase_timer({row.due, key.queue, key.sequence, WallDue::delay}); break;
    case MessageState::ready:
      if (row.group != 0) {
        tables_->template erase<GroupOrderRow>(order);
      } else {
        tables_->template erase<ReadyRow>(key);
      }
      tables_->template erase<AgedRow>({key.queue, row.retention_base(), key.sequence});
      break;
    case MessageState::parked:
      tables_->template erase<ParkedRow>(key);
      tables_->template erase<AgedRow>({key.queue, row.retention_base(), key.sequence});
      break;
    case MessageState::in_flight:
      tables_->template erase<LeaseDueRow>({row.deadline, key.queue, key.sequence});
      if (row.attempt_token != 0) forget_lease(queue, key.sequence, row.attempt_token);
      if (row.session.value != 0) {
        tables_->template erase<SessionLeaseRow>({row.session, queue.id, key.sequence});
      }
      if (row.group != 0 && queue.is_fifo()) {
        tables_->template erase<GroupFlightRow>({queue.id, row.group, key.sequence});
      }
      return;  // its time-to-live stands still
  }
  if (row.expires.ms != 0) {
    erase_timer({row.expires, key.queue, key.sequence, WallDue::time_to_live});
  }
}

/// Returned, its delay is over, or kicked.
template <Tables T>
void QueueEngine<T>::enter_ready(QueueContext& queue, const MessageKey& key, MessageRow& row) {
  row.state = MessageState::ready;
  ++queue.row.ready;
  if (row.group != 0) {
    join_group(queue, key, row);
  } else {
    tables_->template insert<ReadyRow>(key, ReadyRow{});
    queue.lanes[key.sequence.lane()].ready.note(key);
  }
  insert_aged(queue, key, row);
  tables_->template update<MessageRow>(key, row);
  announce(queue);
}

/// `row.due` says until when.
template <Tables T>
void QueueEngine<T>::enter_delayed(QueueContext& queue, const MessageKey& key, MessageRow& row) {
  row.state = MessageState::delayed;
  ++queue.row.delayed;
  insert_timer({row.due, key.queue, key.sequence, WallDue::delay});
  if (row.expires.ms != 0) insert_timer({row.expires, key.queue, key.sequence, WallDue::time_to_live});
  tables_->template update<MessageRow>(key, row);
}

/// `row.deadline` says until when.
template <Tables T>
void QueueEngine<T>::enter_flight(QueueContext& queue, const MessageKey& key, MessageRow& row) {
  row.state = MessageState::in_flight;
  ++queue.row.in_flight;
  insert_lease_due(key, row.deadline);
  if (row.session.value != 0) {
    tables_->template insert<SessionLeaseRow>({row.session, queue.id, key.sequence}, {});
  }
  if (row.group != 0) {
    GroupContext& group = need_group(queue, row.group);
    ++group.row.in_flight;
    if (queue.is_fifo()) {
      tables_->template insert<GroupFlightRow>({queue.id, row.group, key.sequence}, GroupFlightRow{});
    }
    place_group(queue, row.group, group.row);
  }
  tables_->template update<MessageRow>(key, row);
}

template <Tables T>
void QueueEngine<T>::enter_parked(QueueContext& queue, const MessageKey& key, MessageRow& row) {
  row.state = MessageState::parked;
  ++queue.row.parked;
  tables_->template insert<ParkedRow>(key, ParkedRow{});
  queue.lanes[key.sequence.lane()].parked.note(key);
  insert_aged(queue, key, row);
  tables_->template update<MessageRow>(key, row);
}

template <Tables T>
void QueueEngine<T>::insert_lease_due(const MessageKey& key, LeaseTime deadline) {
  const LeaseDueRow::Key due{deadline, key.queue, key.sequence};
  tables_->template insert<LeaseDueRow>(due, LeaseDueRow{});
  lease_due_.note(due);
}

template <Tables T>
void QueueEngine<T>::insert_wall_due(const WallDueRow::Key& key) {
  tables_->template insert<WallDueRow>(key, WallDueRow{});
  wall_due_.note(key);
  if (!is_expiry(key.kind)) delay_due_.note(key);
}

/// A timer of a message: exact when it is near, else by its bucket.
template <Tables T>
void QueueEngine<T>::insert_timer(const WallDueRow::Key& key) {
  const std::uint64_t bucket = FarDueRow::bucket_of(key.at);
  if (bucket <= FarDueRow::near_at(header_.stamps.wall)) return insert_wall_due(key);
  const FarDueRow::Key far{bucket, key.queue, key.sequence, key.kind};
  tables_->template insert<FarDueRow>(far, FarDueRow{});
  far_due_.note(far);
}

/// It may be in its bucket still although it is near.
template <Tables T>
void QueueEngine<T>::erase_timer(const WallDueRow::Key& key) {
  const FarDueRow::Key far{FarDueRow::bucket_of(key.at), key.queue, key.sequence, key.kind};
  const FarDueRow::Key behind{far.bucket, far.queue, far.sequence.next(), WallDue::delay};
  const bool is_far = !far_due_.nothing_before(behind) && tables_->template find<FarDueRow>(far);
  if (is_far) return tables_->template erase<FarDueRow>(far);
  tables_->template erase<WallDueRow>(key);
}

/// The rows of ready and parked messages that only time can move on.
template <Tables T>
void QueueEngine<T>::insert_aged(QueueContext& queue, const MessageKey& key, const MessageRow& row) {
  const AgedRow::Key aged{key.queue, row.retention_base(), key.sequence};
  tables_->template insert<AgedRow>(aged, AgedRow{});
  queue.aged.note(aged);
  arm_retention(queue, row.retention_base());
  if (row.expires.ms != 0) insert_timer({row.expires, key.queue, key.sequence, WallDue::time_to_live});
}

/// Back to the queue after it was taken out, unless its time has passed meanwhile (S40). False when it left.
template <Tables T>
bool QueueEngine<T>::put_back(QueueContext& queue, const MessageKey& key, MessageRow& row,
                              std::int64_t delay_ms) {
  const Cause cause = expiry(queue, row, header_.stamps.wall, header_.expiry_halted);
  if (cause != Cause::none) {
    expire(queue, key, row, cause);
    return false;
  }
  if (delay_ms > 0 && queue.is_fifo()) {
    GroupRow& group = need_group(queue, row.group).row;
    row.due = header_.stamps.wall + Milliseconds(delay_ms);
    hold_group_until(queue, row.group, group, std::max(group.held_until, row.due));
    enter_ready(queue, key, row);
  } else if (delay_ms > 0) {
    row.due = header_.stamps.wall + Milliseconds(delay_ms);
    enter_delayed(queue, key, row);
  } else {
    enter_ready(queue, key, row);
  }
  return true;
}

/// Ends a lease that counts: nack, extend by 0, expiry. The last allowed attempt ends here too (S37).
/// False when the message left the queue.
template <Tables T>
bool QueueEngine<T>::end_attempt(QueueContext& queue, const MessageKey& key, MessageRow& row,
                                 std::int64_t delay_ms) {
  take_out(queue, key, row);
  const std::uint32_t max_receives = queue.config.options.max_receives;
  if (max_receives != 0 && row.receive_count >= max_receives) {
    if (queue.is_fifo() && queue.config.options.poison == Poison::park_group) {
      return park_group(queue, key, row);
    }
    return dead_letter_or_park(queue, key, row, Cause::attempts);
  }
  return put_back(queue, key, row, delay_ms);
}

/// The lease of a FIFO group lapsed: its first message counts, the others go back uncounted (S44). False when
/// the message that was asked about left the queue.
template <Tables T>
bool QueueEngine<T>::end_group_lease(QueueContext& queue, const MessageKey& key, MessageRow& row) {
  const auto first = first_flight(queue, row.group, Sequence{0});
  if (!first) damaged("a group has nothing in flight", key);
  queue.count(EventKind::lease_lapsed);
  const MessageKey head{queue.id, *first};
  MessageRow head_row = need_message(head);
  end_attempt(queue, head, head_row, 0);
  return_followers(queue, row.group, head.sequence);
  auto now = tables_->template find<MessageRow>(key);
  if (!now) return false;
  row = std::move(*now);
  return true;
}

/// The group waits for an operator with the message at its head (S45).
template <Tables T>
bool QueueEngine<T>::park_group(QueueContext& queue, const MessageKey& key, MessageRow& row) {
  NoteRow note = read_note(key, row);
  note.cause = Cause::attempts;
  note.attempts = row.receive_count;
  write_note(key, row, note);
  settle_fate(key, row, Fate::failed, Cause::attempts, note.last_error);
  queue.count(EventKind::parked);
  need_group(queue, row.group).row.parked = true;
  enter_ready(queue, key, row);  // its time may be over: the attempts were first (S40)
  return true;
}

/// Removes a message that was taken out for good.
template <Tables T>
void QueueEngine<T>::discard(QueueContext& queue, const MessageKey& key, const MessageRow& row) {
  queue.row.bytes -= row.counted_bytes;
  if (row.group != 0) shrink_group(queue, row.group);
  erase_message_rows(queue, key, row);
}

template <Tables T>
void QueueEngine<T>::erase_message_rows(QueueContext& queue, const MessageKey& key, const MessageRow& row) {
  tables_->erase_payload(row.id(key));
  erase_identity_rows(queue, key, row);
}

/// All rows of a message but its payload.
template <Tables T>
void QueueEngine<T>::erase_identity_rows(QueueContext& queue, const MessageKey& key, const MessageRow& row) {
  if (row.has_note) tables_->template erase<NoteRow>(key);
  if (row.foreign_id.incarnation.value != 0) tables_->template erase<ForeignRow>({queue.id, row.foreign_id});
  drop_deduplication(key, row);
  tables_->template erase<MessageRow>(key);
}

/// A lease under an attempt id ended: it takes itself off the attempt's list; the last one removes the
/// attempt.
template <Tables T>
void QueueEngine<T>::forget_lease(QueueContext& queue, Sequence sequence, std::uint64_t token) {
  const AttemptRow::Key key{queue.id, token};
  auto attempt = tables_->template find<AttemptRow>(key);
  if (!attempt) damaged("a lease names an attempt that is not there", {queue.id, sequence});
  std::erase(attempt->leased, sequence);
  if (!attempt->leased.empty()) return tables_->template update<AttemptRow>(key, *attempt);
  tables_->template erase<AttemptRow>(key);
  const AttemptIdRow::Key id{queue.id, attempt->attempt_id};
  const auto newest = tables_->template find<AttemptIdRow>(id);
  if (newest && newest->token == token) tables_->template erase<AttemptIdRow>(id);
}

}  // namespace v1
}  // namespace peerq::engine
