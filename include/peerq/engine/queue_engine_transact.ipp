#pragma once
// QueueEngine: deletes and sends that happen together or not at all (S76).

#include <map>
#include <set>
#include <string>

#include "peerq/engine/queue_engine.hpp"

namespace peerq::engine {
inline namespace v1 {

template <Tables T>
void QueueEngine<T>::transact(const Transact& command, Reply& reply) {
  if (!check_transaction(command, reply)) return;
  for (const Transact::Part& part : command.parts) {
    QueueContext& queue = need_context(part.queue);
    for (const SettleItem& item : part.erases) {
      const MessageKey key{queue.id, item.lease.sequence};
      MessageRow row = need_message(key);
      reply.items.push_back(erase_message(queue, item, key, row));
    }
  }
  for (const Transact::Part& part : command.parts) {
    QueueContext& queue = need_context(part.queue);
    for (const SendItem& item : part.sends) {
      ItemReply& sent = reply.items.emplace_back();
      sent.code = send_one(queue, item, sent).code;
    }
  }
}

/// The first failure is the answer; nothing has changed then but what the stamps made due.
template <Tables T>
bool QueueEngine<T>::check_transaction(const Transact& command, Reply& reply) {
  std::map<QueueId, Demand> demands;
  std::set<MessageKey> erased;
  std::size_t size = 0;
  for (const Transact::Part& part : command.parts) {
    size += part.erases.size() + part.sends.size();
    QueueContext* queue = use(part.queue, reply);
    if (queue == nullptr) return false;
    Demand& demand = demands[part.queue];
    for (const SettleItem& item : part.erases) {
      if (!check_erase(*queue, item, erased, demand, reply)) return false;
    }
    for (const SendItem& item : part.sends) {
      if (Error error = check_item(*queue, item); error.code != errc::ok) {
        fail(reply, error.code, std::move(error.detail));
        return false;
      }
      count_send(*queue, item, demand);
    }
  }
  if (size == 0 || size > limits::send_entries_max) {
    fail(reply, size == 0 ? errc::invalid_argument : errc::batch_too_large,
         "a transaction has 1 to " + std::to_string(limits::send_entries_max) + " deletes and sends");
    return false;
  }
  for (auto& [id, demand] : demands) {
    if (!check_demand(need_context(id), demand, reply)) return false;
  }
  return true;
}

/// The lease must live (S76): a transaction is no place for late deletes.
template <Tables T>
bool QueueEngine<T>::check_erase(QueueContext& queue, const SettleItem& item, std::set<MessageKey>& erased,
                                 Demand& demand, Reply& reply) {
  const MessageKey key{queue.id, item.lease.sequence};
  errc code = errc::ok;
  if (!was_given(queue, key.sequence)) code = errc::invalid_receipt;
  const auto row = code == errc::ok ? current(queue, key) : std::nullopt;
  if (code != errc::ok) {
  } else if (!row) {
    code = errc::message_not_found;
  } else if (item.lease.attempt > row->attempt) {
    code = errc::invalid_receipt;
  } else if (item.lease.attempt < row->attempt) {
    code = errc::stale_receipt;
  } else if (row->state != MessageState::in_flight) {
    code = errc::lease_expired;
  } else if (!erased.insert(key).second) {
    code = errc::invalid_argument;
  } else {
    ++demand.freed;
    demand.freed_bytes += row->counted_bytes;
    return true;
  }
  fail(reply, code, code == errc::invalid_argument ? "a receipt is there twice" : "");
  return false;
}

template <Tables T>
void QueueEngine<T>::count_send(const QueueContext& queue, const SendItem& item, Demand& demand) const {
  const bool twice =
      is_deduplicated(queue, item) && !demand.ids.insert(std::string(as_text(item.deduplication_id))).second;
  if (twice || duplicate_of(queue, item)) return;
  ++demand.count;
  demand.bytes += item.counted_bytes;
  demand.highest = std::max(demand.highest, item.priority);
}

/// Whether what is sent fits after the deletes; makes room where the queue drops its oldest.
template <Tables T>
bool QueueEngine<T>::check_demand(QueueContext& queue, const Demand& demand, Reply& reply) {
  const std::uint64_t count = demand.count - std::min(demand.count, demand.freed);
  const std::uint64_t bytes = demand.bytes - std::min(demand.bytes, demand.freed_bytes);
  Error error = count == 0 && bytes == 0 ? Error() : check_depth(queue, count, bytes);
  if (error.code == errc::ok || make_room(queue, count, bytes, demand.highest)) return true;
  fail(reply, error.code, std::move(error.detail));
  return false;
}

}  // namespace v1
}  // namespace peerq::engine
