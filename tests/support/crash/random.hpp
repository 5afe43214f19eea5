#pragma once
// Seeded random numbers that are the same on every machine.

#include <cstdint>

namespace peerq::crash {

/// SplitMix64. **Thread** one at a time.
class Random {
 public:
  explicit Random(std::uint64_t seed) noexcept : state_(seed) {}
  /// Of the parts of a seed: the stream of one image, one run, one thread.
  Random(std::uint64_t seed, std::uint64_t part) noexcept : state_(seed * 0xd1342543de82ef95 + part) {
    next();
  }

  std::uint64_t next() noexcept {
    std::uint64_t value = state_ += 0x9e3779b97f4a7c15;
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
    value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
    return value ^ (value >> 31);
  }
  /// 0 to `bound` - 1; 0 when `bound` is 0.
  std::uint64_t below(std::uint64_t bound) noexcept { return bound == 0 ? 0 : next() % bound; }
  bool chance(std::uint64_t in, std::uint64_t of) noexcept { return below(of) < in; }

 private:
  std::uint64_t state_;
};

}  // namespace peerq::crash
