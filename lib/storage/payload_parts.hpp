#pragma once
// How a payload lies in the state tables. LMDB's allocator slows to a crawl when values of several pages meet
// a large, fragmented free list, so a payload larger than a page is a chain of values of one page each.
// **Source** docs/formats.md, payloads.
//
//   whole    key (16)            value  bytes | seal (4)
//   chain    key (16) | 0 (4)    value  seal (4) | size (4) | bytes
//            key (16) | n (4)    value  bytes                             n = 1, 2, ...

#include <cstddef>
#include <cstdint>
#include <string>

#include "peerq/base/bytes.hpp"
#include "peerq/engine/layout.hpp"

namespace peerq::storage {

inline constexpr std::size_t payload_key_size = 16;
inline constexpr std::size_t part_key_size = payload_key_size + 4;
inline constexpr std::size_t chain_head_size = 8;

/// The largest value that LMDB puts on one page of its own: the page less its header.
constexpr std::size_t part_size(std::uint64_t page_size) noexcept {
  return static_cast<std::size_t>(page_size) - 16;
}

/// Cuts `key` to the payload's and appends the part's number.
inline void part_key(std::string& key, std::uint32_t part) {
  key.resize(payload_key_size);
  engine::KeyWriter(key).field(part);
}

/// A key of this payload: whole, or of a part.
inline bool belongs_to(Bytes key, Bytes payload_key) noexcept {
  return key.size() >= payload_key_size && equal(key.first(payload_key_size), payload_key);
}

}  // namespace peerq::storage
