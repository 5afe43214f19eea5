#pragma once
// The engine's tables in production: a delta in memory over tables on disk. Satisfies engine::Tables.
//
//   active   what changed since the last freeze          read and written by the core
//   frozen   what a checkpoint is writing, or null       read only; also by the checkpoint lane
//   base     what is on disk: DiskBase, or the tests' in-memory one
//
// A key is looked up from top to bottom; the first level that knows it answers. Changes go to the active
// level and never read below (engine/tables.hpp: the caller knows whether a row exists).

#include <cstddef>
#include <memory>
#include <optional>
#include <utility>

#include "peerq/base/assert.hpp"
#include "peerq/engine/tables.hpp"
#include "storage/delta_level.hpp"
#include "storage/payload_copy.hpp"

namespace peerq::storage {

/// `Base` has `find<Row>(key)`, `next<Row>(from, after)` giving a key or null, and `payload(id)`. **Thread**
/// core.
template <class Base>
class DeltaTables {
 public:
  explicit DeltaTables(Base base) : base_(std::move(base)), active_(std::make_unique<DeltaLevel>()) {}

  template <class Row>
  std::optional<Row> find(const typename Row::Key& key) const {
    auto entry = active_->find<Row>(key);
    if (!entry.known && frozen_ != nullptr) entry = frozen_->find<Row>(key);
    if (!entry.known) return base_.template find<Row>(key);
    return entry.row != nullptr ? std::optional<Row>(*entry.row) : std::nullopt;
  }

  template <class Row>
  std::optional<engine::Found<Row>> first(const typename Row::Key& from, const typename Row::Key& to) const {
    Merge<Row> merge{*this, to};
    merge.seek(from);
    while (true) {
      const auto* lowest = merge.lowest();
      if (lowest == nullptr) return std::nullopt;
      const typename Row::Key key = *lowest;
      if (auto row = merge.row(key)) return engine::Found<Row>{key, std::move(*row)};
      merge.pass(key);
    }
  }

  template <class Row>
  void insert(const typename Row::Key& key, const Row& row) {
    active_->insert<Row>(key, row);
  }
  template <class Row>
  void update(const typename Row::Key& key, const Row& row) {
    active_->update<Row>(key, row);
  }
  template <class Row>
  void erase(const typename Row::Key& key) {
    active_->erase<Row>(key);
  }

  void insert_payload(MessageId id, const SharedBytes& bytes) {
    active_->insert_payload(id, own_payload(bytes, entry_size_));
  }
  void erase_payload(MessageId id) { active_->erase_payload(id); }

  engine::Payload payload(MessageId id) const {
    auto entry = active_->payload(id);
    if (!entry.known && frozen_ != nullptr) entry = frozen_->payload(id);
    if (!entry.known) return {{}, base_.payload(id)};
    if (entry.row == nullptr)
      throw engine::TablesFailure{Error(errc::corrupt, "a live message has no payload")};
    return {*entry.row, nullptr};
  }

  /// The size of the buffer that the payloads inserted from now on share (`own_payload`).
  void begin_entry(std::size_t size) noexcept { entry_size_ = size; }

  /// Sets the active level aside as the frozen one, which must be gone.
  void freeze() {
    PEERQ_ASSERT(frozen_ == nullptr);
    frozen_ = std::exchange(active_, std::make_unique<DeltaLevel>());
  }

  /// Drops the frozen level: the base holds it now.
  void drop_frozen() noexcept { frozen_.reset(); }

  const DeltaLevel& active() const noexcept { return *active_; }
  /// Null when no checkpoint is under way.
  const DeltaLevel* frozen() const noexcept { return frozen_.get(); }
  const Base& base() const noexcept { return base_; }

 private:
  /// The three levels side by side, at the first entry of each that was not passed.
  template <class Row>
  struct Merge {
    using Key = typename Row::Key;
    const DeltaTables& tables;
    const Key& to;
    KeyedEntry<Row> active{};
    KeyedEntry<Row> frozen{};
    bool base_there = false;
    Key base{};

    void seek(const Key& from) {
      active = tables.active_->template next<Row>(from, false, to);
      if (tables.frozen_ != nullptr) frozen = tables.frozen_->template next<Row>(from, false, to);
      seek_base(from, false);
    }

    void seek_base(const Key& from, bool after) {
      const Key* found = tables.base_.template next<Row>(from, after);
      base_there = found != nullptr && *found < to;
      if (base_there) base = *found;
    }

    const Key* lowest() const {
      const Key* low = active.there ? &active.key : nullptr;
      if (frozen.there && (low == nullptr || frozen.key < *low)) low = &frozen.key;
      if (base_there && (low == nullptr || base < *low)) low = &base;
      return low;
    }

    /// The row that the topmost level has for `key`, the lowest; none if erased.
    std::optional<Row> row(const Key& key) const {
      if (active.there && active.key == key) return copy(active.row);
      if (frozen.there && frozen.key == key) return copy(frozen.row);
      return tables.base_.template find<Row>(key);
    }

    void pass(const Key& key) {
      if (active.there && active.key == key) active = tables.active_->template next<Row>(key, true, to);
      if (frozen.there && frozen.key == key) frozen = tables.frozen_->template next<Row>(key, true, to);
      if (base_there && base == key) seek_base(key, true);
    }

    static std::optional<Row> copy(const Row* row) {
      return row != nullptr ? std::optional<Row>(*row) : std::nullopt;
    }
  };

  Base base_;
  std::unique_ptr<DeltaLevel> active_;
  std::unique_ptr<DeltaLevel> frozen_;
  std::size_t entry_size_ = 0;
};

}  // namespace peerq::storage
