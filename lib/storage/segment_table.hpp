#pragma once
// A table in memory whose keys (queue, number) come in dense runs: messages and payloads. Rows lie in
// segments of 64 neighbours, so that finding a row is a short look-up of its segment and one bit; segments
// are kept in order.
//
//   segment of (queue, number / 64):  | present: 64 bits | erased: 64 bits | below: 64 bits | 64 values |

#include <array>
#include <bit>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

#include "peerq/base/assert.hpp"

namespace peerq::storage {

/// Key of a dense table as two plain numbers.
struct DenseKey {
  std::uint64_t queue = 0;
  std::uint64_t number = 0;

  friend constexpr auto operator<=>(const DenseKey&, const DenseKey&) = default;
};

/// **Thread** one at a time; `for_each` may run beside readers when nobody changes the table.
template <class Value>
class SegmentTable {
 public:
  static constexpr std::uint64_t segment_size = 64;

  struct Segment {
    /// (queue, number / 64)
    DenseKey key;
    /// There is an entry; then: it says that the row is erased; a row exists below this level (delta tables
    /// only).
    std::uint64_t present = 0;
    std::uint64_t erased = 0;
    std::uint64_t below = 0;
    std::array<Value, segment_size> values{};
  };

  /// One entry, or none when `segment` is null.
  struct Place {
    Segment* segment = nullptr;
    std::uint64_t bit = 0;
    unsigned at = 0;

    explicit operator bool() const noexcept { return segment != nullptr; }
    Value& value() const noexcept { return segment->values[at]; }
    DenseKey key() const noexcept { return {segment->key.queue, segment->key.number * segment_size + at}; }
  };

  SegmentTable() = default;
  SegmentTable(const SegmentTable&) = delete;
  SegmentTable& operator=(const SegmentTable&) = delete;

  /// The entry of `key`, if there is one.
  Place find(DenseKey key) const noexcept {
    Segment* segment = look_up({key.queue, key.number / segment_size});
    const Place place = place_in(segment, key.number);
    return segment != nullptr && (segment->present & place.bit) != 0 ? place : Place{};
  }

  /// The place of `key`, whether or not there is an entry; the caller sets the bits.
  Place need(DenseKey key) {
    const DenseKey of{key.queue, key.number / segment_size};
    Segment* segment = look_up(of);
    return place_in(segment != nullptr ? segment : make(of), key.number);
  }

  /// Removes the entry and what its value holds.
  void remove(Place place) {
    Segment& segment = *place.segment;
    segment.present &= ~place.bit;
    segment.erased &= ~place.bit;
    segment.below &= ~place.bit;
    if constexpr (!std::is_trivially_copyable_v<Value>) place.value() = Value{};
    if (segment.present == 0) retire(segment.key);
  }

  /// The first entry whose key is at least `from`.
  Place next(DenseKey from) const noexcept {
    const DenseKey of{from.queue, from.number / segment_size};
    if (Segment* segment = look_up(of)) {
      if (Place place = first_in(segment, from.number % segment_size)) return place;
    }
    auto at = index_.upper_bound(of);
    return at == index_.end() ? Place{} : first_in(at->second.get(), 0);
  }

  /// Calls `visit(key, segment, at)` for every entry in order until it returns false.
  template <class Visit>
  bool for_each(Visit visit) const {
    for (const auto& [key, segment] : index_) {
      for (std::uint64_t left = segment->present; left != 0; left &= left - 1) {
        const auto at = static_cast<unsigned>(std::countr_zero(left));
        if (!visit(DenseKey{key.queue, key.number * segment_size + at}, *segment, at)) return false;
      }
    }
    return true;
  }

  std::size_t segment_count() const noexcept { return index_.size(); }
  bool empty() const noexcept { return index_.empty(); }
  std::size_t memory() const noexcept { return index_.size() * (sizeof(Segment) + 96); }

 private:
  static constexpr std::size_t recent_count = 16;
  static constexpr std::size_t spare_count = 32;

  static Place place_in(Segment* segment, std::uint64_t number) noexcept {
    const auto at = static_cast<unsigned>(number % segment_size);
    return {segment, std::uint64_t{1} << at, at};
  }

  static Place first_in(Segment* segment, std::uint64_t from) noexcept {
    const std::uint64_t left = segment->present & (~std::uint64_t{0} << from);
    if (left == 0) return {};
    const auto at = static_cast<unsigned>(std::countr_zero(left));
    return {segment, std::uint64_t{1} << at, at};
  }

  Segment*& recent(DenseKey of) const noexcept {
    return recent_[(of.number ^ (of.queue * 5)) % recent_count];
  }

  Segment* look_up(DenseKey of) const noexcept {
    Segment*& known = recent(of);
    if (known != nullptr && known->key == of) return known;
    auto at = index_.find(of);
    if (at == index_.end()) return nullptr;
    return known = at->second.get();
  }

  Segment* make(DenseKey of) {
    std::unique_ptr<Segment> segment;
    if (spare_.empty()) {
      segment = std::make_unique<Segment>();
    } else {
      segment = std::move(spare_.back());
      spare_.pop_back();
    }
    segment->key = of;
    Segment* made = segment.get();
    const bool last = index_.empty() || std::prev(index_.end())->first < of;
    if (last) {
      index_.emplace_hint(index_.end(), of, std::move(segment));
    } else {
      index_.emplace(of, std::move(segment));
    }
    return recent(of) = made;
  }

  void retire(DenseKey of) {
    auto at = index_.find(of);
    PEERQ_ASSERT(at != index_.end());
    if (recent(of) == at->second.get()) recent(of) = nullptr;
    if (spare_.size() < spare_count) spare_.push_back(std::move(at->second));
    index_.erase(at);
  }

  std::map<DenseKey, std::unique_ptr<Segment>> index_;
  std::vector<std::unique_ptr<Segment>> spare_;
  mutable std::array<Segment*, recent_count> recent_{};
};

}  // namespace peerq::storage
