#pragma once
// An ordered table in memory: a list of sorted runs of up to 64 rows, found by binary search. Two to three
// times as fast as std::map for a few thousand rows, and free of an allocation per row (docs/decisions.md).
// Cheap by design is what a queue does all the time: append at the end, take from the front.
//
//   separators_ | s0 | s1 | s2 | ...          s(i) <= every key of run i, s(i) > every key of run i-1; s0
//   counts as -oo runs_       | .  | .  | .  | ...   ->     run: keys[begin, end) ascending, values beside
//   them

#include <algorithm>
#include <array>
#include <cstddef>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

#include "peerq/base/assert.hpp"
#include "storage/key_order.hpp"

namespace peerq::storage {

/// **Thread** one at a time; several readers when nobody changes it.
template <class Key, class Value>
class OrderedTable {
  static constexpr std::size_t run_size = 64;

  struct Run {
    std::size_t begin = 0;
    std::size_t end = 0;
    std::array<Key, run_size> keys{};
    std::array<Value, run_size> values{};
  };

 public:
  /// A row, or the end of the table.
  struct Place {
    const OrderedTable* table = nullptr;
    std::size_t run = 0;
    std::size_t at = 0;

    explicit operator bool() const noexcept { return run < table->runs_.size(); }
    const Key& key() const noexcept { return table->runs_[run]->keys[at]; }
    const Value& value() const noexcept { return table->runs_[run]->values[at]; }
    void advance() noexcept {
      if (++at < table->runs_[run]->end) return;
      ++run;
      at = run < table->runs_.size() ? table->runs_[run]->begin : 0;
    }
  };

  OrderedTable() = default;
  OrderedTable(const OrderedTable&) = delete;
  OrderedTable& operator=(const OrderedTable&) = delete;

  Value* find(const Key& key) {
    if (runs_.empty()) return nullptr;
    Run& run = *runs_[run_of(key)];
    const std::size_t at = lower(run, key);
    return at < run.end && run.keys[at] == key ? &run.values[at] : nullptr;
  }
  const Value* find(const Key& key) const { return const_cast<OrderedTable*>(this)->find(key); }

  /// The value of `key`, made by default if it was not there, and whether it was made.
  std::pair<Value*, bool> need(const Key& key) {
    if (runs_.empty()) add_run(0, key);
    std::size_t index = runs_.size() - 1;
    Run* run = runs_[index].get();
    if (run->begin == run->end || key_less(run->keys[run->end - 1], key)) {
      if (run->end == run_size) {
        add_run(++index, key);
        run = runs_[index].get();
      }
      return {place_row(*run, run->end, key), true};
    }
    index = run_of(key);
    run = runs_[index].get();
    std::size_t at = lower(*run, key);
    if (at < run->end && run->keys[at] == key) return {&run->values[at], false};
    if (run->end - run->begin == run_size) {
      split(index);
      index = run_of(key);
      run = runs_[index].get();
      at = lower(*run, key);
    }
    return {place_row(*run, at, key), true};
  }

  void erase(const Key& key) {
    PEERQ_ASSERT(!runs_.empty());
    const std::size_t index = run_of(key);
    Run& run = *runs_[index];
    const std::size_t at = lower(run, key);
    PEERQ_ASSERT(at < run.end && run.keys[at] == key);
    take_row(run, at);
    --size_;
    if (run.begin == run.end) remove_run(index);
  }

  /// The first row whose key is at least `from`, or greater when `after`.
  Place next(const Key& from, bool after) const {
    if (runs_.empty()) return {this, 0, 0};
    const std::size_t index = run_of(from);
    const Run& run = *runs_[index];
    std::size_t at = lower(run, from);
    if (after && at < run.end && run.keys[at] == from) ++at;
    if (at < run.end) return {this, index, at};
    return {this, index + 1, index + 1 < runs_.size() ? runs_[index + 1]->begin : 0};
  }

  Place begin() const { return {this, 0, runs_.empty() ? 0 : runs_[0]->begin}; }
  std::size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }
  /// Without what keys and values hold elsewhere.
  std::size_t memory() const noexcept { return runs_.size() * (sizeof(Run) + sizeof(Key) + sizeof(void*)); }

 private:
  /// The run in which `key` is or belongs.
  std::size_t run_of(const Key& key) const {
    if (runs_.size() == 1 || key_less(key, separators_[1])) return 0;
    const std::size_t count = separators_.size() - 1;
    const std::size_t at = 1 + lower_index(separators_.data() + 1, count, key);
    return at <= count && separators_[at] == key ? at : at - 1;
  }

  static std::size_t lower(const Run& run, const Key& key) {
    if (run.begin < run.end && !key_less(run.keys[run.begin], key)) return run.begin;
    return run.begin + lower_index(run.keys.data() + run.begin, run.end - run.begin, key);
  }

  void add_run(std::size_t index, const Key& separator) {
    separators_.insert(separators_.begin() + static_cast<std::ptrdiff_t>(index), separator);
    runs_.insert(runs_.begin() + static_cast<std::ptrdiff_t>(index),
                 spare_ != nullptr ? std::move(spare_) : std::make_unique<Run>());
    runs_[index]->begin = runs_[index]->end = 0;
  }

  void remove_run(std::size_t index) {
    spare_ = std::move(runs_[index]);
    runs_.erase(runs_.begin() + static_cast<std::ptrdiff_t>(index));
    separators_.erase(separators_.begin() + static_cast<std::ptrdiff_t>(index));
  }

  void split(std::size_t index) {
    Run& low = *runs_[index];
    const std::size_t middle = low.begin + (low.end - low.begin) / 2;
    add_run(index + 1, low.keys[middle]);
    Run& left = *runs_[index];
    Run& right = *runs_[index + 1];
    right.end = left.end - middle;
    std::move(left.keys.begin() + middle, left.keys.begin() + left.end, right.keys.begin());
    std::move(left.values.begin() + middle, left.values.begin() + left.end, right.values.begin());
    left.end = middle;
  }

  /// Makes room at `at` by moving the shorter side that has room.
  Value* place_row(Run& run, std::size_t at, const Key& key) {
    const bool to_front = run.end == run_size || (run.begin > 0 && at - run.begin < run.end - at);
    if (to_front) {
      std::move(run.keys.begin() + run.begin, run.keys.begin() + at, run.keys.begin() + run.begin - 1);
      std::move(run.values.begin() + run.begin, run.values.begin() + at, run.values.begin() + run.begin - 1);
      --run.begin;
      --at;
    } else {
      std::move_backward(run.keys.begin() + at, run.keys.begin() + run.end, run.keys.begin() + run.end + 1);
      std::move_backward(run.values.begin() + at, run.values.begin() + run.end,
                         run.values.begin() + run.end + 1);
      ++run.end;
    }
    run.keys[at] = key;
    run.values[at] = Value{};
    ++size_;
    return &run.values[at];
  }

  void take_row(Run& run, std::size_t at) {
    if (at - run.begin < run.end - at) {
      std::move_backward(run.keys.begin() + run.begin, run.keys.begin() + at, run.keys.begin() + at + 1);
      std::move_backward(run.values.begin() + run.begin, run.values.begin() + at,
                         run.values.begin() + at + 1);
      clear(run, run.begin++);
    } else {
      std::move(run.keys.begin() + at + 1, run.keys.begin() + run.end, run.keys.begin() + at);
      std::move(run.values.begin() + at + 1, run.values.begin() + run.end, run.values.begin() + at);
      clear(run, --run.end);
    }
  }

  /// Lets go of what an unused place holds.
  static void clear(Run& run, std::size_t at) {
    if constexpr (!std::is_trivially_copyable_v<Key>) run.keys[at] = Key{};
    if constexpr (!std::is_trivially_copyable_v<Value>) run.values[at] = Value{};
  }

  std::vector<Key> separators_;
  std::vector<std::unique_ptr<Run>> runs_;
  std::unique_ptr<Run> spare_;
  std::size_t size_ = 0;
};

}  // namespace peerq::storage
