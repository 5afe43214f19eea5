#pragma once
// When a payload that is kept past its log entry is copied out of it.

#include <cstddef>

#include "peerq/base/bytes.hpp"

namespace peerq::storage {

/// The payload to keep: shared with its entry if it is more than half of it, else a copy, so that a small
/// message does not hold a large entry in memory. `entry_size` 0: the entry has no bytes, and each payload a
/// buffer of its own, which is shared.
inline SharedBytes own_payload(const SharedBytes& payload, std::size_t entry_size) {
  const bool share = entry_size == 0 || payload.size() > entry_size / 2;
  return share ? payload : SharedBytes::copy(payload.bytes());
}

}  // namespace peerq::storage
