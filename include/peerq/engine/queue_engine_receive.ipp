#pragma once
// QueueEngine: receive (S19-S25, S69).

#include <algorithm>
#include <bit>
#include <limits>

#include "peerq/engine/queue_engine.hpp"

namespace peerq::engine {
inline namespace v1 {

template <Tables T>
void QueueEngine<T>::receive(const Receive& command, Reply& reply) {
  if (!check_receive(command, reply)) return;
  QueueContext* queue = use(command.queue, reply);
  if (queue == nullptr) return;
  const bool remembered = !command.attempt_id.empty() && !command.erase;
  if (remembered && repeat_receive(*queue, command, reply)) return;
  if (queue->config.paused) return;

  const QueueOptions& options = queue->config.options;
  Milliseconds visibility = options.visibility_timeout;
  if (command.visibility_ms != 0) visibility = Milliseconds(command.visibility_ms);
  Handout handout{&command, &reply};
  handout.room = std::min<std::uint64_t>(command.max_messages, queue->in_flight_room());
  reply.grants.reserve(std::min(handout.room, queue->row.ready));
  handout.bytes_left = command.max_bytes;
  handout.token = remembered ? queue->row.last_attempt_token + 1 : 0;
  handout.latest_deadline = lease_now() + options.max_lease_time;
  handout.deadline = std::min(lease_now() + visibility, handout.latest_deadline);
  if (second_grant_ && second_grant_->first == queue->id) {
    reply.grants.push_back(std::move(second_grant_->second));
    second_grant_.reset();
  }
  hand_out(*queue, handout);
  if (remembered && !reply.grants.empty()) remember_attempt(*queue, command, reply, handout.token);
}

template <Tables T>
bool QueueEngine<T>::check_receive(const Receive& command, Reply& reply) {
  if (command.max_messages == 0 || command.max_messages > limits::receive_messages_max) {
    fail(reply, errc::invalid_argument,
         "max_messages is 1 to " + std::to_string(limits::receive_messages_max));
  } else if (command.max_bytes == 0 || command.max_bytes > limits::receive_bytes_max) {
    fail(reply, errc::invalid_argument, "max_bytes is 1 to " + std::to_string(limits::receive_bytes_max));
  } else if (command.visibility_ms < 0 || command.visibility_ms > limits::visibility_timeout_max.count()) {
    fail(reply, errc::invalid_argument, "visibility is 1 ms to 12 h");
  } else if (command.attempt_id.size() > limits::attempt_id_size_max) {
    fail(reply, errc::invalid_argument,
         "attempt_id is at most " + std::to_string(limits::attempt_id_size_max) + " bytes");
  }
  return reply.code == errc::ok;
}

/// Lanes in strict order, a higher priority first; inside a lane by sequence.
template <Tables T>
void QueueEngine<T>::hand_out(QueueContext& queue, Handout& handout) {
  for (unsigned left = queue.lanes_present; left != 0;) {
    const auto lane = static_cast<std::uint8_t>(std::bit_width(left) - 1);
    left &= ~(1U << lane);
    while (handout.room > 0) {
      auto found = next_in_lane(queue, lane, handout);
      if (handout.budget == 0) {
        handout.reply->skipped = true;
        announce(queue);
        return;
      }
      if (!found) break;
      const std::uint32_t bytes = found->row.counted_bytes;
      if (bytes > handout.bytes_left && !handout.reply->grants.empty()) return;
      handout.bytes_left -= std::min<std::uint64_t>(bytes, handout.bytes_left);
      --handout.room;
      lease(queue, *found, handout);
    }
  }
}

/// The next deliverable message of a lane: what returned and what is fresh, merged by sequence. Expires on
/// the way what is past its time. None when there is none, or when the budget is used up.
template <Tables T>
std::optional<Found<MessageRow>> QueueEngine<T>::next_in_lane(QueueContext& queue, std::uint8_t number,
                                                              Handout& handout) {
  LaneContext& lane = queue.lanes[number];
  while (handout.budget > 0) {
    const Sequence returned = first_returned(queue, lane, number);
    auto found = fresh_before(queue, number, returned, handout.budget);
    if (!found) {
      if (handout.budget == 0 || returned == Sequence::make(number + 1, 0)) return std::nullopt;
      const MessageKey key{queue.id, returned};
      found = Found<MessageRow>{key, need_message(key)};
      if (found->row.state != MessageState::ready) damaged("a ready message is in another state", key);
    }
    const bool worn_out = found->row.attempt == std::numeric_limits<std::uint32_t>::max();
    const Cause cause = expiry(queue, found->row, header_.stamps.wall, header_.expiry_halted);
    if (cause == Cause::none && !worn_out) return found;
    --handout.budget;
    take_out(queue, found->key, found->row);
    if (cause != Cause::none) {
      expire(queue, found->key, found->row, cause);
    } else {  // an attempt number is never given twice
      dead_letter_or_park(queue, found->key, found->row, Cause::attempts);
    }
  }
  return std::nullopt;
}

/// The first message of the lane that came back, or the lane's end.
template <Tables T>
Sequence QueueEngine<T>::first_returned(const QueueContext& queue, LaneContext& lane,
                                        std::uint8_t number) const {
  const MessageKey from{queue.id, Sequence::make(number, lane.row.horizon)};
  const MessageKey end{queue.id, Sequence::make(number + 1, 0)};
  const auto found = lane.ready.first(*tables_, from, end);
  return found ? found->key.sequence : end.sequence;
}

/// The fresh message at the cursor if it is before `limit`; moves the cursor past all that is not fresh.
template <Tables T>
std::optional<Found<MessageRow>> QueueEngine<T>::fresh_before(QueueContext& queue, std::uint8_t number,
                                                              Sequence limit, std::size_t& budget) {
  LaneRow& lane = queue.lanes[number].row;
  const Sequence end = std::min(limit, Sequence::make(number, lane.next));
  while (Sequence::make(number, lane.cursor) < end && budget > 0) {
    MessageKey key{queue.id, Sequence::make(number, lane.cursor)};
    if (auto row = tables_->template find<MessageRow>(key)) {
      if (row->state == MessageState::fresh) return Found<MessageRow>{key, std::move(*row)};
      ++lane.cursor;
    } else {  // a gap: its messages expired or were deleted before the cursor came by
      const auto found = tables_->template first<MessageRow>(key, {queue.id, end});
      lane.cursor = found ? found->key.sequence.number() : end.number();
    }
    --budget;
  }
  return std::nullopt;
}

/// Gives the next attempt of the message, or with `erase` the message itself (S69).
template <Tables T>
void QueueEngine<T>::lease(QueueContext& queue, Found<MessageRow>& found, Handout& handout) {
  auto& [key, row] = found;
  const bool returned = row.state == MessageState::ready;
  take_out(queue, key, row);
  ++queue.row.received;
  if (row.attempt != 0) ++queue.row.redelivered;
  if (!PEERQ_PLANTED(attempt_reused) || row.attempt == 0) ++row.attempt;
  ++row.receive_count;
  if (handout.command->erase) {
    fill(handout.reply->grants.emplace_back(), key, row);
    ++queue.row.deleted;
    return discard(queue, key, row);
  }
  row.latest_deadline = handout.latest_deadline;
  row.deadline = handout.deadline;
  row.attempt_token = handout.token;
  enter_flight(queue, key, row);
  fill(handout.reply->grants.emplace_back(), key, row);
  if (PEERQ_PLANTED(double_delivery) && returned)
    second_grant_.emplace(queue.id, handout.reply->grants.back());
}

template <Tables T>
void QueueEngine<T>::fill(Grant& grant, const MessageKey& key, const MessageRow& row) const {
  grant.lease = {key.sequence, row.attempt};
  grant.id = row.id(key);
  grant.receive_count = row.receive_count;
  grant.deadline = row.deadline;
  grant.first_sent = row.first_sent;
  grant.payload = tables_->payload(grant.id);
  if (!row.has_note) return;
  const NoteRow note = read_note(key, row);
  encode_row(note, grant.note);
  grant.source = note.source;
}

/// S21: while leases of this attempt id live, the same messages again, nothing moved. False when none does.
template <Tables T>
bool QueueEngine<T>::repeat_receive(QueueContext& queue, const Receive& command, Reply& reply) {
  const AttemptIdRow::Key id{queue.id, std::string(as_text(command.attempt_id))};
  const auto newest = tables_->template find<AttemptIdRow>(id);
  if (!newest) return false;
  const auto attempt = tables_->template find<AttemptRow>({queue.id, newest->token});
  if (!attempt) damaged("an attempt id names an attempt that is not there", {queue.id, {}});
  for (const Sequence sequence : attempt->leased) {
    const MessageKey key{queue.id, sequence};
    const auto row = current(queue, key);
    const bool live = row && row->state == MessageState::in_flight && row->attempt_token == newest->token;
    if (live) fill(reply.grants.emplace_back(), key, *row);
  }
  return !reply.grants.empty();
}

template <Tables T>
void QueueEngine<T>::remember_attempt(QueueContext& queue, const Receive& command, const Reply& reply,
                                      std::uint64_t token) {
  queue.row.last_attempt_token = token;
  AttemptRow attempt;
  attempt.attempt_id = std::string(as_text(command.attempt_id));
  attempt.leased.reserve(reply.grants.size());
  for (const Grant& grant : reply.grants) attempt.leased.push_back(grant.lease.sequence);
  tables_->template insert<AttemptRow>({queue.id, token}, attempt);
  const AttemptIdRow::Key id{queue.id, attempt.attempt_id};
  // An older attempt of this id can be left over only with leases that a purge ended.
  if (tables_->template find<AttemptIdRow>(id)) {
    tables_->template update<AttemptIdRow>(id, AttemptIdRow{token});
  } else {
    tables_->template insert<AttemptIdRow>(id, AttemptIdRow{token});
  }
}

}  // namespace v1
}  // namespace peerq::engine
