#pragma once
// Waiting on a word of memory: the one thing on which threads of this library sleep.

#include <atomic>
#include <cstdint>

#include "peerq/base/time.hpp"

namespace peerq::runtime {

/// Sleeps while `word == old`, until woken, until `deadline` (of `steady_now`), or for no reason at all.
/// A sleep takes at most ten seconds of running time: the kernel cannot wait by a clock that counts the
/// machine's own sleep, so who waits longer looks at the clock again.
void futex_wait(const std::atomic<std::uint32_t>& word, std::uint32_t old, SteadyTime deadline) noexcept;

void futex_wake_one(const std::atomic<std::uint32_t>& word) noexcept;
void futex_wake_all(const std::atomic<std::uint32_t>& word) noexcept;

}  // namespace peerq::runtime
