#pragma once
// QueueEngine: receive from several queues by weight (S27).

#include <algorithm>
#include <set>
#include <vector>

#include "peerq/engine/queue_engine.hpp"

namespace peerq::engine {
inline namespace v1 {

/// Each message comes from the queue that has had the smallest part of its weight so far, of equals the first
/// named; one that has nothing (more) is skipped. One of weight 0 gives what those named before it leave.
/// Every queue's own pause, window, rate and caps count.
template <Tables T>
void QueueEngine<T>::receive_several(const ReceiveSeveral& command, Reply& reply) {
  Receive plain;
  plain.max_messages = command.max_messages;
  plain.max_bytes = command.max_bytes;
  plain.visibility_ms = command.visibility_ms;
  if (!check_receive(plain, reply) || !check_several(command, reply)) return;
  std::vector<Share> shares;
  shares.reserve(command.queues.size());
  for (const WeightedQueue& one : command.queues) {
    QueueContext* queue = use(one.queue, reply);
    if (queue == nullptr) return;
    shares.push_back({queue, one.weight, begin_handout(*queue, plain, reply)});
  }
  std::uint64_t bytes_left = command.max_bytes;
  while (reply.grants.size() < command.max_messages && take_from(shares, bytes_left, reply)) {
  }
  for (Share& share : shares) end_handout(*share.queue);
}

/// What can be said without a queue (S60).
template <Tables T>
bool QueueEngine<T>::check_several(const ReceiveSeveral& command, Reply& reply) {
  if (command.queues.empty() || command.queues.size() > limits::receive_queues_max) {
    fail(reply, errc::invalid_argument,
         "a receive is from 1 to " + std::to_string(limits::receive_queues_max) + " queues");
    return false;
  }
  std::set<QueueId> named;
  for (const WeightedQueue& one : command.queues) {
    if (one.weight > limits::receive_weight_max) {
      fail(reply, errc::invalid_argument, "a weight is 0 to " + std::to_string(limits::receive_weight_max));
      return false;
    }
    if (!named.insert(one.queue).second) {
      fail(reply, errc::invalid_argument, "a queue is named twice");
      return false;
    }
  }
  return true;
}

/// One message from the queue whose turn it is; a FIFO group that has begun goes on (S43). False when none
/// has one.
template <Tables T>
bool QueueEngine<T>::take_from(std::vector<Share>& shares, std::uint64_t& bytes_left, Reply& reply) {
  for (;;) {
    Share* next = nullptr;
    for (Share& share : shares) {
      if (share.exhausted || share.room == 0) continue;
      if (next == nullptr || share.taken * next->weight < next->taken * share.weight) next = &share;
    }
    if (next == nullptr) return false;
    Handout& handout = next->handout;
    handout.room = 1;
    handout.bytes_left = bytes_left;
    const std::size_t before = reply.grants.size();
    const bool full = handout.following != 0 && !follow_group(*next->queue, handout.following, handout);
    if (!full && reply.grants.size() == before) hand_out(*next->queue, handout);
    if (reply.grants.size() == before) {
      next->exhausted = true;
      continue;
    }
    bytes_left = handout.bytes_left;
    ++next->taken;
    --next->room;
    return true;
  }
}

}  // namespace v1
}  // namespace peerq::engine
