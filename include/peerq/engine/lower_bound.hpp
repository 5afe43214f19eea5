#pragma once
// A remembered place below which a table has nothing of interest, so that `first` never walks over erased
// rows again. It lives in memory only and never changes an answer: after a restart it begins at the smallest
// key.

#include <optional>

#include "peerq/engine/tables.hpp"

namespace peerq::engine {
inline namespace v1 {

/// No row that matters has a key smaller than `key`. Who inserts a row says so with `note`.
template <class Row>
class LowerBound {
 public:
  using Key = typename Row::Key;

  void note(const Key& inserted) {
    if (inserted < key_) key_ = inserted;
  }

  /// The first row of [from, to). `from` never falls between calls: what is below it no longer matters.
  template <class T>
  std::optional<Found<Row>> first(const T& tables, const Key& from, const Key& to) {
    if (key_ < from) key_ = from;
    if (!(key_ < to)) return std::nullopt;
    auto found = tables.template first<Row>(key_, to);
    key_ = found ? found->key : to;
    return found;
  }

  /// Whether it is known that no row that matters is before `to`.
  bool nothing_before(const Key& to) const { return !(key_ < to); }

  /// What `first` found does not matter either: go on behind it.
  void pass(const Key& next) { key_ = next; }

 private:
  Key key_{};
};

}  // namespace v1
}  // namespace peerq::engine
