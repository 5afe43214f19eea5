#pragma once
// QueueEngine: cancel by id (S66), and an operator's word on groups.

#include "peerq/engine/queue_engine.hpp"

namespace peerq::engine {
inline namespace v1 {

template <Tables T>
void QueueEngine<T>::cancel(const Cancel& command, Reply& reply) {
  if (command.ids.empty()) return fail(reply, errc::invalid_argument, "a cancel needs at least one message");
  if (command.ids.size() > limits::batch_max) {
    return fail(reply, errc::batch_too_large,
                "at most " + std::to_string(limits::batch_max) + " messages in a cancel");
  }
  QueueContext* queue = use(command.queue, reply);
  if (queue == nullptr) return;
  reply.items.reserve(command.ids.size());
  for (const MessageId id : command.ids) reply.items.push_back(cancel_one(*queue, id));
}

template <Tables T>
ItemReply QueueEngine<T>::cancel_one(QueueContext& queue, MessageId id) {
  ItemReply reply{.id = id};
  const auto sequence = locate(queue, id);
  const MessageKey key{queue.id, sequence.value_or(Sequence{})};
  auto row = sequence ? current(queue, key) : std::nullopt;
  if (!row) {
    reply.already_gone = true;
  } else if (row->state == MessageState::in_flight) {
    reply.code = errc::lease_held;
  } else {
    if (row->has_deduplication) forget_send_of(queue, key);
    take_out(queue, key, *row);
    settle_fate(key, *row, Fate::cancelled);
    ++queue.row.cancelled;
    discard(queue, key, *row);
  }
  return reply;
}

/// A group that has no messages can be paused or parked too: it waits for them.
template <Tables T>
void QueueEngine<T>::change_group(const ChangeGroup& command, Reply& reply) {
  if (command.group_id.empty() || command.group_id.size() > limits::group_id_size_max) {
    return fail(reply, errc::invalid_argument,
                "group_id is 1 to " + std::to_string(limits::group_id_size_max) + " bytes");
  }
  QueueContext* queue = use(command.queue, reply);
  if (queue == nullptr) return;
  if (command.verb == GroupVerb::park && !queue->is_fifo()) {
    return fail(reply, errc::not_supported, "only groups of a FIFO queue are parked; pause it");
  }
  const std::uint64_t number = open_group(*queue, as_text(command.group_id));
  GroupRow& group = need_group(*queue, number).row;
  switch (command.verb) {
    case GroupVerb::pause: group.paused = true; break;
    case GroupVerb::resume: group.paused = false; break;
    case GroupVerb::park: group.parked = true; break;
    case GroupVerb::unpark: unpark_group(*queue, number, group); break;
  }
  place_group(*queue, number, group);
}

/// The message at the head starts anew (S67).
template <Tables T>
void QueueEngine<T>::unpark_group(QueueContext& queue, std::uint64_t number, GroupRow& group) {
  if (!std::exchange(group.parked, false)) return;
  const auto first = first_of_group(queue, number, 0);
  if (!first) return;
  const MessageKey key{queue.id, first->key.sequence};
  MessageRow row = need_message(key);
  row.receive_count = 0;
  tables_->template update<MessageRow>(key, row);
}

}  // namespace v1
}  // namespace peerq::engine
