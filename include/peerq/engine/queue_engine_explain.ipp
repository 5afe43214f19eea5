#pragma once
// QueueEngine: why a message is not handed out now, and groups as an operator sees them.

#include "peerq/engine/queue_engine.hpp"
#include "peerq/engine/queue_engine_rate.ipp"

namespace peerq::engine {
inline namespace v1 {

template <Tables T>
Result<Explanation> QueueEngine<T>::explain(QueueId id, MessageId message, Stamps now) const {
  const QueueContext* queue = look(id);
  if (Error error = absent(queue); error.code != errc::ok) return error;
  const auto sequence = locate(*queue, message);
  if (!sequence || !exists(*queue, *sequence)) return errc::message_not_found;
  const MessageKey key{id, *sequence};
  const auto row = tables_->template find<MessageRow>(key);
  if (!row || row->id(key) != message) return errc::message_not_found;
  Explanation out;
  out.state = row->state;
  explain_message(*queue, key, *row, now, out);
  if (row->group != 0) explain_group(*queue, key, *row, now, out);
  explain_queue(*queue, now, out);
  return out;
}

template <Tables T>
void QueueEngine<T>::explain_message(const QueueContext& queue, const MessageKey& key, const MessageRow& row,
                                     Stamps now, Explanation& out) const {
  switch (row.state) {
    case MessageState::delayed: out.holds.push_back({HoldKind::delayed, row.due}); break;
    case MessageState::in_flight:
      out.holds.push_back({HoldKind::in_flight, {}, lease_left_ms(row, now), {key.sequence, row.attempt}});
      break;
    case MessageState::parked: out.holds.push_back({HoldKind::parked, {}}); break;
    case MessageState::moving: break;  // has no row of its own (moving_rows.hpp)
    case MessageState::fresh:
    case MessageState::ready: break;
  }
  if (row.state != MessageState::in_flight &&
      expiry(queue, row, now.wall, header_.expiry_halted) != Cause::none) {
    out.holds.push_back({HoldKind::expired, {}});
  }
}

template <Tables T>
void QueueEngine<T>::explain_group(const QueueContext& queue, const MessageKey& key, const MessageRow& row,
                                   Stamps now, Explanation& out) const {
  auto group = tables_->template find<GroupRow>({queue.id, row.group});
  if (!group) damaged("a message names a group that is not there", key);
  out.group_id = group->name;
  const QueueOptions& options = queue.config.options;
  const auto hold = [&out](HoldKind kind, WallTime until = {}) { out.holds.push_back({kind, until}); };
  if (group->paused) hold(HoldKind::group_paused);
  const bool fifo = queue.is_fifo();
  const std::uint64_t cap = options.max_in_flight_per_group;
  if (!fifo && cap != 0 && group->in_flight >= cap) hold(HoldKind::group_cap);
  const auto& rate = options.group_rate;
  if (const auto left = token_wait_ms(rate, group->bucket, now.lease); left > 0) {
    out.holds.push_back({HoldKind::group_rate, {}, left});
  }
  if (!fifo || row.state == MessageState::in_flight) return;
  if (group->parked) hold(HoldKind::group_parked);
  if (group->held_until.ms != 0) hold(HoldKind::group_delayed, group->held_until);
  if (const auto flight = first_flight(queue, row.group, Sequence{0})) {
    const MessageRow leased = need_message({queue.id, *flight});
    out.holds.push_back({HoldKind::group_leased, {}, lease_left_ms(leased, now), {*flight, leased.attempt}});
  }
  const auto first = first_of_group(queue, row.group, 0);
  if (first && first->key.sequence < key.sequence) {
    out.holds.push_back({HoldKind::group_order, {}, 0, {first->key.sequence, 0}});
  }
}

template <Tables T>
void QueueEngine<T>::explain_queue(const QueueContext& queue, Stamps now, Explanation& out) const {
  if (queue.config.paused) out.holds.push_back({HoldKind::paused, {}});
  if (queue.window_closed) {
    const auto window = tables_->template find<WindowRow>(QueueKey{queue.id});
    const bool known = window && !window->turns.empty();
    out.holds.push_back({HoldKind::window_closed, known ? window->turns.front() : WallTime{}});
  }
  const std::uint64_t cap = queue.config.options.max_in_flight;
  if (cap != 0 && queue.row.in_flight >= cap) out.holds.push_back({HoldKind::in_flight_cap, {}});
  if (const auto left = token_wait_ms(queue.config.options.rate, queue.row.bucket, now.lease); left > 0) {
    out.holds.push_back({HoldKind::rate, {}, left});
  }
}

/// How long until there is a token, in ms rounded up; 0 = there is one.
template <Tables T>
std::int64_t QueueEngine<T>::token_wait_ms(const RateLimit& rate, TokenBucket bucket, LeaseTime now) {
  if (rate.per_second_thousandths == 0) return 0;
  detail::refill(rate, bucket, std::max(now, bucket.at));
  if (bucket.units >= token_units) return 0;
  const std::int64_t per_ms = static_cast<std::int64_t>(rate.per_second_thousandths) * 1000;
  return (token_units - bucket.units + per_ms - 1) / per_ms;
}

/// By name; a page of groups that have messages or an operator's word on them.
template <Tables T>
Result<GroupPage> QueueEngine<T>::groups(QueueId id, std::string_view after, std::size_t max) const {
  const QueueContext* queue = look(id);
  if (Error error = absent(queue); error.code != errc::ok) return error;
  GroupPage page;
  GroupNameRow::Key from{id, after.empty() ? std::string() : std::string(after) + '\0'};
  const GroupNameRow::Key end{QueueId{id.value + 1}, {}};
  for (std::size_t looks = 0; looks < limits::page_max && page.groups.size() < max; ++looks) {
    const auto named = tables_->template first<GroupNameRow>(from, end);
    if (!named) {
      page.next.reset();
      return page;
    }
    page.next = named->key.name;
    from.name = named->key.name + '\0';
    const auto row = tables_->template find<GroupRow>({id, named->row.group});
    if (!row) damaged("a name without its group", {id, {}});
    const bool known = row->purges == queue->row.purges;
    GroupInfo info{.group_id = row->name, .paused = row->paused};
    if (known) {
      info.live = row->live;
      info.ready = row->ready;
      info.in_flight = row->in_flight;
      info.open = row->ranks != 0;
      info.parked = row->parked;
      info.held_until = row->held_until;
    }
    if (info.live != 0 || info.paused || info.parked) page.groups.push_back(std::move(info));
  }
  return page;
}

}  // namespace v1
}  // namespace peerq::engine
