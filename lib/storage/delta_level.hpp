#pragma once
// One level of the delta tables: what changed since the level below was written. An entry is a row, or says
// that the row is erased, and knows whether the levels below hold a row of that key: if not, erasing it
// leaves nothing at all.

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

#include "peerq/base/assert.hpp"
#include "peerq/base/plant.hpp"
#include "peerq/engine/tables.hpp"
#include "storage/ordered_table.hpp"
#include "storage/row_list.hpp"
#include "storage/row_seal.hpp"
#include "storage/row_sums.hpp"
#include "storage/segment_table.hpp"
#include "storage/state_store.hpp"

namespace peerq::storage {

/// What a level says about a key.
template <class Row>
struct Entry {
  /// The level has an entry; else ask below.
  bool known = false;
  /// Null: erased.
  const Row* row = nullptr;
};

template <class Row>
struct KeyedEntry {
  /// False: no entry, the rest means nothing.
  bool there = false;
  typename Row::Key key{};
  /// Null: erased.
  const Row* row = nullptr;
};

/// **Thread** one at a time; frozen, it may be read by the core and given to a sink at the same time.
class DeltaLevel {
 public:
  template <class Row>
  Entry<Row> find(const typename Row::Key& key) const {
    if constexpr (Row::dense) {
      const auto place = messages_.find(dense(key));
      if (!place) return {};
      return {true, (place.segment->erased & place.bit) != 0 ? nullptr : &place.value()};
    } else {
      const Cell<Row>* cell = table<Row>().find(key);
      if (cell == nullptr) return {};
      return {true, cell->erased ? nullptr : &cell->row};
    }
  }

  /// The first entry, erased ones too, whose key is at least `from`, or greater when `after`, and less than
  /// `to`.
  template <class Row>
  KeyedEntry<Row> next(const typename Row::Key& from, bool after, const typename Row::Key& to) const {
    if constexpr (Row::dense) {
      DenseKey start = dense(from);
      if (after && ++start.number == 0) ++start.queue;
      const auto place = messages_.next(start);
      if (!place || !(place.key() < dense(to))) return {};
      const bool erased = (place.segment->erased & place.bit) != 0;
      return {true, message_key(place.key()), erased ? nullptr : &place.value()};
    } else {
      const auto at = table<Row>().next(from, after);
      if (!at || !(at.key() < to)) return {};
      return {true, at.key(), at.value().erased ? nullptr : &at.value().row};
    }
  }

  template <class Row>
  void insert(const typename Row::Key& key, const Row& row) {
    if constexpr (Row::dense) {
      const auto place = messages_.need(dense(key));
      mark_inserted(place);
      place.value() = row;
    } else {
      const auto [cell, made] = table<Row>().need(key);
      table<Row>().written.note(key);
      PEERQ_ASSERT(made || cell->erased);
      cell->row = row;
      cell->erased = false;
      held_ += held_outside(row) + held_outside(key);
    }
  }

  template <class Row>
  void update(const typename Row::Key& key, const Row& row) {
    if constexpr (Row::dense) {
      const auto place = messages_.need(dense(key));
      mark_updated(place);
      place.value() = row;
    } else {
      const auto [cell, made] = table<Row>().need(key);
      table<Row>().written.note(key);
      PEERQ_ASSERT(!cell->erased);
      if (made) cell->below = true;
      if constexpr (!std::is_trivially_copyable_v<Row>) {
        if (!made) held_ -= std::min(held_, held_outside(cell->row));
      }
      cell->row = row;
      held_ += held_outside(row);
    }
  }

  template <class Row>
  void erase(const typename Row::Key& key) {
    if constexpr (Row::dense) {
      mark_erased(messages_, messages_.need(dense(key)));
    } else {
      auto& rows = table<Row>();
      const auto [cell, made] = rows.need(key);
      rows.taken_out.note(key);
      PEERQ_ASSERT(!cell->erased);
      if (made) cell->below = true;
      if constexpr (!std::is_trivially_copyable_v<Row>) held_ -= std::min(held_, held_outside(cell->row));
      if (!cell->below || PEERQ_PLANTED(lost_tombstone)) return rows.erase(key);
      cell->erased = true;
      cell->row = Row{};
    }
  }

  void insert_payload(MessageId id, SharedBytes bytes) {
    const auto place = payloads_.need(dense(id));
    mark_inserted(place);
    payload_bytes_ += bytes.size() + payload_overhead;
    place.value() = std::move(bytes);
  }

  void erase_payload(MessageId id) {
    const auto place = payloads_.need(dense(id));
    if ((place.segment->present & place.bit) != 0) payload_bytes_ -= place.value().size() + payload_overhead;
    if (mark_erased(payloads_, place)) ++payloads_erased_;
  }

  /// What the level says of a payload: not known, erased (null), or its bytes.
  Entry<SharedBytes> payload(MessageId id) const {
    const auto place = payloads_.find(dense(id));
    if (!place) return {};
    return {true, (place.segment->erased & place.bit) != 0 ? nullptr : &place.value()};
  }

  bool empty() const {
    return messages_.empty() && payloads_.empty() &&
           OrderedRows::for_each([&]<class Row>() { return table<Row>().empty(); });
  }

  /// Estimated bytes of memory.
  std::size_t memory() const {
    std::size_t sum = messages_.memory() + payloads_.memory() + payload_bytes_ + held_;
    OrderedRows::for_each([&]<class Row>() {
      sum += table<Row>().memory();
      return true;
    });
    return sum;
  }

  /// Estimated leaf pages that writing the level makes dirty. Rows that came in the order of their keys share
  /// pages; others have one each, as long as the table has so many. `pages_of` gives a table's pages below.
  template <class PagesOf>
  std::size_t dirty_pages(std::uint64_t payload_pages_per_row, const PagesOf& pages_of) const {
    std::size_t sum = messages_.segment_count() + payloads_.segment_count() + payload_bytes_ / page_size +
                      payloads_erased_ * payload_pages_per_row / 1024;
    std::size_t all_scattered = 0;
    OrderedRows::for_each([&]<class Row>() {
      const auto& rows = table<Row>();
      if (rows.empty()) return true;
      const std::size_t in_order = rows.size() / rows_per_page;
      const std::size_t scattered =
          std::min<std::size_t>({rows.scattered(), rows.size(), pages_of(Row::table) + in_order + 1});
      sum += in_order + scattered;
      all_scattered += scattered;
      return true;
    });
    return sum + std::min<std::size_t>(all_scattered, pages_of(sums_table));
  }

  /// Gives every entry to the sink, sealed for `shard`.
  Result<void> give(ShardId shard, RowSink& sink) const;

 private:
  template <class Row>
  struct Cell {
    [[no_unique_address]] Row row{};
    bool erased = false;
    bool below = false;
  };

  /// How often a key came that was smaller than the one before: of keys in no order every second.
  template <class Key>
  struct Trail {
    Key last{};
    std::size_t jumps = 0;

    void note(const Key& key) {
      if (key_less(key, last)) ++jumps;
      last = key;
    }
  };
  /// Of keys that are texts that would cost a copy each; they come in no order.
  struct NoTrail {
    void note(const auto&) noexcept {}
  };

  template <class Row>
  struct Holder : OrderedTable<typename Row::Key, Cell<Row>> {
    static constexpr bool has_trail = std::is_trivially_copyable_v<typename Row::Key>;
    std::conditional_t<has_trail, Trail<typename Row::Key>, NoTrail> written;
    /// By itself: a queue grows at one end and shrinks at the other.
    std::conditional_t<has_trail, Trail<typename Row::Key>, NoTrail> taken_out;

    std::size_t scattered() const noexcept {
      if constexpr (has_trail) {
        return 2 * (written.jumps + taken_out.jumps);
      } else {
        return this->size();
      }
    }
  };

  static constexpr std::size_t payload_overhead = 48;
  static constexpr std::size_t page_size = 4096;
  static constexpr std::size_t rows_per_page = 32;

  template <class Row>
  Holder<Row>& table() noexcept {
    return std::get<Holder<Row>>(ordered_);
  }
  template <class Row>
  const Holder<Row>& table() const noexcept {
    return std::get<Holder<Row>>(ordered_);
  }

  template <class Place>
  static void mark_inserted(const Place& place) {
    PEERQ_ASSERT((place.segment->present & ~place.segment->erased & place.bit) == 0);
    place.segment->present |= place.bit;
    place.segment->erased &= ~place.bit;
  }

  template <class Place>
  static void mark_updated(const Place& place) {
    auto& segment = *place.segment;
    PEERQ_ASSERT((segment.erased & place.bit) == 0);
    if ((segment.present & place.bit) == 0) segment.below |= place.bit;
    segment.present |= place.bit;
  }

  /// Whether an entry that says so was left.
  template <class Table, class Place>
  static bool mark_erased(Table& table, const Place& place) {
    mark_updated(place);
    auto& segment = *place.segment;
    if ((segment.below & place.bit) == 0 || PEERQ_PLANTED(lost_tombstone)) {
      table.remove(place);
      return false;
    }
    segment.erased |= place.bit;
    if constexpr (!std::is_trivially_copyable_v<std::remove_cvref_t<decltype(place.value())>>)
      place.value() = {};
    return true;
  }

  Result<void> give_messages(ShardId shard, RowSink& sink) const;
  Result<void> give_payloads(RowSink& sink) const;
  template <class Row>
  Result<void> give_table(ShardId shard, RowSink& sink) const;

  SegmentTable<engine::MessageRow> messages_;
  SegmentTable<SharedBytes> payloads_;
  OrderedRows::Tuple<Holder> ordered_;
  /// Bytes of payloads, of texts in rows, and entries that say a payload is erased.
  std::size_t payload_bytes_ = 0;
  std::size_t held_ = 0;
  std::size_t payloads_erased_ = 0;
};

}  // namespace peerq::storage
