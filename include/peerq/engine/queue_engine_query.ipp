#pragma once
// QueueEngine: questions that change nothing (S28).

#include <algorithm>

#include "peerq/engine/queue_engine.hpp"

namespace peerq::engine {
inline namespace v1 {

template <Tables T>
NextDue QueueEngine<T>::next_due() const {
  NextDue due;
  const auto lease = lease_due_.first(*tables_, {}, {LeaseTime::never(), QueueId{0}, Sequence{0}});
  if (lease) due.lease = lease->key.at;
  const auto timer = timers_.first(*tables_, {}, {LeaseTime::never(), QueueId{0}, 0});
  if (timer) due.lease = std::min(due.lease, timer->key.at);
  due.lease = std::min(due.lease, sessions_.next_timer());
  const WallDueRow::Key end{WallTime::never(), QueueId{0}, Sequence{0}, WallDue::delay};
  if (const auto wall = first_wall_due(end, header_.expiry_halted)) due.wall = wall->at;
  const auto far = far_due_.first(*tables_, {}, far_due_end());
  if (far) due.wall = std::min(due.wall, FarDueRow::near_from(far->key.bucket));
  const auto run = schedule_due_.first(*tables_, {}, {WallTime::never(), QueueId{0}, {}});
  if (run) due.wall = std::min(due.wall, run->key.at);
  const auto outcome = outcome_due_.first(*tables_, {}, {WallTime::never(), {}});
  if (outcome) due.wall = std::min(due.wall, outcome->key.until);
  due.more = more_due_ || reclaim_waits();
  return due;
}

template <Tables T>
const QueueConfig* QueueEngine<T>::config(QueueId queue) const {
  const QueueContext* found = lookup(queue);
  return found == nullptr || found->removed ? nullptr : &found->config;
}

template <Tables T>
std::uint64_t QueueEngine<T>::deliverable(QueueId queue) const {
  const QueueContext* found = lookup(queue);
  return found == nullptr ? 0 : found->deliverable();
}

template <Tables T>
Depth QueueEngine<T>::depth(QueueId queue) const {
  const QueueContext* found = lookup(queue);
  if (found == nullptr) return {};
  return {found->row.live(), found->row.bytes + found->row.moving_bytes};
}

template <Tables T>
std::uint64_t QueueEngine<T>::open_groups(QueueId id, std::uint64_t max) const {
  QueueContext* queue = lookup(id);
  if (queue == nullptr || queue->removed) return 0;
  std::uint64_t count = 0;
  for (std::uint8_t level = 0; level < limits::priority_count; ++level) {
    const RankRow::Key end{id, static_cast<std::uint8_t>(level + 1), 0, 0};
    auto next = count < max ? next_group(*queue, level) : std::nullopt;
    for (; next && ++count < max; ++next->group) {
      const auto found = tables_->template first<RankRow>({id, level, next->turn, next->group + 1}, end);
      if (!found) break;
      next = found->key;
    }
  }
  return count;
}

template <Tables T>
std::optional<MessageId> QueueEngine<T>::sent_as(QueueId id, const SendItem& item, WallTime now) const {
  const QueueContext* queue = lookup(id);
  if (queue == nullptr || queue->removed || !is_deduplicated(*queue, item)) return std::nullopt;
  const auto known =
      tables_->template find<DeduplicationRow>({id, std::string(as_text(item.deduplication_id))});
  if (!known || known->until <= now) return std::nullopt;
  return known->message;
}

template <Tables T>
Result<void> QueueEngine<T>::lease_state(QueueId id, const LeaseRef& lease, Stamps now) const {
  const QueueContext* queue = look(id);
  if (queue == nullptr || queue->removed) return errc::queue_not_found;
  const bool there = exists(*queue, lease.sequence);
  auto row = there ? tables_->template find<MessageRow>({id, lease.sequence}) : std::nullopt;
  const bool lapsed = row && row->state == MessageState::in_flight && row->deadline <= now.lease;
  if (lapsed) row->state = MessageState::ready;
  const errc code = check_lease(*queue, lease, row ? &*row : nullptr);
  return code == errc::ok ? Result<void>() : Result<void>(code);
}

template <Tables T>
bool QueueEngine<T>::remembers(QueueId queue, std::string_view attempt_id) const {
  return tables_->template find<AttemptIdRow>({queue, std::string(attempt_id)}).has_value();
}

template <Tables T>
bool QueueEngine<T>::remembers(const Origin& origin) const {
  return tables_->template find<SessionReplyRow>({origin.session, origin.sequence}).has_value();
}

template <Tables T>
std::uint32_t QueueEngine<T>::receipt_epoch(QueueId queue) const {
  const QueueContext* found = lookup(queue);
  return (found == nullptr ? QueueRow{}.receipt_epoch : found->row.receipt_epoch) + epoch().receipt_epoch;
}

template <Tables T>
std::vector<std::pair<QueueId, std::uint64_t>> QueueEngine<T>::queues() const {
  std::vector<std::pair<QueueId, std::uint64_t>> out;
  const QueueKey end{QueueId{~std::uint64_t{0}}};
  QueueKey from;
  while (const auto found = tables_->template first<ConfigRow>(from, end)) {
    const auto reclaim = tables_->template find<ReclaimRow>(found->key);
    if (!reclaim || !reclaim->removed) out.emplace_back(found->key.queue, found->row.config.version);
    from.queue.value = found->key.queue.value + 1;
  }
  return out;
}

template <Tables T>
template <class Row>
std::optional<Found<Row>> QueueEngine<T>::first_between(const typename Row::Key& from,
                                                        const typename Row::Key& to) const {
  return from < to ? tables_->template first<Row>(from, to) : std::nullopt;
}

template <Tables T>
Error QueueEngine<T>::absent(const QueueContext* queue) {
  if (queue == nullptr) return errc::queue_not_found;
  return queue->removed ? errc::queue_deleted : errc::ok;
}

template <Tables T>
Result<QueueFacts> QueueEngine<T>::facts(QueueId id, Stamps now) const {
  const QueueContext* queue = look(id);
  if (Error error = absent(queue); error.code != errc::ok) return error;
  QueueFacts facts;
  facts.counters = queue->row;
  facts.oldest = oldest(*queue);
  facts.paused = queue->config.paused;
  const std::uint64_t cap = queue->config.options.max_in_flight;
  facts.at_in_flight_cap = cap != 0 && queue->row.in_flight >= cap;
  facts.window_closed = queue->window_closed;
  facts.at_rate = token_wait_ms(queue->config.options.rate, queue->row.bucket, now.lease) > 0;
  return facts;
}

/// First send time of the oldest ready message, else of the oldest live one; oldest by place in its lane.
template <Tables T>
std::optional<WallTime> QueueEngine<T>::oldest(const QueueContext& queue) const {
  std::optional<WallTime> out;
  const auto consider = [&](std::optional<WallTime> sent) {
    if (sent && (!out || *sent < *out)) out = sent;
  };
  for (std::uint8_t number = 0; number < limits::lane_count; ++number) {
    if (queue.has_lane(number)) consider(oldest_ready(queue, number));
  }
  if (out) return out;
  for (std::uint8_t number = 0; number < limits::lane_count; ++number) {
    const LaneRow& lane = queue.lanes[number].row;
    const MessageKey from{queue.id, Sequence::make(number, lane.horizon)};
    const MessageKey end{queue.id, Sequence::make(number, lane.next)};
    if (!queue.has_lane(number)) continue;
    if (const auto found = first_between<MessageRow>(from, end)) consider(found->row.first_sent);
  }
  return out;
}

template <Tables T>
std::optional<WallTime> QueueEngine<T>::oldest_ready(const QueueContext& queue, std::uint8_t number) const {
  const LaneRow& lane = queue.lanes[number].row;
  const Sequence from = Sequence::make(number, lane.horizon);
  const Sequence end = Sequence::make(number, lane.next);
  std::optional<WallTime> out;
  if (const auto returned = first_between<ReadyRow>({queue.id, from}, {queue.id, end})) {
    out = need_message(returned->key).first_sent;
  }
  // Those that came back to a group stand among the others: there the walk begins at the first of all.
  const bool grouped = number == limits::group_lane;
  MessageKey key{queue.id, grouped ? from : Sequence::make(number, lane.cursor)};
  for (std::size_t looks = 0; looks < limits::receive_skip_budget; ++looks) {
    const auto found = first_between<MessageRow>(key, {queue.id, end});
    if (!found) break;
    if (found->row.state == MessageState::fresh || (grouped && found->row.state == MessageState::ready)) {
      if (!out || found->row.first_sent < *out) out = found->row.first_sent;
      break;
    }
    key.sequence = found->key.sequence.next();
  }
  return out;
}

template <Tables T>
Result<MessageInfo> QueueEngine<T>::get(QueueId id, MessageId message, Stamps now) const {
  const QueueContext* queue = look(id);
  if (Error error = absent(queue); error.code != errc::ok) return error;
  const auto sequence = locate(*queue, message);
  if (!sequence || !exists(*queue, *sequence)) return errc::message_not_found;
  const MessageKey key{id, *sequence};
  const auto row = tables_->template find<MessageRow>(key);
  if (!row || row->id(key) != message) return errc::message_not_found;
  PageRequest request;
  request.queue = id;
  if (!shows(*queue, *row, {&request, now})) return errc::message_not_found;
  return describe(key, *row, now, true);
}

template <Tables T>
Result<MessagePage> QueueEngine<T>::page(const PageRequest& request, Stamps now) const {
  const QueueContext* queue = look(request.queue);
  if (Error error = absent(queue); error.code != errc::ok) return error;
  if (request.max_messages == 0 || request.max_messages > limits::page_max) {
    return Error(errc::invalid_argument,
                 "a page holds 1 to " + std::to_string(limits::page_max) + " messages");
  }
  Reading reading{&request, now};
  reading.page.applied = applied_;
  if (request.deliverable_only) {
    read_deliverable(*queue, reading);
  } else {
    read_all(*queue, reading);
  }
  if (!reading.full) reading.page.next.reset();
  return std::move(reading.page);
}

/// Whether the request wants a message of this state; one past its time is not there, whoever came by (S3).
template <Tables T>
bool QueueEngine<T>::shows(const QueueContext& queue, const MessageRow& row, const Reading& reading) const {
  const bool expired = row.state != MessageState::in_flight &&
                       expiry(queue, row, reading.now.wall, header_.expiry_halted) != Cause::none;
  if (expired) return false;
  const auto plain = [](MessageState state) {
    return state == MessageState::fresh ? MessageState::ready : state;
  };
  if (reading.request->deliverable_only) return plain(row.state) == MessageState::ready;
  return !reading.request->state || plain(*reading.request->state) == plain(row.state);
}

/// False when the page ends here.
template <Tables T>
bool QueueEngine<T>::offer(const QueueContext& queue, const MessageKey& key, const MessageRow& row,
                           Reading& reading) const {
  MessagePage& page = reading.page;
  if (shows(queue, row, reading)) {
    page.messages.push_back(describe(key, row, reading.now, reading.request->with_payload));
  }
  page.next = key.sequence;
  --reading.looks_left;
  reading.full = reading.looks_left == 0 || page.messages.size() == reading.request->max_messages;
  return !reading.full;
}

template <Tables T>
void QueueEngine<T>::read_deliverable(const QueueContext& queue, Reading& reading) const {
  const Sequence after = reading.request->after;
  for (std::uint8_t lane = limits::lane_count; lane-- > 0 && !reading.full;) {
    if (after.value != 0 && lane > after.lane()) continue;
    if (queue.has_lane(lane)) read_lane_deliverable(queue, lane, reading);
  }
}

/// What returned and what is fresh, merged by sequence.
template <Tables T>
void QueueEngine<T>::read_lane_deliverable(const QueueContext& queue, std::uint8_t number,
                                           Reading& reading) const {
  const LaneRow& lane = queue.lanes[number].row;
  const MessageKey end{queue.id, Sequence::make(number, lane.next)};
  MessageKey ready{queue.id, Sequence::make(number, lane.horizon)};
  MessageKey fresh{queue.id, Sequence::make(number, std::max(lane.cursor, lane.horizon))};
  if (const Sequence after = reading.request->after; after.value != 0 && after.lane() == number) {
    ready.sequence = std::max(ready.sequence, after.next());
    fresh.sequence = std::max(fresh.sequence, after.next());
  }
  for (;;) {
    const auto returned = first_between<ReadyRow>(ready, end);
    const auto found = first_between<MessageRow>(fresh, returned ? returned->key : end);
    if (found) {
      fresh.sequence = found->key.sequence.next();
      if (!offer(queue, found->key, found->row, reading)) return;
    } else if (returned) {
      ready.sequence = returned->key.sequence.next();
      fresh.sequence = std::max(fresh.sequence, ready.sequence);
      if (!offer(queue, returned->key, need_message(returned->key), reading)) return;
    } else {
      return;
    }
  }
}

/// Every message by sequence; parked ones by the table that has only them.
template <Tables T>
void QueueEngine<T>::read_all(const QueueContext& queue, Reading& reading) const {
  for (std::uint8_t lane = reading.request->after.lane(); lane < limits::lane_count && !reading.full;
       ++lane) {
    if (!queue.has_lane(lane)) continue;
    if (reading.request->state == MessageState::parked) {
      read_rows<ParkedRow>(queue, lane, reading);
    } else {
      read_rows<MessageRow>(queue, lane, reading);
    }
  }
}

template <Tables T>
template <class Row>
void QueueEngine<T>::read_rows(const QueueContext& queue, std::uint8_t number, Reading& reading) const {
  const LaneRow& lane = queue.lanes[number].row;
  MessageKey from{queue.id, Sequence::make(number, lane.horizon)};
  const MessageKey end{queue.id, Sequence::make(number, lane.next)};
  if (reading.request->after.lane() == number)
    from.sequence = std::max(from.sequence, reading.request->after.next());
  while (const auto found = first_between<Row>(from, end)) {
    from.sequence = found->key.sequence.next();
    if constexpr (std::is_same_v<Row, MessageRow>) {
      if (!offer(queue, found->key, found->row, reading)) return;
    } else {
      if (!offer(queue, found->key, need_message(found->key), reading)) return;
    }
  }
}

template <Tables T>
std::int64_t QueueEngine<T>::lease_left_ms(const MessageRow& row, Stamps now) noexcept {
  return row.deadline > now.lease ? (row.deadline - now.lease).count() / 1000 : 0;
}

template <Tables T>
MessageInfo QueueEngine<T>::describe(const MessageKey& key, const MessageRow& row, Stamps now,
                                     bool with_payload) const {
  MessageInfo info;
  info.id = row.id(key);
  info.sequence = key.sequence;
  info.state = row.state;
  info.counted_bytes = row.counted_bytes;
  info.attempt = row.attempt;
  info.receive_count = row.receive_count;
  info.priority = priority_of(key, row);
  if (row.group != 0) info.group_id = group_name(key.queue, row.group);
  info.first_sent = row.first_sent;
  info.arrived = row.arrived;
  if (row.state == MessageState::delayed) info.due = row.due;
  info.expires = row.expires;
  if (row.state == MessageState::in_flight) info.lease_left_ms = lease_left_ms(row, now);
  info.dead_lettered = row.dead_lettered;
  info.note = read_note(key, row);
  if (with_payload) info.payload = tables_->payload(info.id);
  return info;
}

}  // namespace v1
}  // namespace peerq::engine
