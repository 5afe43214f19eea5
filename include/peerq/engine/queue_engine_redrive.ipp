#pragma once
// QueueEngine: ready messages of a dead-letter queue go back, a slice with each entry (S39, S72-S74).

#include <algorithm>
#include <bit>

#include "peerq/engine/queue_engine.hpp"

namespace peerq::engine {
inline namespace v1 {

template <Tables T>
void QueueEngine<T>::start_redrive(const StartRedrive& command, Reply& reply) {
  QueueContext* queue = use(command.queue, reply);
  if (queue == nullptr) return;
  if (command.target == command.queue) {
    return fail(reply, errc::invalid_argument, "a queue is not redriven to itself");
  }
  const QueueKey key{queue->id};
  const auto before = tables_->template find<RedriveRow>(key);
  if (before && !before->finished) {
    return fail(reply, errc::in_use, "a redrive of this queue is under way; stop it first");
  }
  RedriveRow row;
  row.id = before ? before->id + 1 : 1;
  row.target = command.target;
  row.source = command.source;
  row.causes = command.causes;
  row.rate = command.rate;
  row.left = command.max_messages != 0 ? command.max_messages : ~std::uint64_t{0};
  row.lane = limits::lane_count - 1;
  for (std::uint8_t number = 0; number < limits::lane_count; ++number) {
    if (queue->has_lane(number)) row.ends[number] = queue->lanes[number].row.next;
  }
  row.started = header_.stamps.wall;
  arm_redrive(*queue, row, lease_now());
  if (before) {
    tables_->template update<RedriveRow>(key, row);
  } else {
    tables_->template insert<RedriveRow>(key, row);
  }
  more_due_ = true;
}

template <Tables T>
void QueueEngine<T>::stop_redrive(const StopRedrive& command, Reply& reply) {
  QueueContext* queue = use(command.queue, reply);
  if (queue == nullptr) return;
  auto row = tables_->template find<RedriveRow>(QueueKey{queue->id});
  if (!row || row->finished) return;
  finish_redrive(*queue, *row);
  tables_->template update<RedriveRow>(QueueKey{queue->id}, *row);
}

template <Tables T>
void QueueEngine<T>::arm_redrive(QueueContext& queue, RedriveRow& row, LeaseTime at) {
  row.timer = at;
  insert_timer({at, queue.id, redrive_timer});
}

template <Tables T>
void QueueEngine<T>::finish_redrive(QueueContext& queue, RedriveRow& row) {
  if (row.timer.us != 0) tables_->template erase<GroupTimerRow>({row.timer, queue.id, redrive_timer});
  row.timer = LeaseTime{0};
  row.finished = true;
}

/// The queue is deleted.
template <Tables T>
void QueueEngine<T>::drop_redrive(QueueContext& queue) {
  auto row = tables_->template find<RedriveRow>(QueueKey{queue.id});
  if (!row) return;
  finish_redrive(queue, *row);
  tables_->template erase<RedriveRow>(QueueKey{queue.id});
}

/// Its timer went off; the timer's row is gone.
template <Tables T>
void QueueEngine<T>::redrive_slice(QueueContext& queue) {
  auto row = tables_->template find<RedriveRow>(QueueKey{queue.id});
  if (!row) return;
  row->timer = LeaseTime{0};
  const RateLimit rate{std::uint64_t{row->rate} * 1000, std::max<std::uint32_t>(1, row->rate / 10)};
  Turn turn = Turn::next;
  while (turn == Turn::next && due_budget_ > 0) {
    if (tokens(rate, row->bucket) == 0) {
      turn = Turn::wait;
      break;
    }
    turn = redrive_one(queue, *row);
    if (turn == Turn::moved) {
      spend(rate, row->bucket);
      turn = Turn::next;
    }
  }
  // What is on its way may still come back, or find its target full.
  if (turn == Turn::end && queue.row.moving > 0) turn = Turn::wait;
  if (turn == Turn::end) {
    finish_redrive(queue, *row);
  } else if (turn == Turn::wait) {
    const bool empty = tokens(rate, row->bucket) == 0;
    const LeaseTime pause = lease_now() + Microseconds(limits::redrive_pause);
    arm_redrive(queue, *row, empty ? when_filled(rate, row->bucket, token_units) : pause);
  } else {
    arm_redrive(queue, *row, lease_now());
    more_due_ = true;
  }
  tables_->template update<RedriveRow>(QueueKey{queue.id}, *row);
}

/// The next message of its own, and what becomes of it.
template <Tables T>
typename QueueEngine<T>::Turn QueueEngine<T>::redrive_one(QueueContext& queue, RedriveRow& redrive) {
  if (redrive.left == 0) return Turn::end;
  auto found = next_to_redrive(queue, redrive);
  if (!found) return redrive.lane == 0 && redrive.number >= redrive.ends[0] ? Turn::end : Turn::next;
  --due_budget_;
  MessageRow& row = found->row;
  const bool ready = bring_up_to_date(queue, found->key, row) &&
                     (row.state == MessageState::fresh || row.state == MessageState::ready);
  if (!ready) return pass(redrive, found->key, nullptr);
  NoteRow note = read_note(found->key, row);
  const bool wanted = row.dead_lettered && note.source.value != 0 &&
                      (redrive.source.value == 0 || redrive.source == note.source) &&
                      (redrive.causes == 0 || (redrive.causes >> static_cast<unsigned>(note.cause) & 1U));
  if (!wanted) return pass(redrive, found->key, &redrive.skipped);
  const QueueId to = redrive.target.value != 0 ? redrive.target : note.source;
  QueueContext* target = look_up_other(to);
  if (target == nullptr || target->removed) {
    if (queue.row.moving >= limits::moving_max) return Turn::wait;
    take_out(queue, found->key, row);
    send_away(queue, found->key, row, to, std::move(note), redrive.id);
  } else {
    if (target->is_fifo() && row.group == 0) return pass(redrive, found->key, &redrive.failed);
    if (check_depth(*target, {.count = 1, .bytes = row.counted_bytes}).code != errc::ok) return Turn::wait;
    touch(*target);
    take_out(queue, found->key, row);
    redrive_here(queue, found->key, row, *target, std::move(note));
  }
  pass(redrive, found->key, &redrive.moved);
  --redrive.left;
  return Turn::moved;
}

/// It is done with this message.
template <Tables T>
typename QueueEngine<T>::Turn QueueEngine<T>::pass(RedriveRow& redrive, const MessageKey& key,
                                                   std::uint64_t* counter) {
  redrive.number = key.sequence.number() + 1;
  if (counter != nullptr) ++*counter;
  return Turn::next;
}

/// From the higher lane down; only what was there when the redrive began: each message moves once (S74).
template <Tables T>
std::optional<Found<MessageRow>> QueueEngine<T>::next_to_redrive(const QueueContext& queue,
                                                                 RedriveRow& redrive) const {
  for (;;) {
    const LaneRow& lane = queue.lanes[redrive.lane].row;
    const std::uint64_t end = std::min(redrive.ends[redrive.lane], lane.next);
    redrive.number = std::max(redrive.number, lane.horizon);
    if (queue.has_lane(redrive.lane) && redrive.number < end) {
      auto found =
          tables_->template first<MessageRow>({queue.id, Sequence::make(redrive.lane, redrive.number)},
                                              {queue.id, Sequence::make(redrive.lane, end)});
      if (found) return found;
    }
    redrive.number = redrive.ends[redrive.lane];
    if (redrive.lane == 0) return std::nullopt;
    --redrive.lane;
    redrive.number = 0;
  }
}

/// To a queue of this shard, for a message that was taken out.
template <Tables T>
void QueueEngine<T>::redrive_here(QueueContext& queue, const MessageKey& key, MessageRow& row,
                                  QueueContext& target, NoteRow note) {
  Newcomer newcomer{target.id, row.id(key), priority_of(key, row), {}, row, std::move(note)};
  newcomer.redriven = true;
  if (row.group != 0) {
    newcomer.group = need_group(queue, row.group).row.name;
    shrink_group(queue, row.group);
  }
  erase_identity_rows(queue, key, row);
  queue.row.bytes -= row.counted_bytes;
  ++queue.row.redriven;
  arrive(newcomer);
}

template <Tables T>
Result<std::optional<RedriveRow>> QueueEngine<T>::redrive(QueueId id) const {
  if (Error error = absent(look(id)); error.code != errc::ok) return error;
  return tables_->template find<RedriveRow>(QueueKey{id});
}

}  // namespace v1
}  // namespace peerq::engine
