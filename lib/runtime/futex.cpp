#include "runtime/futex.hpp"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <ctime>

#include "runtime/system_clock.hpp"

namespace peerq::runtime {

namespace {

constexpr std::chrono::nanoseconds sleep_max = std::chrono::seconds(10);

static_assert(sizeof(std::atomic<std::uint32_t>) == sizeof(std::uint32_t));

long futex(const std::atomic<std::uint32_t>& word, int operation, std::uint32_t value,
           const timespec* timeout) noexcept {
  return syscall(SYS_futex, &word, operation, value, timeout, nullptr, FUTEX_BITSET_MATCH_ANY);
}

}  // namespace

void futex_wait(const std::atomic<std::uint32_t>& word, std::uint32_t old, SteadyTime deadline) noexcept {
  const timespec* until = nullptr;
  timespec at{};
  if (deadline != SteadyTime::never()) {
    const auto left = std::min(deadline - steady_now(), sleep_max).count();
    if (left <= 0) return;
    clock_gettime(CLOCK_MONOTONIC, &at);
    const std::int64_t fraction = at.tv_nsec + left % 1'000'000'000;
    at.tv_sec += left / 1'000'000'000 + fraction / 1'000'000'000;
    at.tv_nsec = fraction % 1'000'000'000;
    until = &at;
  }
  // An absolute deadline: a wait that a signal cuts short is not prolonged.
  futex(word, FUTEX_WAIT_BITSET_PRIVATE, old, until);
}

void futex_wake_one(const std::atomic<std::uint32_t>& word) noexcept {
  futex(word, FUTEX_WAKE_BITSET_PRIVATE, 1, nullptr);
}

void futex_wake_all(const std::atomic<std::uint32_t>& word) noexcept {
  futex(word, FUTEX_WAKE_BITSET_PRIVATE, INT_MAX, nullptr);
}

}  // namespace peerq::runtime
