#pragma once
// QueueEngine: send (S12-S16).

#include <algorithm>
#include <functional>
#include <set>
#include <string_view>

#include "peerq/engine/queue_engine.hpp"

namespace peerq::engine {
inline namespace v1 {

template <Tables T>
void QueueEngine<T>::send(const Send& command, Reply& reply) {
  if (command.items.empty()) return fail(reply, errc::invalid_argument, "a send needs at least one message");
  if (command.items.size() > limits::send_entries_max) {
    return fail(reply, errc::batch_too_large,
                "at most " + std::to_string(limits::send_entries_max) + " messages in a send");
  }
  QueueContext* queue = use(command.queue, reply);
  if (queue == nullptr) return;
  if (command.atomic && !check_all(*queue, command, reply)) return;
  reply.items.resize(command.items.size());
  const bool in_line = queue->config.options.overflow == Overflow::block;
  bool failed = false;
  bool waits = false;
  for (std::size_t i = 0; i < command.items.size(); ++i) {
    const SendItem& item = command.items[i];
    Error error =
        failed && queue->is_fifo() ? failed_before(command.items.first(i), reply.items, item) : Error();
    if (command.atomic) {
      add(*queue, item, reply.items[i]);
    } else if (error.code == errc::ok) {
      error = send_one(*queue, item, reply.items[i], waits);
    }
    reply.items[i].code = error.code;
    failed = failed || error.code != errc::ok;
    waits = waits || (in_line && error.code == errc::queue_full);
    if (error.code != errc::ok && reply.detail.empty()) reply.detail = std::move(error.detail);
  }
}

/// `waits`: a message of the same batch before it waits for room, and nobody overtakes (S14, S15).
template <Tables T>
Error QueueEngine<T>::send_one(QueueContext& queue, const SendItem& item, ItemReply& reply, bool waits) {
  if (Error error = check_item(queue, item); error.code != errc::ok) return error;
  if (is_duplicate(queue, item, reply)) return {};
  const Demand demand{.count = 1, .bytes = item.counted_bytes, .lowest = item.priority};
  Error error = waits ? Error(errc::queue_full) : check_depth(queue, demand);
  if (error.code == errc::queue_full && make_room(queue, demand)) error = {};
  if (error.code == errc::ok) reply.id = append(queue, item);
  return error;
}

template <Tables T>
bool QueueEngine<T>::is_duplicate(const QueueContext& queue, const SendItem& item, ItemReply& reply) const {
  const auto first = duplicate_of(queue, item);
  if (first) reply.id = *first;
  reply.deduplicated = first.has_value();
  return first.has_value();
}

/// What was checked, and has room: it is not asked again, what was dropped for it may have come here.
template <Tables T>
void QueueEngine<T>::add(QueueContext& queue, const SendItem& item, ItemReply& reply) {
  if (!is_duplicate(queue, item, reply)) reply.id = append(queue, item);
}

/// In a FIFO batch, what follows a failed message of its group fails with it (S14).
template <Tables T>
Error QueueEngine<T>::failed_before(std::span<const SendItem> before, const std::vector<ItemReply>& replies,
                                    const SendItem& item) {
  for (std::size_t i = before.size(); i-- > 0;) {
    if (as_text(before[i].group_id) == as_text(item.group_id)) return replies[i].code;
  }
  return {};
}

/// All or nothing (S14): the first failure is the answer of the whole batch. Duplicates need no room.
template <Tables T>
bool QueueEngine<T>::check_all(QueueContext& queue, const Send& command, Reply& reply) {
  Demand demand;
  for (const SendItem& item : command.items) {
    if (Error error = check_item(queue, item); error.code != errc::ok) {
      fail(reply, error.code, std::move(error.detail));
      return false;
    }
    count_send(queue, item, demand);
  }
  if (demand.count == 0) return true;
  Error error = check_depth(queue, demand);
  if (error.code == errc::ok || make_room(queue, demand)) return true;
  fail(reply, error.code, std::move(error.detail));
  return false;
}

template <Tables T>
Error QueueEngine<T>::check_item(const QueueContext& queue, const SendItem& item) const {
  if (Error error = check_group(queue, item); error.code != errc::ok) return error;
  if (item.deduplication_id.size() > limits::deduplication_id_size_max) {
    return {errc::invalid_argument,
            "deduplication_id is at most " + std::to_string(limits::deduplication_id_size_max) + " bytes"};
  }
  if (item.priority > limits::priority_max) return {errc::invalid_argument, "priority is 0 to 9"};
  const WallTime latest = header_.stamps.wall + limits::delay_max;
  if (item.due > latest || item.due.ms < -limits::delay_max.count()) {
    return {errc::invalid_argument, "delay is at most 10 years"};
  }
  if (item.time_to_live_ms < -1 || item.time_to_live_ms > limits::expiry_max.count()) {
    return {errc::invalid_argument, "time_to_live is at most 10 years"};
  }
  if (item.counted_bytes > queue.config.options.max_message_size) {
    return {errc::message_too_large,
            "max_message_size is " + std::to_string(queue.config.options.max_message_size) + " bytes"};
  }
  return {};
}

/// S62.
template <Tables T>
Error QueueEngine<T>::check_group(const QueueContext& queue, const SendItem& item) const {
  if (item.group_id.size() > limits::group_id_size_max) {
    return {errc::invalid_argument,
            "group_id is at most " + std::to_string(limits::group_id_size_max) + " bytes"};
  }
  if (item.group_id.empty() && queue.is_fifo()) {
    return {errc::invalid_argument, "group_id: a FIFO queue needs one"};
  }
  return {};
}

/// Exact: every live message counts (S15).
template <Tables T>
Error QueueEngine<T>::check_depth(const QueueContext& queue, const Demand& demand) const {
  const QueueOptions& options = queue.config.options;
  const std::uint64_t messages = queue.row.live() - demand.freed + demand.count;
  if (options.max_messages && messages > *options.max_messages) {
    return {errc::queue_full, "max_messages is " + std::to_string(*options.max_messages)};
  }
  const std::uint64_t bytes = queue.row.bytes + queue.row.moving_bytes - demand.freed_bytes + demand.bytes;
  if (options.max_bytes && bytes > *options.max_bytes) {
    return {errc::queue_full, "max_bytes is " + std::to_string(*options.max_bytes)};
  }
  return {};
}

/// Adds a message at the end of its lane: fresh, or delayed.
template <Tables T>
MessageId QueueEngine<T>::append(QueueContext& queue, const SendItem& item) {
  const bool grouped = !item.group_id.empty();
  const std::uint8_t number = grouped ? limits::group_lane : item.priority;
  LaneContext& lane = open_lane(queue, number);
  const WallTime wall = header_.stamps.wall;
  const QueueOptions& options = queue.config.options;
  const MessageKey key{queue.id, Sequence::make(number, lane.row.next++)};
  MessageRow row;
  if (grouped) {
    row.group = open_group(queue, as_text(item.group_id));
    row.priority = item.priority;
    ++need_group(queue, row.group).row.live;
  }
  row.counted_bytes = item.counted_bytes;
  row.arrived = row.first_sent = wall;
  WallTime due = item.due;
  if (due.ms <= 0) due = wall + (due.ms == 0 ? options.delay : Milliseconds(-due.ms));
  if (due > wall) row.due = due;
  std::int64_t life = item.time_to_live_ms;
  if (life == 0 && options.time_to_live) life = options.time_to_live->count();
  if (life > 0) {
    row.time_to_live_ms = life;
    row.expires = row.retention_base() + Milliseconds(life);
  }
  // S77: nobody works on what nobody waits for, however long it is delayed.
  const WallTime awaited = outcome_end(item);
  if (awaited.ms != 0 && row.expires > awaited) row.expires = awaited;
  await_outcome({queue.id, key.sequence}, row, awaited);

  remember_send(queue, item, key, row);
  queue.row.bytes += row.counted_bytes;
  ++queue.row.sent;
  tables_->insert_payload(MessageId{key.queue, key.sequence}, payload_of(item));
  if (row.expires.ms != 0) insert_timer({row.expires, queue.id, key.sequence, WallDue::time_to_live});
  if (row.due.ms != 0) {
    row.state = MessageState::delayed;
    ++queue.row.delayed;
    insert_timer({row.due, queue.id, key.sequence, WallDue::delay});
  } else {
    ++queue.row.ready;
    arm_retention(queue, row.retention_base());
    if (grouped) join_group(queue, key, row);
    announce(queue);
  }
  tables_->template insert<MessageRow>(key, row);
  return {key.queue, key.sequence};
}

/// The payload as a share of the entry's bytes; a copy when the entry was not made of bytes.
template <Tables T>
SharedBytes QueueEngine<T>::payload_of(const SendItem& item) const {
  if (item.own != nullptr) return *item.own;
  const Bytes whole = bytes_->bytes();
  const std::less_equal<const std::byte*> at_most;
  const bool inside = !whole.empty() && at_most(whole.data(), item.payload.data()) &&
                      at_most(item.payload.data() + item.payload.size(), whole.data() + whole.size());
  return inside ? bytes_->slice(item.payload) : SharedBytes::copy(item.payload);
}

/// The lane to append to: its next number is never below the shard's floor (S58).
template <Tables T>
LaneContext& QueueEngine<T>::open_lane(QueueContext& queue, std::uint8_t number) const {
  LaneContext& lane = queue.lanes[number];
  const std::uint64_t floor = epoch().number_floor;
  if (!queue.has_lane(number)) {
    queue.lanes_present |= static_cast<std::uint16_t>(1U << number);
    lane.row.next = lane.row.cursor = lane.row.horizon = lane.row.reclaimed = floor;
  } else if (lane.row.next < floor) {
    if (lane.row.cursor == lane.row.next) lane.row.cursor = floor;
    lane.row.next = floor;
  }
  return lane;
}

}  // namespace v1
}  // namespace peerq::engine
