#pragma once
// Comparing keys without branches: a search in memory is then not slowed down by wrong guesses of the
// processor.

#include <cstddef>
#include <cstdint>

#include "peerq/engine/rows.hpp"

namespace peerq::storage {

/// a < b, as the key's own order has it.
template <class Key>
inline bool key_less(const Key& a, const Key& b) noexcept {
  return a < b;
}

inline bool key_less(const engine::MessageKey& a, const engine::MessageKey& b) noexcept {
  const bool tie = (a.queue.value == b.queue.value) & (a.sequence.value < b.sequence.value);
  return (a.queue.value < b.queue.value) | tie;
}

inline bool key_less(const engine::LeaseDueRow::Key& a, const engine::LeaseDueRow::Key& b) noexcept {
  const bool low = (a.queue.value == b.queue.value) & (a.sequence.value < b.sequence.value);
  const bool tie = (a.at.us == b.at.us) & ((a.queue.value < b.queue.value) | low);
  return (a.at.us < b.at.us) | tie;
}

inline bool key_less(const engine::AgedRow::Key& a, const engine::AgedRow::Key& b) noexcept {
  const bool low = (a.base.ms == b.base.ms) & (a.sequence.value < b.sequence.value);
  const bool tie = (a.queue.value == b.queue.value) & ((a.base.ms < b.base.ms) | low);
  return (a.queue.value < b.queue.value) | tie;
}

/// The first of `count` ascending keys that is not less than `key`; `count` if there is none.
template <class Key>
inline std::size_t lower_index(const Key* keys, std::size_t count, const Key& key) noexcept {
  const Key* base = keys;
  while (count > 1) {
    const std::size_t half = count / 2;
    base += static_cast<std::size_t>(key_less(base[half - 1], key)) * half;
    count -= half;
  }
  return static_cast<std::size_t>(base - keys) + (count == 1 && key_less(*base, key) ? 1 : 0);
}

}  // namespace peerq::storage
