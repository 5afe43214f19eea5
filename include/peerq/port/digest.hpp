#pragma once
// The digest of a body, by which a queue may tell copies of a message apart from others (S17). One
// implementation, with libsodium's BLAKE2b-256 (lib/security).

#include <array>
#include <cstddef>

#include "peerq/base/bytes.hpp"

namespace peerq::port {

/// **Thread** any.
class Digest {
 public:
  using Value = std::array<std::byte, 32>;

  virtual ~Digest() = default;
  virtual Value of(Bytes bytes) const noexcept = 0;
};

}  // namespace peerq::port
