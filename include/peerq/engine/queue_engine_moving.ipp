#pragma once
// QueueEngine: messages that go to another shard, and those that come from one (S41). moving_rows.hpp says
// how a repeated one is known.

#include <algorithm>

#include "peerq/engine/queue_engine.hpp"

namespace peerq::engine {
inline namespace v1 {

/// For a message that was taken out: it waits to be taken over. Only its payload stays where it was.
/// `redrive`: which one moves it; 0 = it dies.
template <Tables T>
void QueueEngine<T>::send_away(QueueContext& queue, const MessageKey& key, MessageRow& row, QueueId target,
                               NoteRow note, std::uint64_t redrive) {
  MovingRow moving;
  moving.id = row.id(key);
  moving.counted_bytes = row.counted_bytes;
  moving.attempt = row.attempt;
  moving.receive_count = row.receive_count;
  moving.priority = priority_of(key, row);
  moving.arrived = row.retention_base();  // should it come back
  moving.first_sent = row.first_sent;
  moving.time_to_live_ms = row.time_to_live_ms;
  moving.redriven = redrive != 0;
  moving.redrive = redrive;
  moving.note = std::move(note);
  if (row.group != 0) {
    moving.group = need_group(queue, row.group).row.name;
    shrink_group(queue, row.group);
  }
  erase_identity_rows(queue, key, row);
  ++queue.row.moving;
  queue.row.bytes -= row.counted_bytes;
  queue.row.moving_bytes += row.counted_bytes;
  number_transfer(queue, target, std::move(moving));
}

/// Gives the message its place in the chain from here to there.
template <Tables T>
void QueueEngine<T>::number_transfer(QueueContext& queue, QueueId target, MovingRow moving) {
  const TransferRow::Key key{queue.id, TransferRow::Way::out, target};
  const auto before = tables_->template find<TransferRow>(key);
  const std::uint64_t floor = epoch().number_floor;
  moving.after = before && before->last >= floor ? before->last : 0;
  const TransferRow now{std::max(before ? before->last : 0, floor) + 1};
  if (before) {
    tables_->template update<TransferRow>(key, now);
  } else {
    tables_->template insert<TransferRow>(key, now);
  }
  tables_->template insert<MovingRow>({queue.id, target, now.last}, moving);
  if (effects_->moving.empty() || effects_->moving.back() != queue.id) effects_->moving.push_back(queue.id);
}

/// A message of another shard, in the order of its chain; one that is there already is a success.
template <Tables T>
void QueueEngine<T>::take_over(const Arrive& command, Reply& reply) {
  QueueContext* queue = use(command.queue, reply);
  if (queue == nullptr) return;
  const TransferRow::Key way{queue->id, TransferRow::Way::in, command.from};
  const auto before = tables_->template find<TransferRow>(way);
  if (before && command.transfer <= before->last) return;
  if (before && command.after != 0 && command.after != before->last) {
    return fail(reply, errc::invalid_argument, "a transfer before this one is missing");
  }
  Newcomer newcomer{queue->id, command.id, command.priority, std::string(as_text(command.group_id)), {}, {}};
  if (!decode_row(command.note, newcomer.note)) return fail(reply, errc::invalid_argument, "a bad note");
  if (command.priority > limits::priority_max || (queue->is_fifo() && newcomer.group.empty())) {
    return fail(reply, errc::not_supported, "a FIFO queue takes messages of groups only");
  }
  newcomer.redriven = command.redriven;
  if (command.redriven) {
    if (Error error = check_depth(*queue, {.count = 1, .bytes = command.counted_bytes});
        error.code != errc::ok) {
      return fail(reply, error.code, std::move(error.detail));
    }
  }
  newcomer.row.counted_bytes = command.counted_bytes;
  newcomer.row.attempt = command.attempt;
  newcomer.row.first_sent = command.first_sent;
  newcomer.row.time_to_live_ms = command.time_to_live_ms;
  const SendItem bytes{.payload = command.payload, .own = command.own};
  if (!comes_back(command)) tables_->insert_payload(command.id, payload_of(bytes));
  arrive(newcomer);
  if (before) {
    tables_->template update<TransferRow>(way, TransferRow{command.transfer});
  } else {
    tables_->template insert<TransferRow>(way, TransferRow{command.transfer});
  }
}

/// The other shard has it, or never will: then it stays here, parked, or ready in its dead-letter queue.
template <Tables T>
void QueueEngine<T>::end_move(const Moved& command, Reply&) {
  const MovingRow::Key key{command.queue, command.target, command.transfer};
  auto moving = tables_->template find<MovingRow>(key);
  if (!moving) return;
  QueueContext* queue = remove_moving(key, *moving);
  if (queue != nullptr && command.refused != errc::ok) return come_back(*queue, std::move(*moving));
  if (queue != nullptr) ++(moving->redriven ? queue->row.redriven : queue->row.dead_lettered);
  tables_->erase_payload(moving->id);
}

/// Its payload stays. The queue that it waited in; null when that is gone.
template <Tables T>
QueueContext* QueueEngine<T>::remove_moving(const MovingRow::Key& key, const MovingRow& moving) {
  tables_->template erase<MovingRow>(key);
  QueueContext* queue = lookup(key.queue);
  if (queue == nullptr || queue->removed) return nullptr;
  touch(*queue);
  --queue->row.moving;
  queue->row.moving_bytes -= moving.counted_bytes;
  return queue;
}

/// After a crash a message may come back before it is confirmed that it went: then it has, and its payload is
/// still here.
template <Tables T>
bool QueueEngine<T>::comes_back(const Arrive& command) {
  MovingRow::Key from{QueueId{0}, QueueId{0}, 0};
  const MovingRow::Key end{QueueId{~std::uint64_t{0}}, QueueId{0}, 0};
  std::size_t looks_left = limits::moves_max;  // what may be under way of a queue are its first ones
  while (const auto found = tables_->template first<MovingRow>(from, end)) {
    from = found->key;
    if (found->key.target < command.from) {
      from = {found->key.queue, command.from, 0};
    } else if (found->key.target > command.from || looks_left == 0) {
      from = {QueueId{found->key.queue.value + 1}, QueueId{0}, 0};
      looks_left = limits::moves_max;
    } else if (found->row.id == command.id) {
      QueueContext* queue = remove_moving(found->key, found->row);
      if (queue != nullptr) ++(found->row.redriven ? queue->row.redriven : queue->row.dead_lettered);
      return true;
    } else {
      ++from.transfer;
      --looks_left;
    }
  }
  return false;
}

/// At the end of its lane: its old place went when it left.
template <Tables T>
void QueueEngine<T>::come_back(QueueContext& queue, MovingRow moving) {
  Newcomer newcomer{queue.id, moving.id, moving.priority, moving.group, {}, std::move(moving.note)};
  newcomer.row.counted_bytes = moving.counted_bytes;
  newcomer.row.attempt = moving.attempt;
  newcomer.row.receive_count = moving.receive_count;
  newcomer.row.arrived = moving.arrived;
  newcomer.row.first_sent = moving.first_sent;
  newcomer.row.time_to_live_ms = moving.time_to_live_ms;
  newcomer.came_back = true;
  newcomer.parked = !moving.redriven;
  if (moving.redriven) {
    auto redrive = tables_->template find<RedriveRow>(QueueKey{queue.id});
    if (redrive && redrive->id == moving.redrive) {
      --redrive->moved;
      ++redrive->failed;
      tables_->template update<RedriveRow>(QueueKey{queue.id}, *redrive);
    }
  }
  arrive(newcomer);
}

template <Tables T>
std::vector<MovingMessage> QueueEngine<T>::moving(QueueId queue, std::size_t max) const {
  std::vector<MovingMessage> out;
  for (const QueueId target : targets_moving(queue)) {
    for (auto& message : moving(queue, target, max - out.size())) out.push_back(std::move(message));
  }
  return out;
}

template <Tables T>
std::vector<MovingMessage> QueueEngine<T>::moving(QueueId queue, QueueId target, std::size_t max) const {
  std::vector<MovingMessage> out;
  const MovingRow::Key end{queue, QueueId{target.value + 1}, 0};
  MovingRow::Key from{queue, target, 0};
  while (out.size() < max) {
    const auto found = tables_->template first<MovingRow>(from, end);
    if (!found) break;
    out.push_back({found->key, found->row, tables_->payload(found->row.id)});
    from = found->key;
    ++from.transfer;
  }
  return out;
}

template <Tables T>
std::vector<QueueId> QueueEngine<T>::targets_moving(QueueId queue) const {
  std::vector<QueueId> out;
  MovingRow::Key from{queue, QueueId{0}, 0};
  const MovingRow::Key end{QueueId{queue.value + 1}, QueueId{0}, 0};
  while (const auto found = tables_->template first<MovingRow>(from, end)) {
    out.push_back(found->key.target);
    from = {queue, QueueId{found->key.target.value + 1}, 0};
  }
  return out;
}

template <Tables T>
std::vector<QueueId> QueueEngine<T>::queues_moving() const {
  std::vector<QueueId> out;
  MovingRow::Key from{};
  const MovingRow::Key end{QueueId{~std::uint64_t{0}}, QueueId{0}, 0};
  while (const auto found = tables_->template first<MovingRow>(from, end)) {
    out.push_back(found->key.queue);
    from = {QueueId{found->key.queue.value + 1}, QueueId{0}, 0};
  }
  return out;
}

}  // namespace v1
}  // namespace peerq::engine
