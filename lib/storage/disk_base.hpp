#pragma once
// The lowest level of the delta tables: typed, checked rows out of a StateStore's snapshot. Remembers the
// last search of each table, because the engine asks for the same neighbourhood again and again.

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>

#include "peerq/engine/tables.hpp"
#include "storage/row_list.hpp"
#include "storage/row_seal.hpp"
#include "storage/state_store.hpp"

namespace peerq::storage {

/// One shard's tables on disk. **Thread** core. **Errors** engine::TablesFailure: corrupt, node_failed.
class DiskBase {
 public:
  DiskBase(ShardId shard, const StateStore& store) : shard_(shard), store_(&store) {}

  template <class Row>
  std::optional<Row> find(const typename Row::Key& key) const {
    Snapshot& snapshot = current();
    if (snapshot.empty(shard_, Row::table)) return std::nullopt;
    disk_key<Row>(key, key_);
    const auto value = snapshot.get(shard_, Row::table, as_bytes(key_));
    if (!value) return std::nullopt;
    const auto bytes = open_row(shard_, Row::table, as_bytes(key_), *value);
    Row row;
    if (!bytes || !engine::decode_row<Row>(*bytes, row)) damaged(Row::table);
    return row;
  }

  /// The first key that is at least `from`, or greater when `after`; null if there is none. Lives until the
  /// next call.
  template <class Row>
  const typename Row::Key* next(const typename Row::Key& from, bool after) const {
    Snapshot& snapshot = current();
    if (snapshot.empty(shard_, Row::table)) return nullptr;
    auto& last = last_of<Row>();
    if (last.answers(from, after)) return last.key();
    disk_key<Row>(from, key_);
    const auto found = snapshot.next(shard_, Row::table, as_bytes(key_), after);
    last.known = false;
    last.there = found.has_value();
    if (found && !read_disk_key<Row>(*found, last.found)) damaged(Row::table);
    last.from = from;
    last.after = after;
    last.known = true;
    return last.key();
  }

  /// Reads the payload later, as it is now, whatever is written meanwhile.
  std::shared_ptr<engine::PayloadSource> payload(MessageId id) const;

  /// See Snapshot::pages.
  std::uint64_t pages(engine::TableId table) const { return current().pages(shard_, table); }
  /// See Snapshot::pages_per_row.
  std::uint64_t payload_pages_per_row() const {
    return current().pages_per_row(shard_, engine::TableId::payloads);
  }

 private:
  /// The last search of a table: nothing lies between `from` and `found`.
  template <class Row>
  struct Search {
    bool known = false;
    bool after = false;
    bool there = false;
    typename Row::Key from{};
    typename Row::Key found{};

    const typename Row::Key* key() const noexcept { return there ? &found : nullptr; }

    bool answers(const typename Row::Key& asked, bool asked_after) const {
      if (!known || asked < from || (after && !asked_after && asked == from)) return false;
      return !there || asked < found || (asked == found && !asked_after);
    }
  };

  template <class Row>
  Search<Row>& last_of() const {
    if constexpr (Row::dense) {
      return last_message_;
    } else {
      return std::get<Search<Row>>(last_);
    }
  }
  Snapshot& current() const {
    const auto& now = store_->snapshot();
    if (now.get() != seen_) forget(now.get());
    return *now;
  }
  void forget(const Snapshot* now) const;
  [[noreturn]] void damaged(engine::TableId table) const;

  ShardId shard_;
  const StateStore* store_;
  mutable const Snapshot* seen_ = nullptr;
  mutable std::string key_;
  mutable OrderedRows::Tuple<Search> last_;
  mutable Search<engine::MessageRow> last_message_;
};

}  // namespace peerq::storage
