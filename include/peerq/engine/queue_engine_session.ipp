#pragma once
// QueueEngine: requests of sessions (S18, S70).

#include <algorithm>

#include "peerq/engine/queue_engine.hpp"

namespace peerq::engine {
inline namespace v1 {

/// A command of a session runs once; when it comes again it gets the reply that it had.
template <Tables T>
void QueueEngine<T>::run_once(const Command& command, Reply& reply) {
  const Origin& origin = command.origin;
  const bool opens = std::holds_alternative<OpenSession>(command.body);
  if (origin.session.value == 0 || opens) return run(command, reply);
  StoredReply stored;
  switch (sessions_.begin(origin, lease_now(), reply, stored)) {
    case Sessions<T>::Course::answered: return;
    case Sessions<T>::Course::repeated:
      if (PEERQ_PLANTED(session_replay_applied_twice)) return run(command, reply);
      return repeat(stored, reply);
    case Sessions<T>::Course::run: break;
  }
  run(command, reply);
  if (is_kept(command, reply)) sessions_.end(origin, stored_of(command, reply));
}

/// What changed nothing because it has to wait is made again under the same number: a receive that found
/// nothing, a send that a queue with `block` has no room for.
template <Tables T>
bool QueueEngine<T>::is_kept(const Command& command, const Reply& reply) const {
  const bool receives =
      std::holds_alternative<Receive>(command.body) || std::holds_alternative<ReceiveSeveral>(command.body);
  if (receives) return reply.code != errc::ok || !reply.grants.empty();
  const auto* send = std::get_if<Send>(&command.body);
  if (send == nullptr) return true;
  const auto is_full = [](const ItemReply& item) { return item.code == errc::queue_full; };
  const auto is_sent = [](const ItemReply& item) { return item.code == errc::ok; };
  const bool full =
      reply.code == errc::queue_full || (std::any_of(reply.items.begin(), reply.items.end(), is_full) &&
                                         std::none_of(reply.items.begin(), reply.items.end(), is_sent));
  if (!full) return true;
  const QueueContext* queue = lookup(send->queue);
  return queue == nullptr || queue->config.options.overflow != Overflow::block;
}

template <Tables T>
StoredReply QueueEngine<T>::stored_of(const Command& command, const Reply& reply) {
  StoredReply out;
  out.code = reply.code;
  out.detail = reply.detail;
  out.count = reply.count;
  out.items = reply.items;
  const auto* receive = std::get_if<Receive>(&command.body);
  out.erased = receive != nullptr && receive->erase && !reply.grants.empty();
  if (!out.erased) {
    for (const Grant& grant : reply.grants) out.leases.push_back({grant.queue, grant.lease});
  }
  return out;
}

/// What was handed out is given again as far as its lease lives (S21).
template <Tables T>
void QueueEngine<T>::repeat(const StoredReply& stored, Reply& reply) const {
  if (stored.erased) return fail(reply, errc::outcome_unknown, "the messages were handed out and removed");
  reply.code = stored.code;
  reply.detail = stored.detail;
  reply.count = stored.count;
  reply.items = stored.items;
  for (const GivenLease& given : stored.leases) {
    const QueueContext* queue = lookup(given.queue);
    const MessageKey key{given.queue, given.lease.sequence};
    if (queue == nullptr || queue->removed || !exists(*queue, key.sequence)) continue;
    const auto row = tables_->template find<MessageRow>(key);
    const bool live = row && row->state == MessageState::in_flight && row->attempt == given.lease.attempt &&
                      row->deadline > lease_now();
    if (live) fill(reply.grants.emplace_back(), key, *row);
  }
}

template <Tables T>
void QueueEngine<T>::open_session(const OpenSession& command, Reply& reply) {
  if (Error error = sessions_.open(command.session, lease_now()); error.code != errc::ok) {
    fail(reply, error.code, std::move(error.detail));
  }
}

/// Ends it now, or begins to: the leases that are too many for one entry end in the next ones.
template <Tables T>
void QueueEngine<T>::close_session(SessionId session) {
  std::size_t budget = limits::due_rows_per_entry;
  if (end_session(session, budget)) return;
  sessions_.expire(session, lease_now());
  more_due_ = true;
}

/// Leases bound to it end as a nack with delay 0 (S70), so many in one entry. False when some are left.
template <Tables T>
bool QueueEngine<T>::end_session(SessionId session, std::size_t& budget) {
  const SessionLeaseRow::Key end{SessionId(session.value + 1), QueueId{0}, Sequence{0}};
  SessionLeaseRow::Key from{session, QueueId{0}, Sequence{0}};
  while (const auto lease = tables_->template first<SessionLeaseRow>(from, end)) {
    from = lease->key;  // it goes now, as those before it did
    if (budget == 0) return false;
    --budget;
    const MessageKey key{lease->key.queue, lease->key.sequence};
    QueueContext& queue = need_context(key.queue);
    MessageRow row = need_message(key);
    if (!exists(queue, key.sequence)) {
      reclaim_message(queue, key, row);
      continue;
    }
    if (!bring_up_to_date(queue, key, row) || row.state != MessageState::in_flight) continue;
    const SettleItem item{{key.sequence, row.attempt}, 0, as_bytes(std::string_view("session ended"))};
    nack(queue, 0, item, key, row);
  }
  if (const auto replies = sessions_.close(session)) {
    effects_->sessions.push_back(session);
    due_budget_ -= std::min(due_budget_, *replies);
  }
  return true;
}

/// False when nothing (more) is to be done in this entry.
template <Tables T>
bool QueueEngine<T>::sweep_one_session() {
  const auto session = sessions_.expired(lease_now(), due_budget_);
  if (!session) {
    if (due_budget_ == 0 && sessions_.next_timer() <= lease_now()) more_due_ = true;
    return false;
  }
  --due_budget_;
  if (end_session(*session, due_budget_)) return true;
  more_due_ = true;
  return false;
}

}  // namespace v1
}  // namespace peerq::engine
