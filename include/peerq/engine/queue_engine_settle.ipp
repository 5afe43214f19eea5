#pragma once
// QueueEngine: delete, extend, nack, release, reject (S31-S37). The gate has checked the receipt's seal,
// queue and principal; here it is judged by log order.

#include <algorithm>

#include "peerq/engine/queue_engine.hpp"

namespace peerq::engine {
inline namespace v1 {

template <Tables T>
void QueueEngine<T>::settle(const Settle& command, Reply& reply) {
  if (command.items.empty()) return fail(reply, errc::invalid_argument, "a batch needs at least one receipt");
  if (command.items.size() > limits::batch_max) {
    return fail(reply, errc::batch_too_large,
                "at most " + std::to_string(limits::batch_max) + " receipts in a batch");
  }
  QueueContext* queue = use(command.queue, reply);
  if (queue == nullptr) return;
  reply.items.reserve(command.items.size());
  for (const SettleItem& item : command.items) reply.items.push_back(settle_one(*queue, command.verb, item));
}

/// The order of the checks is S60's: arguments, receipt, gone, older attempt, ended lease.
template <Tables T>
ItemReply QueueEngine<T>::settle_one(QueueContext& queue, Verb verb, const SettleItem& item) {
  if (!value_allowed(verb, item.value_ms)) return {.code = errc::invalid_argument};
  const MessageKey key{queue.id, item.lease.sequence};
  if (!was_given(queue, key.sequence)) return {.code = errc::invalid_receipt};
  auto row = current(queue, key);
  if (!row) return gone(verb);
  if (item.lease.attempt == 0) return {.code = errc::stale_receipt};  // of a former receipt epoch (S58)
  if (item.lease.attempt > row->attempt) return {.code = errc::invalid_receipt};
  const bool planted = PEERQ_PLANTED(stale_receipt_accepted) && verb == Verb::erase;
  if (item.lease.attempt < row->attempt && !planted) return {.code = errc::stale_receipt};
  if (row->state != MessageState::in_flight) return settle_ended(queue, verb, item, key, *row);
  return settle_live(queue, verb, item, key, *row);
}

/// An extension is 0 or more, a delay -1 (the retry policy's) to 10 years.
template <Tables T>
bool QueueEngine<T>::value_allowed(Verb verb, std::int64_t value_ms) {
  if (verb == Verb::extend) return value_ms >= 0;
  return verb != Verb::nack || (value_ms >= -1 && value_ms <= limits::delay_max.count());
}

/// Whether a message had this place once: numbers below the shard's floor were given before it was raised.
template <Tables T>
bool QueueEngine<T>::was_given(const QueueContext& queue, Sequence sequence) const {
  if (sequence.lane() >= limits::lane_count || sequence.number() == 0) return false;
  return sequence.number() < std::max(queue.lanes[sequence.lane()].row.next, epoch().number_floor);
}

/// S34.
template <Tables T>
ItemReply QueueEngine<T>::gone(Verb verb) {
  if (verb == Verb::erase || verb == Verb::reject) return {.already_gone = true};
  return {.code = errc::message_not_found};
}

template <Tables T>
ItemReply QueueEngine<T>::settle_live(QueueContext& queue, Verb verb, const SettleItem& item,
                                      const MessageKey& key, MessageRow& row) {
  switch (verb) {
    case Verb::erase: return erase_message(queue, item, key, row);
    case Verb::extend: return extend(queue, item, key, row);
    case Verb::nack: return nack(queue, item.value_ms, item, key, row);
    case Verb::reject: return reject(queue, item, key, row);
    case Verb::release: break;
  }
  take_out(queue, key, row);
  if (!PEERQ_PLANTED(release_counts) && row.receive_count > 0) --row.receive_count;
  put_back(queue, key, row, 0);
  if (queue.is_fifo()) return_followers(queue, row.group, key.sequence);
  return {};
}

/// The lease ended and nobody leased the message again (S32, S35, S36).
template <Tables T>
ItemReply QueueEngine<T>::settle_ended(QueueContext& queue, Verb verb, const SettleItem& item,
                                       const MessageKey& key, MessageRow& row) {
  const bool ends = verb == Verb::erase || verb == Verb::reject;
  if (ends && queue.is_fifo() && row.group_lease != need_group(queue, row.group).row.lease) {
    return {.code = errc::stale_receipt};  // others of its group were leased since (S32)
  }
  switch (verb) {
    case Verb::erase: return erase_message(queue, item, key, row);
    case Verb::reject: return reject(queue, item, key, row);
    case Verb::extend: return {.code = errc::lease_expired};
    case Verb::nack:
    case Verb::release: break;
  }
  return {.already_returned = true};
}

template <Tables T>
ItemReply QueueEngine<T>::erase_message(QueueContext& queue, const SettleItem& item, const MessageKey& key,
                                        MessageRow& row) {
  if (PEERQ_PLANTED(delete_after_expiry_lost)) return {};
  take_out(queue, key, row);
  const bool told = settle_fate(key, row, Fate::done, Cause::none, {}, item.result);
  ++queue.row.deleted;
  discard(queue, key, row);
  return {.requester_gone = !told && !item.result.empty()};
}

/// From now on, not further than the max_lease_time under which it was given out allows (S9).
template <Tables T>
ItemReply QueueEngine<T>::extend(QueueContext& queue, const SettleItem& item, const MessageKey& key,
                                 MessageRow& row) {
  if (item.value_ms == 0) return nack(queue, 0, item, key, row);
  const LeaseTime now = lease_now();
  const LeaseTime wanted = now + std::min(Milliseconds(item.value_ms), limits::max_lease_time_max);
  const LeaseTime deadline = std::min(wanted, row.latest_deadline);
  if (deadline != row.deadline && !queue.is_fifo()) move_deadline(key, row, deadline);
  if (deadline != row.deadline && queue.is_fifo()) {
    // Extend of one extends all (S44).
    for (auto at = first_flight(queue, row.group, Sequence{0}); at;
         at = first_flight(queue, row.group, at->next())) {
      const MessageKey other{queue.id, *at};
      MessageRow other_row = need_message(other);
      move_deadline(other, other_row, deadline);
    }
  }
  return {.granted_ms = (deadline - now).count() / 1000};
}

template <Tables T>
void QueueEngine<T>::move_deadline(const MessageKey& key, MessageRow& row, LeaseTime deadline) {
  tables_->template erase<LeaseDueRow>({row.deadline, key.queue, key.sequence});
  row.deadline = deadline;
  insert_lease_due(key, deadline);
  tables_->template update<MessageRow>(key, row);
}

template <Tables T>
ItemReply QueueEngine<T>::nack(QueueContext& queue, std::int64_t delay_ms, const SettleItem& item,
                               const MessageKey& key, MessageRow& row) {
  if (delay_ms == -1) {
    delay_ms = retry_delay_ms(queue.config.options.retry, row.receive_count, row.id(key), row.attempt);
  }
  keep_reason(key, row, item.reason);
  const std::uint64_t group = row.group;
  end_attempt(queue, key, row, delay_ms);
  if (queue.is_fifo()) return_followers(queue, group, key.sequence);
  return {};
}

template <Tables T>
ItemReply QueueEngine<T>::reject(QueueContext& queue, const SettleItem& item, const MessageKey& key,
                                 MessageRow& row) {
  keep_reason(key, row, item.reason);
  take_out(queue, key, row);
  dead_letter_or_park(queue, key, row, Cause::rejected);
  return {};
}

/// The last reason given stays with the message, cut at 1 KiB.
template <Tables T>
void QueueEngine<T>::keep_reason(const MessageKey& key, MessageRow& row, Bytes reason) {
  if (reason.empty()) return;
  NoteRow note = read_note(key, row);
  note.last_error = as_text(reason.first(std::min(reason.size(), limits::reason_size_max)));
  write_note(key, row, note);
}

}  // namespace v1
}  // namespace peerq::engine
