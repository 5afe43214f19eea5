// What a state of the reference model shows: the same questions that the engine answers.

#include <algorithm>

#include "peerq/engine/layout.hpp"
#include "support/model/reference_model.hpp"

namespace peerq::model {

using engine::MessageState;

const engine::QueueConfig* ReferenceModel::config(QueueId queue) const {
  const auto found = queues.find(queue);
  return found == queues.end() ? nullptr : &found->second.config;
}

const ModelMessage* ReferenceModel::message(QueueId queue, Sequence position) const {
  const auto found = queues.find(queue);
  if (found == queues.end() || !found->second.messages.contains(position)) return nullptr;
  return &found->second.messages.at(position);
}

engine::Grant grant_of(const ModelMessage& message) {
  engine::Grant grant;
  grant.queue = message.queue;
  grant.lease = {message.sequence, message.attempt};
  grant.id = message.id;
  grant.receive_count = message.receive_count;
  grant.deadline = message.deadline;
  grant.first_sent = message.first_sent;
  grant.payload = message.payload;
  grant.group_id = message.group;
  grant.source = message.note.source;
  if (message.note != engine::NoteRow{}) engine::encode_row(message.note, grant.note);
  return grant;
}

engine::MovingMessage moving_of(const engine::MovingRow::Key& key, const ModelMoving& moving) {
  const auto& m = moving.message;
  engine::MovingMessage out{key, {}, m.payload};
  out.row.after = moving.after;
  out.row.id = m.id;
  out.row.counted_bytes = m.counted_bytes;
  out.row.attempt = m.attempt;
  out.row.receive_count = m.receive_count;
  out.row.priority = m.priority;
  out.row.arrived = m.arrived;
  out.row.first_sent = m.first_sent;
  out.row.time_to_live_ms = m.time_to_live_ms;
  out.row.redriven = moving.redriven;
  out.row.group = m.group;
  out.row.note = m.note;
  return out;
}

engine::QueueFacts ReferenceModel::facts(QueueId id) const {
  const auto& queue = queues.at(id);
  engine::QueueFacts facts;
  auto& counters = facts.counters = queue.totals;
  counters.ready = count(queue, MessageState::ready);
  counters.delayed = count(queue, MessageState::delayed);
  counters.in_flight = count(queue, MessageState::in_flight);
  counters.parked = count(queue, MessageState::parked);
  counters.bytes = bytes(queue);
  counters.held = held(queue);
  facts.paused = queue.config.paused;
  const std::uint64_t cap = queue.config.options.max_in_flight;
  facts.at_in_flight_cap = cap > 0 && counters.in_flight >= cap;
  int lane = -1;  // the first of each lane
  for (const auto& [position, message] : queue.messages) {
    if (position.lane() == lane || (message.state != MessageState::ready && counters.ready > 0)) continue;
    lane = position.lane();
    facts.oldest = std::max(facts.oldest.value_or(message.first_sent), message.first_sent);
  }
  return facts;
}

std::vector<engine::MessageInfo> ReferenceModel::list(QueueId id) const {
  std::vector<engine::MessageInfo> infos;
  const auto found = queues.find(id);
  if (found == queues.end()) return infos;
  for (const auto& [position, message] : found->second.messages) {
    if (expiry(*this, found->second, message)) continue;
    infos.push_back(message);
    infos.back().lease_left_ms = (message.deadline - now.lease).count() / 1000;
  }
  return infos;
}

std::uint64_t ReferenceModel::deliverable(QueueId id) const {
  const auto& queue = queues.at(id);
  const auto& options = queue.config.options;
  static const std::string no_group;
  std::uint64_t sum = count(queue, MessageState::ready, &no_group);
  for (const auto& [name, group] : queue.groups) {
    if (!group.place) continue;
    sum += std::min({count(queue, MessageState::ready, &name), room_in_flight(queue, name),
                     tokens(group.bucket, options.group_rate, now.lease)});
  }
  return std::min({sum, room_in_flight(queue), tokens(queue.bucket, options.rate, now.lease)});
}

/// S24.
engine::Explanation ReferenceModel::explain(QueueId id, Sequence position) const {
  using engine::HoldKind;
  const auto& queue = queues.at(id);
  const auto& options = queue.config.options;
  const auto& m = queue.messages.at(position);
  engine::Explanation out{m.state, m.group, {}};
  const auto hold = [&](bool holds, HoldKind kind, WallTime until = {}, std::int64_t left_ms = 0,
                        engine::LeaseRef lease = {}) {
    if (holds) out.holds.push_back({kind, until, left_ms, lease});
  };
  const auto left = [&](LeaseTime until) { return (until - now.lease).count() / 1000; };
  const auto filled = [&](const auto& bucket, const RateLimit& rate) {  // rounded up
    return left(model::next_token(bucket, rate, now.lease) + Microseconds(999));
  };
  const bool flies = m.state == MessageState::in_flight;
  const bool turns = queue.window && !queue.window->turns.empty();
  hold(queue.config.paused, HoldKind::paused);
  hold(window_closed(queue), HoldKind::window_closed, turns ? queue.window->turns.front() : WallTime{});
  hold(facts(id).at_in_flight_cap, HoldKind::in_flight_cap);
  hold(tokens(queue.bucket, options.rate, now.lease) == 0, HoldKind::rate, {},
       filled(queue.bucket, options.rate));
  hold(m.state == MessageState::delayed, HoldKind::delayed, m.due);
  hold(flies, HoldKind::in_flight, {}, left(m.deadline), {position, m.attempt});
  hold(m.state == MessageState::parked, HoldKind::parked);
  hold(expiry(*this, queue, m).has_value(), HoldKind::expired);
  if (m.group.empty()) return out;
  const auto& group = queue.groups.at(m.group);
  hold(!queue.fifo() && room_in_flight(queue, m.group) == 0, HoldKind::group_cap);
  hold(tokens(group.bucket, options.group_rate, now.lease) == 0, HoldKind::group_rate, {},
       filled(group.bucket, options.group_rate));
  hold(group.paused, HoldKind::group_paused);
  if (!queue.fifo() || flies) return out;
  hold(group.parked, HoldKind::group_parked);
  hold(group.retry_until.ms != 0, HoldKind::group_delayed, group.retry_until);
  bool leased = false;
  bool later = false;
  for (const auto& [at, other] : queue.messages) {
    const bool same = other.group == m.group;
    const bool leads = same && other.state == MessageState::in_flight && !leased;
    const bool heads = same && other.state == MessageState::ready && !later;
    hold(leads, HoldKind::group_leased, {}, left(other.deadline), {at, other.attempt});
    hold(heads && at < position, HoldKind::group_order, {}, 0, {at, 0});
    leased = leased || leads;
    later = later || heads;
  }
  return out;
}

std::vector<engine::GroupInfo> ReferenceModel::groups(QueueId id) const {
  std::vector<engine::GroupInfo> infos;
  const auto& queue = queues.at(id);
  for (const auto& [name, group] : queue.groups) {
    engine::GroupInfo info;
    info.group_id = name;
    info.ready = count(queue, MessageState::ready, &name);
    info.in_flight = count(queue, MessageState::in_flight, &name);
    info.live = info.ready + info.in_flight + count(queue, MessageState::delayed, &name) +
                count(queue, MessageState::parked, &name);
    info.open = group.place.has_value();
    info.paused = group.paused;
    info.parked = group.parked;
    info.held_until = group.retry_until;
    if (info.live > 0 || info.paused || info.parked) infos.push_back(std::move(info));
  }
  return infos;
}

engine::NextDue ReferenceModel::next_due() const {
  engine::NextDue next;
  for (const auto& [id, queue] : queues) {
    for (const auto& [position, message] : queue.messages) {
      if (message.state == MessageState::in_flight) {
        next.lease = std::min(next.lease, message.deadline);
        continue;
      }
      if (message.state == MessageState::delayed) next.wall = std::min(next.wall, message.due);
      next.wall = std::min({next.wall, life_end(message), retention_end(queue, message)});
    }
    for (const auto& [name, group] : queue.groups) {
      if (group.retry_until.ms != 0) next.wall = std::min(next.wall, group.retry_until);
    }
    if (queue.window && !queue.window->turns.empty())
      next.wall = std::min(next.wall, queue.window->turns.front());
    for (const auto& [name, schedule] : queue.schedules)
      if (!schedule.runs.empty()) next.wall = std::min(next.wall, schedule.runs.front());
  }
  for (const auto& [id, outcome] : outcomes) next.wall = std::min(next.wall, outcome.until);
  for (const auto& [id, session] : sessions) next.lease = std::min(next.lease, session.ends);
  return next;
}

LeaseTime ReferenceModel::next_token() const {
  LeaseTime next = LeaseTime::never();
  for (const auto& [id, queue] : queues) {
    for (const auto& [name, group] : queue.groups) next = std::min(next, group.looked_at);
    if (queue.redrive) next = std::min(next, queue.redrive->next);
    const LeaseTime own = model::next_token(queue.bucket, queue.config.options.rate, now.lease);
    const std::uint64_t could = count(queue, MessageState::ready) - held(queue);
    if (own > now.lease && std::min(could, room_in_flight(queue)) > 0) next = std::min(next, own);
  }
  return next;
}

}  // namespace peerq::model
