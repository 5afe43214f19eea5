#pragma once
// QueueEngine: rate limits (S30): token buckets in integers, by lease time.

#include "peerq/engine/queue_engine.hpp"

namespace peerq::engine {
inline namespace v1 {

namespace detail {

inline std::int64_t burst_units(const RateLimit& rate) noexcept {
  const std::uint64_t whole = std::max<std::uint64_t>(1, rate.per_second_thousandths / 1000);
  return static_cast<std::int64_t>(rate.burst != 0 ? rate.burst : whole) * token_units;
}

/// Brings the bucket to `now`.
inline void refill(const RateLimit& rate, TokenBucket& bucket, LeaseTime now) noexcept {
  const std::int64_t most = burst_units(rate);
  if (bucket.at.us < 0 || bucket.units > most) bucket.units = most;
  const std::int64_t elapsed = bucket.at.us < 0 ? 0 : (now - bucket.at).count();
  const std::int64_t missing = most - bucket.units;
  const auto per_us = static_cast<std::int64_t>(rate.per_second_thousandths);
  // Compared before they are multiplied: years of lease time would not fit.
  const std::int64_t to_full = missing / per_us + 1;
  bucket.units = elapsed >= to_full ? most : bucket.units + elapsed * per_us;
  if (bucket.units > most) bucket.units = most;
  bucket.at = now;
}

}  // namespace detail

/// Whole tokens there are now; no rate: as many as anybody wants.
template <Tables T>
std::uint64_t QueueEngine<T>::tokens(const RateLimit& rate, TokenBucket& bucket) const {
  if (rate.per_second_thousandths == 0) return ~std::uint64_t{0};
  detail::refill(rate, bucket, lease_now());
  return static_cast<std::uint64_t>(bucket.units / token_units);
}

/// The caller has seen that there is a token.
template <Tables T>
void QueueEngine<T>::spend(const RateLimit& rate, TokenBucket& bucket) const {
  if (rate.per_second_thousandths == 0) return;
  detail::refill(rate, bucket, lease_now());
  bucket.units -= token_units;
}

template <Tables T>
bool QueueEngine<T>::is_full(const RateLimit& rate, TokenBucket& bucket) const {
  if (rate.per_second_thousandths == 0 || bucket.at.us < 0) return true;
  detail::refill(rate, bucket, lease_now());
  return bucket.units == detail::burst_units(rate);
}

/// When the bucket holds `units`, of which it has fewer now.
template <Tables T>
LeaseTime QueueEngine<T>::when_filled(const RateLimit& rate, TokenBucket& bucket, std::int64_t units) const {
  detail::refill(rate, bucket, lease_now());
  const auto per_us = static_cast<std::int64_t>(rate.per_second_thousandths);
  return lease_now() + Microseconds((units - bucket.units + per_us - 1) / per_us);
}

/// The group is looked at again at this time at the latest.
template <Tables T>
void QueueEngine<T>::arm_group_timer(QueueContext& queue, std::uint64_t number, GroupRow& row, LeaseTime at) {
  if (row.timer.us != 0 && row.timer <= at) return;
  disarm_group_timer(queue, number, row);
  row.timer = at;
  insert_timer({at, queue.id, number});
}

template <Tables T>
void QueueEngine<T>::disarm_group_timer(QueueContext& queue, std::uint64_t number, GroupRow& row) {
  if (row.timer.us != 0) tables_->template erase<GroupTimerRow>({row.timer, queue.id, number});
  row.timer = LeaseTime{0};
}

/// The same for the queue's own bucket, which holds up receivers while it is empty.
template <Tables T>
void QueueEngine<T>::arm_queue_timer(QueueContext& queue) {
  const RateLimit& rate = queue.config.options.rate;
  if (queue.row.timer.us != 0 || tokens(rate, queue.row.bucket) > 0) return;
  queue.row.timer = when_filled(rate, queue.row.bucket, token_units);
  insert_timer({queue.row.timer, queue.id, 0});
}

template <Tables T>
void QueueEngine<T>::insert_timer(const GroupTimerRow::Key& key) {
  tables_->template insert<GroupTimerRow>(key, GroupTimerRow{});
  timers_.note(key);
}

/// False when nothing (more) is to be done in this entry.
template <Tables T>
bool QueueEngine<T>::sweep_one_timer() {
  const GroupTimerRow::Key end{LeaseTime{lease_now().us + 1}, QueueId{0}, 0};
  if (timers_.nothing_before(end)) return false;
  const auto found = timers_.first(*tables_, {}, {LeaseTime::never(), QueueId{0}, 0});
  if (!found || !(found->key < end)) return false;
  if (due_budget_ == 0) {
    more_due_ = true;
    return false;
  }
  --due_budget_;
  const GroupTimerRow::Key& timer = found->key;
  tables_->template erase<GroupTimerRow>(timer);
  QueueContext* queue = lookup(timer.queue);
  if (queue == nullptr) return true;
  touch(*queue);
  if (timer.group == redrive_timer) {
    due_redrives_.push_back(queue->id);
  } else if (timer.group == 0) {
    queue->row.timer = LeaseTime{0};
    tokens(queue->config.options.rate, queue->row.bucket);
    announce(*queue);
  } else if (GroupContext* group = find_group(*queue, timer.group)) {
    group->row.timer = LeaseTime{0};
    place_group(*queue, timer.group, group->row);
  }
  return true;
}

}  // namespace v1
}  // namespace peerq::engine
