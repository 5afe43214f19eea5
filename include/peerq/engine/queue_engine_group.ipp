#pragma once
// QueueEngine: message groups (S29, S42-S47): who is in which group, which groups are open, whose turn it is.

#include <algorithm>
#include <bit>
#include <string>
#include <utility>

#include "peerq/engine/queue_engine.hpp"
#include "peerq/engine/queue_engine_rate.ipp"

namespace peerq::engine {
inline namespace v1 {

/// The group of this name; a new one when there is none.
template <Tables T>
std::uint64_t QueueEngine<T>::open_group(QueueContext& queue, std::string_view name) {
  const std::uint64_t held = queue.groups.number_of(name);
  if (held != 0 && !forget_purged(queue, held)) return held;
  GroupNameRow::Key key{queue.id, std::string(name)};
  if (held == 0) {
    const auto named = tables_->template find<GroupNameRow>(key);
    if (named && !forget_purged(queue, named->group)) return named->group;
  }
  const std::uint64_t number = queue.row.next_group++;
  tables_->template insert<GroupNameRow>(key, GroupNameRow{number});
  GroupRow row;
  row.name = std::move(key.name);
  row.purges = queue.row.purges;
  queue.groups.add(number, std::move(row));
  return number;
}

/// A group that a purge has emptied and nobody paused is not there any more: who comes now is new.
template <Tables T>
bool QueueEngine<T>::forget_purged(QueueContext& queue, std::uint64_t number) {
  GroupContext* group = find_group(queue, number);
  if (group == nullptr) damaged("a group's name without the group", {queue.id, Sequence{number}});
  GroupRow& row = group->row;
  const bool empty = row.live == 0 && !row.paused && !row.parked;
  if (!group->renewed || !empty || !is_full(queue.config.options.group_rate, row.bucket)) return false;
  disarm_group_timer(queue, number, row);
  if (group->in_tables) tables_->template erase<GroupRow>({queue.id, number});
  tables_->template erase<GroupNameRow>({queue.id, row.name});
  queue.groups.drop(number);
  return true;
}

/// The group in memory, for this entry; null when it is not there any more.
template <Tables T>
GroupContext* QueueEngine<T>::find_group(QueueContext& queue, std::uint64_t number) {
  GroupContext* group = queue.groups.find(number);
  if (group == nullptr) {
    auto row = tables_->template find<GroupRow>({queue.id, number});
    if (!row) return nullptr;
    group = &queue.groups.add(number, std::move(*row));
    group->stored = group->row;
    group->in_tables = true;
  }
  if (group->row.purges != queue.row.purges) {
    renew_group(queue, number, group->row);
    group->renewed = true;
  }
  return group;
}

template <Tables T>
GroupContext& QueueEngine<T>::need_group(QueueContext& queue, std::uint64_t number) {
  GroupContext* group = find_group(queue, number);
  if (group == nullptr) damaged("a message names a group that is not there", {queue.id, Sequence{number}});
  return *group;
}

template <Tables T>
std::string QueueEngine<T>::group_name(QueueId id, std::uint64_t number) const {
  if (const QueueContext* queue = lookup(id)) {
    if (const GroupContext* group = queue->groups.peek(number)) return group->row.name;
  }
  const auto row = tables_->template find<GroupRow>({id, number});
  if (!row) damaged("a message names a group that is not there", {id, Sequence{number}});
  return row->name;
}

/// A purge came by since the group was last looked at: what it knew of its messages is void (S8).
template <Tables T>
void QueueEngine<T>::renew_group(QueueContext& queue, std::uint64_t number, GroupRow& row) {
  hold_group_until(queue, number, row, WallTime{});
  row.live = row.ready = row.in_flight = row.held = 0;
  row.ranks = 0;  // the rows are void by their turn
  row.levels = 0;
  row.parked = false;
  row.purges = queue.row.purges;
}

/// Whether the group gives out messages.
template <Tables T>
bool QueueEngine<T>::is_open(QueueContext& queue, GroupRow& row) {
  const QueueOptions& options = queue.config.options;
  const bool held = row.held_until.ms != 0 && !PEERQ_PLANTED(retry_delay_not_holding_the_group);
  if (row.ready == 0 || row.paused || row.parked || held) return false;
  const bool leased = queue.is_fifo() && row.in_flight > 0;
  if (leased && !PEERQ_PLANTED(fifo_group_not_closed_by_lease)) return false;
  const std::uint64_t cap = options.max_in_flight_per_group;
  if (cap != 0 && row.in_flight >= cap) return false;
  return tokens(options.group_rate, row.bucket) > 0;
}

/// The levels in whose ring the group belongs: a FIFO group's is the priority of its first message (S47).
template <Tables T>
std::uint16_t QueueEngine<T>::ranks_of(QueueContext& queue, std::uint64_t number, GroupRow& row) {
  if (!is_open(queue, row)) return 0;
  if (!queue.is_fifo()) return row.levels;
  const auto first = first_of_group(queue, number, 0);
  if (!first) damaged("a group has no message that is ready", {queue.id, Sequence{number}});
  return static_cast<std::uint16_t>(1U << first->row.priority);
}

template <Tables T>
std::optional<Found<GroupOrderRow>> QueueEngine<T>::first_of_group(const QueueContext& queue,
                                                                   std::uint64_t number,
                                                                   std::uint8_t level) const {
  const Sequence horizon = Sequence::make(limits::group_lane, queue.lanes[limits::group_lane].row.horizon);
  const auto above = static_cast<std::uint8_t>(level + 1);
  const Sequence from = std::max(horizon, queue.heads.of(number, level));
  auto found = tables_->template first<GroupOrderRow>({queue.id, number, level, from},
                                                      {queue.id, number, above, Sequence{0}});
  const Sequence end = Sequence::make(limits::group_lane + 1, 0);
  queue.heads.keep(number, level, found ? found->key.sequence : end);
  return found;
}

/// After anything that may open or close the group, or change its level: puts it where it belongs. Who opens
/// goes to the end of the ring.
template <Tables T>
void QueueEngine<T>::place_group(QueueContext& queue, std::uint64_t number, GroupRow& row) {
  const std::uint16_t wanted = ranks_of(queue, number, row);
  if (wanted != row.ranks) {
    const bool opens = row.ranks == 0;
    erase_ranks(queue, number, row, static_cast<std::uint16_t>(row.ranks & ~wanted));
    if (opens) row.turn = ++queue.row.turn;
    insert_ranks(queue, number, row, static_cast<std::uint16_t>(wanted & ~row.ranks));
    announce(queue);
  }
  const std::uint64_t held = wanted == 0 ? row.ready : 0;
  queue.row.held += held - row.held;
  row.held = held;
  const RateLimit& rate = queue.config.options.group_rate;
  if (row.ready > 0 && tokens(rate, row.bucket) == 0) {
    arm_group_timer(queue, number, row, when_filled(rate, row.bucket, token_units));
  }
}

template <Tables T>
void QueueEngine<T>::erase_ranks(QueueContext& queue, std::uint64_t number, GroupRow& row, unsigned levels) {
  row.ranks = static_cast<std::uint16_t>(row.ranks & ~levels);
  for (; levels != 0; levels &= levels - 1) {
    const auto level = static_cast<std::uint8_t>(std::countr_zero(levels));
    tables_->template erase<RankRow>({queue.id, level, row.turn, number});
  }
}

template <Tables T>
void QueueEngine<T>::insert_ranks(QueueContext& queue, std::uint64_t number, GroupRow& row, unsigned levels) {
  row.ranks = static_cast<std::uint16_t>(row.ranks | levels);
  for (; levels != 0; levels &= levels - 1) {
    const auto level = static_cast<std::uint8_t>(std::countr_zero(levels));
    const RankRow::Key key{queue.id, level, row.turn, number};
    tables_->template insert<RankRow>(key, RankRow{});
    queue.ranks[level].note(key);
  }
}

/// It was served: the others come first now (S29).
template <Tables T>
void QueueEngine<T>::to_the_end(QueueContext& queue, std::uint64_t number, GroupRow& row) {
  const unsigned ranks = row.ranks;
  if (ranks == 0) return;
  erase_ranks(queue, number, row, ranks);
  row.turn = ++queue.row.turn;
  insert_ranks(queue, number, row, ranks);
}

/// The open group whose turn it is at this level.
template <Tables T>
std::optional<RankRow::Key> QueueEngine<T>::next_group(QueueContext& queue, std::uint8_t level) const {
  const RankRow::Key from{queue.id, level, queue.row.purged_turn + 1, 0};
  const RankRow::Key end{queue.id, static_cast<std::uint8_t>(level + 1), 0, 0};
  const auto found = queue.ranks[level].first(*tables_, from, end);
  if (!found) return std::nullopt;
  return found->key;
}

/// A message of a group became ready; its own row is written by the caller.
template <Tables T>
void QueueEngine<T>::join_group(QueueContext& queue, const MessageKey& key, const MessageRow& row) {
  GroupContext& group = need_group(queue, row.group);
  const std::uint8_t level = level_of(queue, row);
  tables_->template insert<GroupOrderRow>({queue.id, row.group, level, key.sequence},
                                          GroupOrderRow{row.priority});
  queue.heads.note(row.group, level, key.sequence);
  ++group.row.ready;
  group.row.levels = static_cast<std::uint16_t>(group.row.levels | 1U << level);
  place_group(queue, row.group, group.row);
}

/// A message of a group is not ready any more; its GroupOrderRow is gone.
template <Tables T>
void QueueEngine<T>::leave_group(QueueContext& queue, const MessageRow& row) {
  GroupContext& group = need_group(queue, row.group);
  const std::uint8_t level = level_of(queue, row);
  --group.row.ready;
  if (!first_of_group(queue, row.group, level)) {
    group.row.levels = static_cast<std::uint16_t>(group.row.levels & ~(1U << level));
  }
  if (row.due.ms != 0 && row.due == group.row.held_until) {
    hold_group_until(queue, row.group, group.row, longest_delay(queue, row.group));
  }
  place_group(queue, row.group, group.row);
}

/// The end of the longest retry delay that what is left of a FIFO group still has; 0 = none. Those with one
/// were leased together, they are the first of the group.
template <Tables T>
WallTime QueueEngine<T>::longest_delay(const QueueContext& queue, std::uint64_t number) const {
  const GroupOrderRow::Key end{queue.id, number, 1, Sequence{0}};
  WallTime longest;
  auto next = first_of_group(queue, number, 0);
  for (std::size_t looks = 0; next && looks < limits::receive_skip_budget; ++looks) {
    const MessageRow row = need_message({queue.id, next->key.sequence});
    if (row.due > header_.stamps.wall) longest = std::max(longest, row.due);
    next = tables_->template first<GroupOrderRow>({queue.id, number, 0, next->key.sequence.next()}, end);
  }
  return longest;
}

/// FIFO: order does not look at priorities inside a group.
template <Tables T>
std::uint8_t QueueEngine<T>::level_of(const QueueContext& queue, const MessageRow& row) {
  return queue.is_fifo() ? std::uint8_t{0} : row.priority;
}

/// Holds a FIFO group, or lets it go with time 0 (S46).
template <Tables T>
void QueueEngine<T>::hold_group_until(QueueContext& queue, std::uint64_t number, GroupRow& row,
                                      WallTime until) {
  if (row.held_until.ms != 0) {
    tables_->template erase<WallDueRow>({row.held_until, queue.id, Sequence{number}, WallDue::group});
  }
  row.held_until = until;
  if (until.ms != 0) insert_wall_due({until, queue.id, Sequence{number}, WallDue::group});
}

/// A message of the group leaves the queue.
template <Tables T>
void QueueEngine<T>::shrink_group(QueueContext& queue, std::uint64_t number) {
  --need_group(queue, number).row.live;
}

/// What still holds the lease of a FIFO group, in order.
template <Tables T>
std::optional<Sequence> QueueEngine<T>::first_flight(const QueueContext& queue, std::uint64_t number,
                                                     Sequence from) const {
  const Sequence horizon = Sequence::make(limits::group_lane, queue.lanes[limits::group_lane].row.horizon);
  const auto found = tables_->template first<GroupFlightRow>({queue.id, number, std::max(from, horizon)},
                                                             {queue.id, number + 1, Sequence{0}});
  if (!found) return std::nullopt;
  return found->key.sequence;
}

/// S44: what a FIFO group has in flight behind the message goes back too, uncounted.
template <Tables T>
void QueueEngine<T>::return_followers(QueueContext& queue, std::uint64_t number, Sequence after) {
  while (const auto follower = first_flight(queue, number, after.next())) {
    after = *follower;
    const MessageKey key{queue.id, after};
    MessageRow row = need_message(key);
    if (row.state != MessageState::in_flight) damaged("a message in flight is in another state", key);
    take_out(queue, key, row);
    if (row.receive_count > 0) --row.receive_count;
    put_back(queue, key, row, 0);
    if (due_budget_ > 0) --due_budget_;  // all of this group; less of what is due behind it (S3)
  }
}

/// Writes the groups back that the entry has looked at; what nothing is known of any more goes.
template <Tables T>
void QueueEngine<T>::write_groups(QueueContext& queue) {
  queue.groups.finish([&](std::uint64_t number, GroupContext& group) {
    group.renewed = false;
    return write_group(queue, number, group);
  });
  groups_held_ += queue.groups.size() - queue.groups_counted;
  queue.groups_counted = queue.groups.size();
  if (groups_held_ <= groups_held_max) return;
  for (auto& [id, context] : contexts_) {
    if (context.groups.is_touched()) continue;
    groups_held_ -= std::exchange(context.groups_counted, 0);
    context.groups.clear();
  }
}

/// False when nothing is known of the group any more.
template <Tables T>
bool QueueEngine<T>::write_group(QueueContext& queue, std::uint64_t number, GroupContext& group) {
  const GroupKey key{queue.id, number};
  GroupRow& row = group.row;
  const bool empty = row.live == 0 && !row.paused && !row.parked && row.held_until.ms == 0;
  const RateLimit& rate = queue.config.options.group_rate;
  if (empty && is_full(rate, row.bucket)) {
    disarm_group_timer(queue, number, row);
    if (group.in_tables) tables_->template erase<GroupRow>(key);
    tables_->template erase<GroupNameRow>({queue.id, row.name});
    return false;
  }
  if (empty) {
    arm_group_timer(queue, number, row, when_filled(rate, row.bucket, detail::burst_units(rate)));
  }
  if (!group.in_tables) {
    tables_->template insert<GroupRow>(key, row);
    queue.left_groups.note(key);
  } else if (row != group.stored) {
    tables_->template update<GroupRow>(key, row);
  }
  group.in_tables = true;
  group.stored = row;
  return true;
}

}  // namespace v1
}  // namespace peerq::engine
