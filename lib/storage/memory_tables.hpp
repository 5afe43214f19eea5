#pragma once
// The engine's tables in memory alone: for queues that are never written to disk, for tests and benchmarks.
// Satisfies engine::Tables.

#include <cstddef>
#include <optional>
#include <tuple>
#include <utility>

#include "peerq/base/assert.hpp"
#include "peerq/engine/tables.hpp"
#include "storage/ordered_table.hpp"
#include "storage/payload_copy.hpp"
#include "storage/row_list.hpp"
#include "storage/segment_table.hpp"

namespace peerq::storage {

/// **Thread** one at a time.
class MemoryTables {
 public:
  template <class Row>
  std::optional<Row> find(const typename Row::Key& key) const {
    if constexpr (Row::dense) {
      const auto place = messages_.find(dense(key));
      return place ? std::optional<Row>(place.value()) : std::nullopt;
    } else {
      const Row* row = table<Row>().find(key);
      return row != nullptr ? std::optional<Row>(*row) : std::nullopt;
    }
  }

  template <class Row>
  std::optional<engine::Found<Row>> first(const typename Row::Key& from, const typename Row::Key& to) const {
    if constexpr (Row::dense) {
      const auto place = messages_.next(dense(from));
      if (!place || !(place.key() < dense(to))) return std::nullopt;
      return engine::Found<Row>{message_key(place.key()), place.value()};
    } else {
      const auto at = table<Row>().next(from, false);
      if (!at || !(at.key() < to)) return std::nullopt;
      return engine::Found<Row>{at.key(), at.value()};
    }
  }

  template <class Row>
  void insert(const typename Row::Key& key, const Row& row) {
    if constexpr (Row::dense) {
      const auto place = messages_.need(dense(key));
      PEERQ_ASSERT((place.segment->present & place.bit) == 0);
      place.segment->present |= place.bit;
      place.value() = row;
    } else {
      const auto [value, made] = table<Row>().need(key);
      PEERQ_ASSERT(made);
      *value = row;
    }
  }

  template <class Row>
  void update(const typename Row::Key& key, const Row& row) {
    if constexpr (Row::dense) {
      const auto place = messages_.find(dense(key));
      PEERQ_ASSERT(place);
      place.value() = row;
    } else {
      Row* value = table<Row>().find(key);
      PEERQ_ASSERT(value != nullptr);
      *value = row;
    }
  }

  template <class Row>
  void erase(const typename Row::Key& key) {
    if constexpr (Row::dense) {
      const auto place = messages_.find(dense(key));
      PEERQ_ASSERT(place);
      messages_.remove(place);
    } else {
      table<Row>().erase(key);
    }
  }

  void insert_payload(MessageId id, const SharedBytes& bytes) {
    const auto place = payloads_.need(dense(id));
    PEERQ_ASSERT((place.segment->present & place.bit) == 0);
    place.segment->present |= place.bit;
    place.value() = own_payload(bytes, entry_size_);
    payload_bytes_ += bytes.size();
  }

  void erase_payload(MessageId id) {
    const auto place = payloads_.find(dense(id));
    PEERQ_ASSERT(place);
    payload_bytes_ -= place.value().size();
    payloads_.remove(place);
  }

  engine::Payload payload(MessageId id) const {
    const auto place = payloads_.find(dense(id));
    PEERQ_ASSERT(place);
    return {place.value(), nullptr};
  }

  /// The size of the buffer that the payloads inserted from now on share (`own_payload`).
  void begin_entry(std::size_t size) noexcept { entry_size_ = size; }

  /// Estimated bytes held.
  std::size_t memory() const {
    std::size_t sum = messages_.memory() + payloads_.memory() + payload_bytes_;
    OrderedRows::for_each([&]<class Row>() {
      sum += table<Row>().memory();
      return true;
    });
    return sum;
  }

 private:
  template <class Row>
  struct Holder : OrderedTable<typename Row::Key, Row> {};

  template <class Row>
  Holder<Row>& table() noexcept {
    return std::get<Holder<Row>>(ordered_);
  }
  template <class Row>
  const Holder<Row>& table() const noexcept {
    return std::get<Holder<Row>>(ordered_);
  }

  SegmentTable<engine::MessageRow> messages_;
  SegmentTable<SharedBytes> payloads_;
  OrderedRows::Tuple<Holder> ordered_;
  std::size_t payload_bytes_ = 0;
  std::size_t entry_size_ = 0;
};

}  // namespace peerq::storage
