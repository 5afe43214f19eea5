#pragma once
// Bodies that say who made them: producer, number, and a checksum over all of it (I2).

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "peerq/base/bytes.hpp"

namespace peerq::history {

/// Names one send call: a producer never uses a number twice, not even for a retry.
struct BodyTag {
  std::uint32_t producer = 0;
  std::uint64_t number = 0;

  friend auto operator<=>(const BodyTag&, const BodyTag&) = default;
};

/// Smallest body that holds a tag.
inline constexpr std::size_t body_size_min = 64;

/// A body of `size` bytes (at least `body_size_min`), of which every byte is covered by the checksum.
std::string make_body(BodyTag tag, std::size_t size = body_size_min);

/// The tag, or none when any byte was changed, lost or added.
std::optional<BodyTag> read_body(Bytes body);

}  // namespace peerq::history
