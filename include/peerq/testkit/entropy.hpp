#pragma once
// Random bytes that a seed decides: the same run from the same seed. No good for keys.

#include <random>

#include "peerq/port/entropy.hpp"

namespace peerq::testkit {

/// **Thread** the simulation's one.
class SeededEntropy final : public port::Entropy {
 public:
  explicit SeededEntropy(std::uint64_t seed) : random_(seed) {}

  void fill(std::span<std::byte> out) noexcept override {
    for (auto& byte : out) byte = static_cast<std::byte>(random_() >> 56);
  }

 private:
  std::mt19937_64 random_;
};

}  // namespace peerq::testkit
