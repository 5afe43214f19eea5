#pragma once
// The checksum of everything on disk and on the wire: XXH3 with 64 bits. Finds accidents, not attackers.
// The only place that includes xxHash (docs/architecture.md, confinement).

#include <cstdint>

#include "peerq/base/bytes.hpp"

namespace peerq {

/// XXH3-64 of `bytes` under `seed`; chained by passing one checksum as the seed of the next. **Thread** any.
std::uint64_t checksum(std::uint64_t seed, Bytes bytes) noexcept;

}  // namespace peerq
