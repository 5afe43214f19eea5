#include "runtime/wait_point.hpp"

#include <thread>

#include "runtime/futex.hpp"
#include "runtime/system_clock.hpp"

namespace peerq::runtime {

namespace {

void relax() noexcept {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace

void WaitPoint::wait(std::atomic<std::uint32_t>& word, std::uint32_t old, SteadyTime deadline) noexcept {
  if (word.load(std::memory_order_acquire) != old) return;
  if (spinning_ && spin(word, old)) return;
  // Counted before the kernel compares the word, so that a waker who changed it sees either the count or
  // nobody.
  sleepers_.fetch_add(1);
  futex_wait(word, old, deadline);
  sleepers_.fetch_sub(1, std::memory_order_relaxed);
}

void WaitPoint::wake(std::atomic<std::uint32_t>& word) noexcept {
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (sleepers_.load(std::memory_order_relaxed) != 0) futex_wake_all(word);
}

/// Pays when the other side runs on another processor: then all waits spin. When it does not, spinning only
/// keeps the other side from running, and soon stops but for a probe now and then.
bool WaitPoint::spin(const std::atomic<std::uint32_t>& word, std::uint32_t old) noexcept {
  constexpr int looks_between_clocks = 16;
  const bool probe = spins_.fetch_add(1, std::memory_order_relaxed) % probe_interval == 0;
  const std::uint32_t budget = probe ? spin_max_ns : spin_ns_.load(std::memory_order_relaxed);
  if (budget < spin_min_ns) return false;
  const SteadyTime until = steady_now() + std::chrono::nanoseconds(budget);
  do {
    for (int i = 0; i < looks_between_clocks; ++i) {
      if (word.load(std::memory_order_acquire) != old) {
        spin_ns_.store(spin_max_ns, std::memory_order_relaxed);
        return true;
      }
      relax();
    }
  } while (steady_now() < until);
  if (!probe) spin_ns_.store(budget / 2, std::memory_order_relaxed);
  return false;
}

WaitPoint WaitPoint::for_this_machine() noexcept {
  return WaitPoint(std::thread::hardware_concurrency() > 1);
}

}  // namespace peerq::runtime
