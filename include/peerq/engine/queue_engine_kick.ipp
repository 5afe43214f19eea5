#pragma once
// QueueEngine: parked messages made ready again by an operator (S67).

#include <algorithm>

#include "peerq/engine/queue_engine.hpp"

namespace peerq::engine {
inline namespace v1 {

template <Tables T>
void QueueEngine<T>::kick(const Kick& command, Reply& reply) {
  if (command.ids.size() > limits::batch_max) {
    return fail(reply, errc::batch_too_large,
                "at most " + std::to_string(limits::batch_max) + " messages in a kick");
  }
  QueueContext* queue = use(command.queue, reply);
  if (queue == nullptr) return;
  if (command.ids.empty()) return kick_front(*queue, command.max_messages, reply);
  reply.items.reserve(command.ids.size());
  for (const MessageId id : command.ids) reply.items.push_back(kick_one(*queue, id, reply.count));
}

/// A message that is ready or delayed needs no kick: success.
template <Tables T>
ItemReply QueueEngine<T>::kick_one(QueueContext& queue, MessageId id, std::uint64_t& kicked) {
  ItemReply reply{.id = id};
  const auto sequence = locate(queue, id);
  const MessageKey key{queue.id, sequence.value_or(Sequence{})};
  auto row = sequence ? current(queue, key) : std::nullopt;
  if (!row) {
    reply.code = errc::message_not_found;
  } else if (row->state == MessageState::in_flight) {
    reply.code = errc::lease_held;
  } else if (row->state == MessageState::parked) {
    unpark(queue, key, *row);
    ++kicked;
  }
  return reply;
}

/// From the front: the higher lane first, then by sequence.
template <Tables T>
void QueueEngine<T>::kick_front(QueueContext& queue, std::uint32_t max_messages, Reply& reply) {
  std::size_t looks = std::min<std::size_t>(max_messages, limits::batch_max);
  for (std::uint8_t number = limits::lane_count; number-- > 0;) {
    LaneContext& lane = queue.lanes[number];
    const MessageKey from{queue.id, Sequence::make(number, lane.row.horizon)};
    const MessageKey end{queue.id, Sequence::make(number + 1, 0)};
    while (queue.has_lane(number) && looks > 0) {
      const auto found = lane.parked.first(*tables_, from, end);
      if (!found) break;
      --looks;
      MessageRow row = need_message(found->key);
      if (row.state != MessageState::parked) damaged("a parked message is in another state", found->key);
      if (!bring_up_to_date(queue, found->key, row)) continue;
      unpark(queue, found->key, row);
      ++reply.count;
    }
  }
}

template <Tables T>
void QueueEngine<T>::unpark(QueueContext& queue, const MessageKey& key, MessageRow& row) {
  take_out(queue, key, row);
  row.receive_count = 0;
  enter_ready(queue, key, row);
}

/// Where the message of this id is in this queue, or was before a purge: the caller asks `exists`.
template <Tables T>
std::optional<Sequence> QueueEngine<T>::locate(const QueueContext& queue, MessageId id) const {
  if (id.incarnation == queue.id) {
    const MessageKey key{queue.id, id.sequence};
    const auto row = tables_->template find<MessageRow>(key);
    if (row && row->id(key) == id) return id.sequence;
  }
  const auto foreign = tables_->template find<ForeignRow>({queue.id, id});
  if (!foreign) return std::nullopt;
  return foreign->sequence;
}

}  // namespace v1
}  // namespace peerq::engine
