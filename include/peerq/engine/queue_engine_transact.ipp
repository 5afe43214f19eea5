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
  const auto row = was_given(queue, key.sequence) ? current(queue, key) : std::nullopt;
  if (const errc code = check_lease(queue, item.lease, row ? &*row : nullptr); code != errc::ok) {
    fail(reply, code);
    return false;
  }
  ++demand.freed;
  demand.freed_bytes += row->counted_bytes;
  return true;
}

/// What is wrong with the lease of a message that is here as `row` says, or none.
template <Tables T>
errc QueueEngine<T>::check_lease(const QueueContext& queue, const LeaseRef& lease,
                                 const MessageRow* row) const {
  if (!was_given(queue, lease.sequence)) return errc::invalid_receipt;
  if (row == nullptr) return errc::message_not_found;
  if (lease.attempt > row->attempt) return errc::invalid_receipt;
  // 0: of a former epoch (S58)
  if (lease.attempt < row->attempt || lease.attempt == 0) return errc::stale_receipt;
  if (row->state == MessageState::in_flight) return errc::ok;
  if (!queue.is_fifo()) return errc::lease_expired;
  const GroupContext* held = queue.groups.peek(row->group);
  const auto group = held == nullptr ? tables_->template find<GroupRow>({queue.id, row->group}) : held->row;
  const bool overtaken = group && row->group_lease != group->lease;  // S32
  return overtaken ? errc::stale_receipt : errc::lease_expired;
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
