#pragma once
// QueueEngine: receive (S19-S30, S43, S69).

#include <algorithm>
#include <bit>
#include <limits>

#include "peerq/engine/queue_engine.hpp"

namespace peerq::engine {
inline namespace v1 {

template <Tables T>
void QueueEngine<T>::receive(const Receive& command, SessionId session, Reply& reply) {
  if (!check_receive(command, reply)) return;
  QueueContext* queue = use(command.queue, reply);
  if (queue == nullptr) return;
  const bool remembered = !command.attempt_id.empty() && !command.erase;
  if (remembered && repeat_receive(*queue, command, reply)) return;
  Handout handout = begin_handout(*queue, command, reply);
  handout.token = remembered ? queue->row.last_attempt_token + 1 : 0;
  if (command.bind_to_session) handout.session = session;
  reply.grants.reserve(std::min(handout.room, queue->row.ready));
  if (second_grant_ && second_grant_->first == queue->id) {
    reply.grants.push_back(std::move(second_grant_->second));
    second_grant_.reset();
  }
  hand_out(*queue, handout);
  end_handout(*queue);
  if (remembered && !reply.grants.empty()) remember_attempt(*queue, command, reply, handout.token);
}

/// How much the queue may give to this command now, and under which deadline.
template <Tables T>
auto QueueEngine<T>::begin_handout(QueueContext& queue, const Receive& command, Reply& reply) -> Handout {
  const QueueOptions& options = queue.config.options;
  Milliseconds visibility = options.visibility_timeout;
  if (command.visibility_ms != 0) visibility = Milliseconds(command.visibility_ms);
  Handout handout{&command, &reply};
  if (!queue.config.paused && !queue.window_closed) {
    handout.room = std::min({std::uint64_t{command.max_messages}, queue.in_flight_room(),
                             tokens(options.rate, queue.row.bucket)});
  }
  handout.bytes_left = command.max_bytes;
  handout.latest_deadline = lease_now() + options.max_lease_time;
  handout.deadline = std::min(lease_now() + visibility, handout.latest_deadline);
  return handout;
}

template <Tables T>
void QueueEngine<T>::end_handout(QueueContext& queue) {
  if (queue.config.options.rate.per_second_thousandths != 0) arm_queue_timer(queue);
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

template <Tables T>
void QueueEngine<T>::hand_out(QueueContext& queue, Handout& handout) {
  if (!queue.has_lane(limits::group_lane)) handout.levels &= queue.lanes_present;
  while (handout.room > 0) {
    auto pick = next_pick(queue, handout);
    if (handout.budget == 0) {
      handout.reply->skipped = true;
      return announce(queue);
    }
    if (!pick || !hand_over(queue, *pick, handout)) return;
  }
}

/// Leases the message, and of a FIFO group what follows it (S43). False when the receive has no room for it.
template <Tables T>
bool QueueEngine<T>::hand_over(QueueContext& queue, Pick& pick, Handout& handout) {
  auto& found = pick.found;
  const std::uint64_t group = found.row.group;
  if (!fits(found.row, handout)) return false;
  if (group != 0 && queue.is_fifo()) ++need_group(queue, group).row.lease;
  lease(queue, found, handout);
  take_credit(queue, pick.level);
  if (group == 0) {
    if (queue.has_lane(limits::group_lane)) queue.lanes[pick.level].row.turn = ++queue.row.turn;
    return true;
  }
  if (!queue.is_fifo()) {
    to_the_end(queue, group, need_group(queue, group).row);
    return true;
  }
  handout.following = group;
  return follow_group(queue, group, handout);
}

/// More of the same FIFO group, in order, under the same deadline. False when the receive is full.
template <Tables T>
bool QueueEngine<T>::follow_group(QueueContext& queue, std::uint64_t number, Handout& handout) {
  const QueueOptions& options = queue.config.options;
  GroupRow& group = need_group(queue, number).row;
  while (handout.room > 0 && handout.budget > 0) {
    if (options.max_in_flight_per_group != 0 && group.in_flight >= options.max_in_flight_per_group) break;
    if (tokens(options.group_rate, group.bucket) == 0) break;
    const auto next = first_of_group(queue, number, 0);
    if (!next) break;
    const MessageKey key{queue.id, next->key.sequence};
    Found<MessageRow> found{key, need_message(key)};
    if (!is_fit(queue, found, handout)) continue;
    if (!fits(found.row, handout)) return false;
    take_credit(queue, found.row.priority);
    lease(queue, found, handout);
  }
  return handout.budget > 0;
}

/// A delivery takes one of its level, as far as there is one (S26).
template <Tables T>
void QueueEngine<T>::take_credit(QueueContext& queue, std::uint8_t level) {
  if (queue.config.options.priority_mode != PriorityMode::weighted) return;
  if (PEERQ_PLANTED(weighted_credit_not_taken)) return;
  if (queue.row.credits[level] > 0) --queue.row.credits[level];
}

template <Tables T>
bool QueueEngine<T>::fits(const MessageRow& row, Handout& handout) {
  if (row.counted_bytes > handout.bytes_left && !handout.reply->grants.empty()) return false;
  handout.bytes_left -= std::min<std::uint64_t>(row.counted_bytes, handout.bytes_left);
  --handout.room;
  return true;
}

/// Level first (S26). None when there is nothing, or when the budget is used up.
template <Tables T>
auto QueueEngine<T>::next_pick(QueueContext& queue, Handout& handout) -> std::optional<Pick> {
  const QueueOptions& options = queue.config.options;
  if (options.priority_mode == PriorityMode::weighted) return next_weighted(queue, handout);
  if (options.priority_aging.count() != 0) return next_aged(queue, handout);
  while (handout.levels != 0) {
    const auto level = static_cast<std::uint8_t>(std::bit_width(handout.levels) - 1);
    auto pick = next_at(queue, level, handout);
    if (pick || handout.budget == 0) return pick;
    handout.levels = static_cast<std::uint16_t>(handout.levels & ~(1U << level));
  }
  return std::nullopt;
}

/// The level that has the largest part of its weight left in this round; a round ends when nobody who has
/// messages has anything left.
template <Tables T>
auto QueueEngine<T>::next_weighted(QueueContext& queue, Handout& handout) -> std::optional<Pick> {
  const auto& weights = queue.config.options.weights;
  auto& credits = queue.row.credits;
  while (handout.levels != 0) {
    int best = -1;
    for (int level = limits::priority_count - 1; level >= 0; --level) {
      if ((handout.levels >> level & 1U) == 0 || credits[level] == 0) continue;
      const bool more = best < 0 || std::uint64_t{credits[level]} * weights[best] >
                                        std::uint64_t{credits[best]} * weights[level];
      if (more) best = level;
    }
    if (best < 0) {
      if (!has_any(queue, handout)) return std::nullopt;
      credits = weights;
      continue;
    }
    auto pick = next_at(queue, static_cast<std::uint8_t>(best), handout);
    if (pick || handout.budget == 0) return pick;
    handout.levels = static_cast<std::uint16_t>(handout.levels & ~(1U << best));
  }
  return std::nullopt;
}

/// Whether a level has something; those that have nothing are left out from here on.
template <Tables T>
bool QueueEngine<T>::has_any(QueueContext& queue, Handout& handout) {
  while (handout.levels != 0) {
    const auto level = static_cast<std::uint8_t>(std::bit_width(handout.levels) - 1);
    if (next_at(queue, level, handout)) return true;
    if (handout.budget == 0) return false;
    handout.levels = static_cast<std::uint16_t>(handout.levels & ~(1U << level));
  }
  return false;
}

/// Each interval waited raises a message by a level; of equals the one that waited longer.
template <Tables T>
auto QueueEngine<T>::next_aged(QueueContext& queue, Handout& handout) -> std::optional<Pick> {
  std::optional<Pick> best;
  std::pair<std::int64_t, std::int64_t> best_rank;
  for (unsigned left = handout.levels; left != 0;) {
    const auto level = static_cast<std::uint8_t>(std::bit_width(left) - 1);
    left &= ~(1U << level);
    auto pick = next_at(queue, level, handout);
    if (handout.budget == 0) return std::nullopt;
    if (!pick) {
      handout.levels = static_cast<std::uint16_t>(handout.levels & ~(1U << level));
      continue;
    }
    const auto waited = (header_.stamps.wall - pick->found.row.retention_base()).count();
    const std::pair rank{level + waited / queue.config.options.priority_aging.count(), waited};
    if (best && !(best_rank < rank)) continue;
    best_rank = rank;
    best = std::move(pick);
  }
  return best;
}

/// What a level gives next: its lane, or the group whose turn it is.
template <Tables T>
auto QueueEngine<T>::next_at(QueueContext& queue, std::uint8_t level, Handout& handout)
    -> std::optional<Pick> {
  std::optional<Found<MessageRow>> single;
  if (queue.has_lane(level)) single = next_in_lane(queue, level, handout);
  while (queue.has_lane(limits::group_lane) && handout.budget > 0) {
    const auto rank = next_group(queue, level);
    if (!rank || (single && queue.lanes[level].row.turn <= rank->turn)) break;
    GroupRow& group = need_group(queue, rank->group).row;
    if (!is_open(queue, group)) {  // its rate or cap was lowered since it was placed
      place_group(queue, rank->group, group);
      --handout.budget;
      continue;
    }
    if (auto found = next_in_group(queue, rank->group, level, handout)) return Pick{std::move(*found), level};
  }
  if (!single) return std::nullopt;
  return Pick{std::move(*single), level};
}

/// The first message of the group at this level. None when the group turns out not to belong here any more.
template <Tables T>
std::optional<Found<MessageRow>> QueueEngine<T>::next_in_group(QueueContext& queue, std::uint64_t number,
                                                               std::uint8_t level, Handout& handout) {
  const GroupRow& group = need_group(queue, number).row;
  while (handout.budget > 0 && (group.ranks >> level & 1U) != 0) {
    const auto first = first_of_group(queue, number, queue.is_fifo() ? std::uint8_t{0} : level);
    if (!first) damaged("a group has no message that is ready", {queue.id, Sequence{number}});
    const MessageKey key{queue.id, first->key.sequence};
    Found<MessageRow> found{key, need_message(key)};
    if (is_fit(queue, found, handout)) return found;
  }
  return std::nullopt;
}

/// Whether the message may be handed out; if its time is over, that is seen to.
template <Tables T>
bool QueueEngine<T>::is_fit(QueueContext& queue, Found<MessageRow>& found, Handout& handout) {
  const bool worn_out = found.row.attempt == std::numeric_limits<std::uint32_t>::max();
  const Cause cause = expiry(queue, found.row, header_.stamps.wall, header_.expiry_halted);
  if (cause == Cause::none && !worn_out) return true;
  --handout.budget;
  take_out(queue, found.key, found.row);
  if (cause != Cause::none) {
    expire(queue, found.key, found.row, cause);
  } else {  // an attempt number is never given twice
    dead_letter_or_park(queue, found.key, found.row, Cause::attempts);
  }
  return false;
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
    if (is_fit(queue, *found, handout)) return found;
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
  spend(queue.config.options.rate, queue.row.bucket);
  if (row.group != 0) {
    GroupRow& group = need_group(queue, row.group).row;
    spend(queue.config.options.group_rate, group.bucket);
    row.group_lease = queue.is_fifo() ? group.lease : 0;
  }
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
  row.session = handout.session;
  enter_flight(queue, key, row);
  fill(handout.reply->grants.emplace_back(), key, row);
  if (PEERQ_PLANTED(double_delivery) && returned)
    second_grant_.emplace(queue.id, handout.reply->grants.back());
}

template <Tables T>
void QueueEngine<T>::fill(Grant& grant, const MessageKey& key, const MessageRow& row) const {
  grant.queue = key.queue;
  if (row.group != 0) grant.group_id = group_name(key.queue, row.group);
  grant.lease = {key.sequence, row.attempt};
  grant.priority = priority_of(key, row);
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
