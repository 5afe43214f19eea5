#pragma once
// QueueEngine: the catalog's word on queues, purge, and the slow removal of rows that do not exist any more
// (S7-S10, S75).

#include <algorithm>

#include "peerq/engine/queue_engine.hpp"

namespace peerq::engine {
inline namespace v1 {

/// Idempotent: repeated until the catalog has it confirmed.
template <Tables T>
void QueueEngine<T>::configure(const Configure& command, Reply& reply) {
  if (command.config.id.value == 0) return fail(reply, errc::invalid_argument, "a queue without an id");
  QueueContext* queue = lookup(command.config.id);
  if (command.removed) {
    effects_->deleted.push_back(command.config.id);
    if (queue != nullptr && !queue->removed) remove(touch(*queue));
  } else if (queue == nullptr) {
    create(command.config);
  } else if (queue->removed) {
    reply.code = errc::queue_deleted;
  } else if (command.config.version > queue->config.version) {
    reconfigure(touch(*queue), command.config);
  }
}

template <Tables T>
void QueueEngine<T>::create(const QueueConfig& config) {
  tables_->template insert<ConfigRow>(QueueKey{config.id}, ConfigRow{config});
  tables_->template insert<QueueRow>(QueueKey{config.id}, QueueRow{});
  need_context(config.id);
  if (!config.options.windows.empty()) effects_->calendars.push_back(config.id);
}

/// What counts at once: retention, caps, pause (S9, S10). The rest is looked up when it is needed.
template <Tables T>
void QueueEngine<T>::reconfigure(QueueContext& queue, const QueueConfig& config) {
  const bool retention_changed = queue.config.options.retention != config.options.retention;
  // Until now the bucket has filled by the old rate; without a rate there is none.
  const bool has_rate = config.options.rate.per_second_thousandths != 0;
  tokens(queue.config.options.rate, queue.row.bucket);
  if (!has_rate) queue.row.bucket = TokenBucket{};
  queue.config = config;
  tables_->template update<ConfigRow>(QueueKey{queue.id}, ConfigRow{config});
  if (queue.row.timer.us != 0) {
    tables_->template erase<GroupTimerRow>({queue.row.timer, queue.id, 0});
    queue.row.timer = LeaseTime{0};
    if (has_rate) arm_queue_timer(queue);
  }
  if (config.options.windows.empty()) drop_window(queue);
  if (!config.options.windows.empty()) effects_->calendars.push_back(queue.id);
  queue.window_closed = is_window_closed(queue);
  announce(queue);
  if (!retention_changed) return;
  disarm_retention(queue);
  if (config.options.retention && queue.row.live() > 0) arm_retention_at(queue, header_.stamps.wall);
}

/// The queue is deleted: none of its messages exists from here on (S75).
template <Tables T>
void QueueEngine<T>::remove(QueueContext& queue) {
  purge_messages(queue);
  disarm_retention(queue);
  drop_window(queue);
  drop_redrive(queue);
  drop_schedules(queue);
  queue.removed = true;
  schedule_reclaim(queue, true);
}

/// One point in the log: everything sent before is gone in this entry (S8).
template <Tables T>
void QueueEngine<T>::purge(const Purge& command, Reply& reply) {
  QueueContext* queue = use(command.queue, reply);
  if (queue == nullptr) return;
  reply.count = purge_messages(*queue);
  if (reply.count > 0) schedule_reclaim(*queue, false);
}

template <Tables T>
std::uint64_t QueueEngine<T>::purge_messages(QueueContext& queue) {
  const std::uint64_t live = queue.row.live() - queue.row.moving;
  for (std::uint8_t number = 0; number < limits::lane_count; ++number) {
    LaneContext& lane = queue.lanes[number];
    if (!queue.has_lane(number)) continue;
    std::uint64_t horizon = lane.row.next;
    if (PEERQ_PLANTED(purge_spares_parked)) {
      const auto spared = tables_->template first<ParkedRow>(
          {queue.id, Sequence::make(number, lane.row.horizon)}, {queue.id, Sequence::make(number + 1, 0)});
      if (spared) horizon = spared->key.sequence.number();
    }
    lane.row.horizon = horizon;
    lane.row.cursor = lane.row.next;
  }
  QueueRow& row = queue.row;
  ++row.purges;
  row.purged_turn = row.turn;
  queue.groups.for_each_touched([&](std::uint64_t number, GroupContext& group) {
    renew_group(queue, number, group.row);
    group.renewed = true;
  });
  row.purged += live;
  row.held = 0;
  row.ready = row.delayed = row.in_flight = row.parked = row.bytes = 0;  // what moves finishes
  return live;
}

template <Tables T>
void QueueEngine<T>::schedule_reclaim(QueueContext& queue, bool removed) {
  const QueueKey key{queue.id};
  if (!queue.reclaiming) {
    tables_->template insert<ReclaimRow>(key, ReclaimRow{removed});
  } else if (removed) {
    tables_->template update<ReclaimRow>(key, ReclaimRow{removed});
  }
  queue.reclaiming = true;
  reclaim_.note(key);
}

/// A slice of the rows that do not exist for any operation any more; every entry does one.
template <Tables T>
void QueueEngine<T>::reclaim() {
  std::size_t budget = limits::reclaim_rows_per_entry;
  while (reclaim_waits()) {
    const auto found = reclaim_.first(*tables_, QueueKey{}, QueueKey{QueueId{~std::uint64_t{0}}});
    QueueContext& queue = need_context(found->key.queue);
    if (!reclaim_queue(queue, budget)) {
      more_due_ = true;
      return;
    }
    finish_reclaim(queue);
  }
}

template <Tables T>
bool QueueEngine<T>::reclaim_waits() const {
  return reclaim_.first(*tables_, QueueKey{}, QueueKey{QueueId{~std::uint64_t{0}}}).has_value();
}

/// False when the budget ended first.
template <Tables T>
bool QueueEngine<T>::reclaim_queue(QueueContext& queue, std::size_t& budget) {
  if (budget == 0) return false;
  --budget;
  for (std::uint8_t number = 0; number < limits::lane_count; ++number) {
    LaneRow& lane = queue.lanes[number].row;
    while (lane.reclaimed < lane.horizon) {
      if (budget == 0) return false;
      const MessageKey from{queue.id, Sequence::make(number, lane.reclaimed)};
      const MessageKey end{queue.id, Sequence::make(number, lane.horizon)};
      const auto found = tables_->template first<MessageRow>(from, end);
      lane.reclaimed = found ? found->key.sequence.number() + 1 : lane.horizon;
      if (!found) break;
      --budget;
      reclaim_message(queue, found->key, found->row);
    }
  }
  return reclaim_ranks(queue, budget) &&
         (!queue.removed || (reclaim_groups(queue, budget) && reclaim_deduplication(queue, budget) &&
                             reclaim_transfers(queue, budget)));
}

/// Places in rings that a purge made void.
template <Tables T>
bool QueueEngine<T>::reclaim_ranks(QueueContext& queue, std::size_t& budget) {
  for (std::uint8_t level = 0; level < limits::priority_count; ++level) {
    const RankRow::Key end{queue.id, level, queue.row.purged_turn + 1, 0};
    while (const auto found = queue.void_ranks[level].first(*tables_, {queue.id, level, 0, 0}, end)) {
      if (budget == 0) return false;
      --budget;
      tables_->template erase<RankRow>(found->key);
    }
  }
  return true;
}

/// Of a queue that is deleted; what still moves needs none of these.
template <Tables T>
bool QueueEngine<T>::reclaim_transfers(const QueueContext& queue, std::size_t& budget) {
  const TransferRow::Key end{QueueId{queue.id.value + 1}, TransferRow::Way::out, QueueId{0}};
  TransferRow::Key from{queue.id, TransferRow::Way::out, QueueId{0}};
  while (const auto found = tables_->template first<TransferRow>(from, end)) {
    if (budget == 0) return false;
    --budget;
    from = found->key;
    tables_->template erase<TransferRow>(found->key);
  }
  return true;
}

/// Of a queue that is deleted. Names go with their groups.
template <Tables T>
bool QueueEngine<T>::reclaim_groups(QueueContext& queue, std::size_t& budget) {
  const GroupKey end{QueueId{queue.id.value + 1}, 0};
  write_groups(queue);
  queue.groups.clear();
  while (const auto found = queue.left_groups.first(*tables_, {queue.id, 0}, end)) {
    if (budget == 0) return false;
    --budget;
    GroupRow row = found->row;
    hold_group_until(queue, found->key.group, row, WallTime{});
    disarm_group_timer(queue, found->key.group, row);
    tables_->template erase<GroupRow>(found->key);
    tables_->template erase<GroupNameRow>({queue.id, row.name});
  }
  return true;
}

/// Erases every row of a message that a purge has already taken off the counters.
template <Tables T>
void QueueEngine<T>::reclaim_message(QueueContext& queue, const MessageKey& key, MessageRow row) {
  erase_state_rows(queue, key, row);
  settle_fate(key, row, Fate::cancelled);
  erase_message_rows(queue, key, row);
  // Its group may have nothing left: the end of the entry sees to that.
  if (row.group != 0 && !queue.removed) find_group(queue, row.group);
}

template <Tables T>
void QueueEngine<T>::finish_reclaim(QueueContext& queue) {
  const QueueKey key{queue.id};
  tables_->template erase<ReclaimRow>(key);
  queue.reclaiming = false;
  if (!queue.removed) return;
  for (std::uint8_t number = 0; number < limits::lane_count; ++number) {
    if (queue.lanes[number].in_tables) tables_->template erase<LaneRow>({queue.id, number});
  }
  tables_->template erase<QueueRow>(key);
  tables_->template erase<ConfigRow>(key);
  queue.forgotten = true;
}

/// Numbers skip, receipts given before are stale (S58). Lanes follow when they are next appended to.
template <Tables T>
void QueueEngine<T>::new_epoch(const NewEpoch& command, Reply& reply) {
  if (command.number_floor > Sequence::number_mask / 2) {
    return fail(reply, errc::invalid_argument, "the floor of numbers is too high");
  }
  EpochRow row = epoch();
  ++row.receipt_epoch;
  row.number_floor = std::max(row.number_floor, command.number_floor);
  if (tables_->template find<EpochRow>(SingleKey{})) {
    tables_->template update<EpochRow>(SingleKey{}, row);
  } else {
    tables_->template insert<EpochRow>(SingleKey{}, row);
  }
  epoch_ = row;
}

template <Tables T>
const EpochRow& QueueEngine<T>::epoch() const {
  if (!epoch_) epoch_ = tables_->template find<EpochRow>(SingleKey{}).value_or(EpochRow{});
  return *epoch_;
}

}  // namespace v1
}  // namespace peerq::engine
