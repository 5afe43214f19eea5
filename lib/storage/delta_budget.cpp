#include "storage/delta_budget.hpp"

#include <algorithm>
#include <numeric>

namespace peerq::storage {

namespace {

constexpr std::size_t mebibyte = std::size_t{1} << 20;
constexpr std::size_t page_size = 4096;
constexpr std::size_t dirty_pages_least = 16;

}  // namespace

DeltaLimits DeltaLimits::of(std::size_t memory_budget, std::uint64_t capacity) noexcept {
  DeltaLimits out;
  // A quarter each: the active delta, the frozen one, LMDB's dirty pages; the rest is slack and the log.
  out.freeze_bytes = std::min(out.freeze_bytes, memory_budget / 4);
  out.dirty_pages_most = std::min(out.dirty_pages_most, out.freeze_bytes / page_size);
  if (capacity != 0) {
    out.freeze_bytes = std::min<std::size_t>(out.freeze_bytes, capacity / 12);
    out.log_bytes = std::min(out.log_bytes, capacity / 8);
  }
  out.freeze_bytes = std::max(out.freeze_bytes, mebibyte / 8);
  out.total_bytes = out.freeze_bytes * 2;
  out.dirty_pages = std::min(out.dirty_pages, out.freeze_bytes / page_size);
  return out;
}

DeltaBudget::DeltaBudget(DeltaLimits limits, Room room)
    : limits_(limits), room_(std::move(room)), dirty_pages_now_(limits.dirty_pages) {}

void DeltaBudget::set_active(ShardId shard, std::size_t bytes, std::size_t dirty_pages) noexcept {
  active_[shard.value] = bytes;
  dirty_[shard.value] = dirty_pages;
  add_up();
}

void DeltaBudget::set_frozen(ShardId shard, std::size_t bytes) noexcept {
  frozen_[shard.value] = bytes;
  add_up();
}

void DeltaBudget::add_up() noexcept {
  total_.store(active_sum() + std::accumulate(frozen_.begin(), frozen_.end(), std::size_t{0}),
               std::memory_order_relaxed);
}

std::size_t DeltaBudget::active_sum() const noexcept {
  return std::accumulate(active_.begin(), active_.end(), std::size_t{0});
}

bool DeltaBudget::freeze_due(ShardId shard, std::size_t dirty_pages, std::uint64_t log_bytes) const noexcept {
  if (dirty_pages >= dirty_pages_now_ || log_bytes >= limits_.log_bytes) return true;
  if (active_sum() < limits_.freeze_bytes) return false;
  return active_[shard.value] >= *std::max_element(active_.begin(), active_.end());
}

bool DeltaBudget::exceeded() const noexcept {
  if (total() <= active_sum()) return false;
  return total() >= limits_.total_bytes ||
         *std::max_element(dirty_.begin(), dirty_.end()) >= limits_.dirty_pages_most;
}

void DeltaBudget::look_at_disk() {
  const std::uint64_t pages = room_ ? room_() / page_size : limits_.dirty_pages * 4;
  dirty_pages_now_ = std::clamp<std::size_t>(pages / 4, dirty_pages_least, limits_.dirty_pages);
}

}  // namespace peerq::storage
