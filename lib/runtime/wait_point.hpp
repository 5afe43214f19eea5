#pragma once
// How callers block: a short spin that pays only while it succeeds, then a futex.

#include <atomic>
#include <cstdint>

#include "peerq/base/time.hpp"

namespace peerq::runtime {

/// Blocks and wakes callers on words of theirs. **Thread** any.
class WaitPoint {
 public:
  /// `spinning` is off where only one processor would run both sides.
  explicit WaitPoint(bool spinning) noexcept : spin_ns_(spinning ? spin_max_ns : 0), spinning_(spinning) {}

  void wait(std::atomic<std::uint32_t>& word, std::uint32_t old, SteadyTime deadline) noexcept;

  /// The caller has changed the word before. Costs no system call while nobody sleeps.
  void wake(std::atomic<std::uint32_t>& word) noexcept;

  static WaitPoint for_this_machine() noexcept;

 private:
  static constexpr std::uint32_t spin_max_ns = 50'000;
  /// A shorter spin is none: it costs more than it finds.
  static constexpr std::uint32_t spin_min_ns = 1'000;
  /// One wait in so many tries the longest spin, to see whether it has come to pay.
  static constexpr std::uint32_t probe_interval = 16;

  bool spin(const std::atomic<std::uint32_t>& word, std::uint32_t old) noexcept;

  std::atomic<std::uint32_t> sleepers_{0};
  std::atomic<std::uint32_t> spin_ns_;
  std::atomic<std::uint32_t> spins_{0};
  bool spinning_;
};

}  // namespace peerq::runtime
