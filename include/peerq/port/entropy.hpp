#pragma once
// Where randomness comes from. Implementations: the system's (lib/security) and the test kit's seeded one.

#include <cstddef>
#include <cstdint>
#include <span>

namespace peerq::port {

/// Random bytes fit for keys and ids. **Thread** any.
class Entropy {
 public:
  virtual ~Entropy() = default;
  virtual void fill(std::span<std::byte> out) noexcept = 0;

  std::uint64_t number() noexcept {
    std::uint64_t out = 0;
    fill(std::as_writable_bytes(std::span(&out, 1)));
    return out;
  }
};

}  // namespace peerq::port
