#pragma once
// QueueEngine: room in a full queue by dropping the oldest (S15).

#include <vector>

#include "peerq/engine/queue_engine.hpp"

namespace peerq::engine {
inline namespace v1 {

/// Drops what has to go; the caller has seen that it does not fit.
template <Tables T>
bool QueueEngine<T>::make_room(QueueContext& queue, const Demand& demand) {
  std::vector<MessageKey> victims;
  if (!find_room(queue, demand, victims)) return false;
  for (const MessageKey& key : victims) drop(queue, key);
  return true;
}

/// Ready messages that have to go, the oldest of the lowest priority first, until so much fits. None of a
/// higher priority than any of the newcomers'; false when that is not possible or takes more than 16.
template <Tables T>
bool QueueEngine<T>::find_room(QueueContext& queue, const Demand& demand, std::vector<MessageKey>& victims) {
  if (queue.config.options.overflow != Overflow::drop_oldest) return false;
  const QueueOptions& options = queue.config.options;
  if (options.max_messages && demand.count > *options.max_messages) return false;
  if (options.max_bytes && demand.bytes > *options.max_bytes) return false;
  Demand left = demand;
  const auto fits = [&] {
    left.freed = demand.freed + victims.size();
    return check_depth(queue, left).code == errc::ok;
  };
  for (std::uint8_t level = 0; level <= demand.lowest && !fits(); ++level) {
    find_victims(queue, level, victims, left.freed_bytes, fits);
  }
  return fits();
}

/// Ready messages of one level in the order of their arrival: those without a group and those with one.
template <Tables T>
template <class Enough>
void QueueEngine<T>::find_victims(QueueContext& queue, std::uint8_t level, std::vector<MessageKey>& victims,
                                  std::uint64_t& freed, const Enough& enough) {
  OldestReady single{level, queue.lanes[level].row.horizon};
  OldestReady grouped{limits::group_lane, queue.lanes[limits::group_lane].row.horizon};
  auto a = next_victim(queue, level, single);
  auto b = next_victim(queue, level, grouped);
  while ((a || b) && victims.size() < limits::drop_max && !enough()) {
    const bool first = a && (!b || a->row.arrived <= b->row.arrived);
    auto& taken = first ? a : b;
    victims.push_back(taken->key);
    freed += taken->row.counted_bytes;
    taken = next_victim(queue, level, first ? single : grouped);
  }
}

/// The next message of a lane that may be dropped; looks at so many rows at most.
template <Tables T>
std::optional<Found<MessageRow>> QueueEngine<T>::next_victim(QueueContext& queue, std::uint8_t level,
                                                             OldestReady& from) {
  if (!queue.has_lane(from.lane)) return std::nullopt;
  const MessageKey end{queue.id, Sequence::make(from.lane, queue.lanes[from.lane].row.next)};
  while (from.looks_left > 0) {
    const MessageKey key{queue.id, Sequence::make(from.lane, from.number)};
    if (!(key < end)) return std::nullopt;
    auto found = tables_->template first<MessageRow>(key, end);
    if (!found) return std::nullopt;
    --from.looks_left;
    from.number = found->key.sequence.number() + 1;
    const MessageRow& row = found->row;
    if (row.state != MessageState::fresh && row.state != MessageState::ready) continue;
    if (row.group == 0) return found;
    if (row.priority != level || need_group(queue, row.group).row.parked) continue;
    return found;
  }
  return std::nullopt;
}

template <Tables T>
void QueueEngine<T>::drop(QueueContext& queue, const MessageKey& key) {
  MessageRow row = need_message(key);
  take_out(queue, key, row);
  queue.count(EventKind::dropped);
  if (to_dead_letter_queue(queue, key, row, Cause::overflow)) return;
  settle_fate(key, row, Fate::cancelled, Cause::overflow);
  ++queue.row.dropped;
  discard(queue, key, row);
}

}  // namespace v1
}  // namespace peerq::engine
