#include "checksum/checksum.hpp"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace peerq {

std::uint64_t checksum(std::uint64_t seed, Bytes bytes) noexcept {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

}  // namespace peerq
