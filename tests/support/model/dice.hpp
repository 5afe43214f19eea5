#pragma once
// Small deterministic random numbers (splitmix64): the same seed gives the same choices on every machine.

#include <cstddef>
#include <cstdint>
#include <initializer_list>

namespace peerq::model {

class Dice {
 public:
  explicit Dice(std::uint64_t seed) noexcept : state_(seed) {}

  std::uint64_t next() noexcept {
    state_ += 0x9e3779b97f4a7c15;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  /// 0 to bound - 1; 0 for no bound.
  std::uint64_t below(std::uint64_t bound) noexcept { return bound == 0 ? 0 : next() % bound; }
  bool chance(std::uint64_t percent) noexcept { return below(100) < percent; }

  template <class T>
  T pick(std::initializer_list<T> choices) noexcept {
    return choices.begin()[below(choices.size())];
  }
  template <class Container>
  auto& any_of(Container& container) noexcept {
    return container[below(container.size())];
  }

 private:
  std::uint64_t state_;
};

}  // namespace peerq::model
