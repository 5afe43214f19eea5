#pragma once
// QueueEngine: deletes and sends that happen together or not at all (S76).

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "peerq/engine/queue_engine.hpp"

namespace peerq::engine {
inline namespace v1 {

template <Tables T>
void QueueEngine<T>::transact(const Transact& command, Reply& reply) {
  Victims victims;
  if (!check_transaction(command, victims, reply)) return;
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
    for (const MessageKey& key : std::exchange(victims[part.queue], {})) drop(queue, key);
    for (const SendItem& item : part.sends) {
      ItemReply& sent = reply.items.emplace_back();
      const bool full = PEERQ_PLANTED(transaction_half_applied) &&
                        check_depth(queue, {.count = 1, .bytes = item.counted_bytes}).code != errc::ok;
      if (!full) add(queue, item, sent);
    }
  }
}

/// The first failure is the answer, in the order of S60: arguments, queues, receipts, room. Nothing has
/// changed then but what the stamps made due.
template <Tables T>
bool QueueEngine<T>::check_transaction(const Transact& command, Victims& victims, Reply& reply) {
  if (!check_parts(command, reply)) return false;
  std::map<QueueId, Demand> demands;
  for (const Transact::Part& part : command.parts) {
    if (use(part.queue, reply) == nullptr) return false;
  }
  for (const Transact::Part& part : command.parts) {
    QueueContext& queue = need_context(part.queue);
    Demand& demand = demands[part.queue];
    for (const SettleItem& item : part.erases) {
      if (!check_erase(queue, item, demand, reply)) return false;
    }
    for (const SendItem& item : part.sends) {
      if (Error error = check_item(queue, item); error.code != errc::ok) {
        fail(reply, error.code, std::move(error.detail));
        return false;
      }
      count_send(queue, item, demand);
    }
  }
  for (auto& [id, demand] : demands) {
    if (!check_demand(need_context(id), demand, victims[id], reply)) return false;
  }
  return true;
}

/// What can be said without a queue.
template <Tables T>
bool QueueEngine<T>::check_parts(const Transact& command, Reply& reply) {
  std::set<MessageKey> erased;
  std::size_t size = 0;
  for (const Transact::Part& part : command.parts) {
    size += part.erases.size() + part.sends.size();
    for (const SettleItem& item : part.erases) {
      if (erased.insert({part.queue, item.lease.sequence}).second) continue;
      fail(reply, errc::invalid_argument, "a receipt is there twice");
      return false;
    }
  }
  if (size != 0 && size <= limits::send_entries_max) return true;
  fail(reply, size == 0 ? errc::invalid_argument : errc::batch_too_large,
       "a transaction has 1 to " + std::to_string(limits::send_entries_max) + " deletes and sends");
  return false;
}

/// The lease must live (S76): a transaction is no place for late deletes.
template <Tables T>
bool QueueEngine<T>::check_erase(QueueContext& queue, const SettleItem& item, Demand& demand, Reply& reply) {
  const MessageKey key{queue.id, item.lease.sequence};
  const bool given = was_given(queue, key.sequence);
  const auto row = given ? current(queue, key) : std::nullopt;
  errc code = errc::ok;
  if (!given) {
    code = errc::invalid_receipt;
  } else if (!row) {
    code = errc::message_not_found;
  } else if (item.lease.attempt > row->attempt) {
    code = errc::invalid_receipt;
  } else if (item.lease.attempt < row->attempt || item.lease.attempt == 0) {  // 0: of a former epoch (S58)
    code = errc::stale_receipt;
  } else if (row->state != MessageState::in_flight) {
    const bool overtaken = queue.is_fifo() && row->group_lease != need_group(queue, row->group).row.lease;
    code = overtaken ? errc::stale_receipt : errc::lease_expired;  // S32
  } else {
    ++demand.freed;
    demand.freed_bytes += row->counted_bytes;
    return true;
  }
  fail(reply, code);
  return false;
}

template <Tables T>
void QueueEngine<T>::count_send(const QueueContext& queue, const SendItem& item, Demand& demand) const {
  const bool twice =
      is_deduplicated(queue, item) && !demand.ids.insert(std::string(as_text(item.deduplication_id))).second;
  if (twice || duplicate_of(queue, item)) return;
  ++demand.count;
  demand.bytes += item.counted_bytes;
  demand.lowest = std::min(demand.lowest, item.priority);
}

/// Whether what is sent fits after the deletes, and what a queue that drops its oldest drops for it.
template <Tables T>
bool QueueEngine<T>::check_demand(QueueContext& queue, const Demand& demand, std::vector<MessageKey>& victims,
                                  Reply& reply) {
  if (demand.count == 0) return true;
  Error error = check_depth(queue, demand);
  if (error.code == errc::ok || find_room(queue, demand, victims)) return true;
  if (PEERQ_PLANTED(transaction_half_applied)) return true;
  fail(reply, error.code, std::move(error.detail));
  return false;
}

}  // namespace v1
}  // namespace peerq::engine
