#pragma once
// How long a message waits after a nack without an explicit delay (S36): integers only, jitter from a hash,
// so that every replica comes to the same time.

#include <cstdint>

#include "peerq/base/ids.hpp"
#include "peerq/base/queue_options.hpp"

namespace peerq::engine {
inline namespace v1 {

/// Mixes all bits of a number into all bits of the result (the finish of SplitMix64).
constexpr std::uint64_t mix(std::uint64_t number) noexcept {
  number += 0x9e3779b97f4a7c15ULL;
  number = (number ^ (number >> 30)) * 0xbf58476d1ce4e5b9ULL;
  number = (number ^ (number >> 27)) * 0x94d049bb133111ebULL;
  return number ^ (number >> 31);
}

/// min(cap, base*factor^(count-1))*(1-jitter*h), h in [0, 1) from (id, attempt), in whole milliseconds.
constexpr std::int64_t retry_delay_ms(const RetryPolicy& policy, std::uint32_t receive_count, MessageId id,
                                      std::uint32_t attempt) noexcept {
  // In thousandths of a millisecond: 30 days times a factor of 10,000 thousandths stay far inside 63 bits.
  const std::int64_t cap = policy.cap.count() * 1000;
  std::int64_t delay = policy.base.count() * 1000;
  for (std::uint32_t n = 1; n < receive_count && delay < cap; ++n) {
    const std::int64_t longer = delay * policy.factor_thousandths / 1000;
    if (longer <= delay) break;
    delay = longer;
  }
  if (delay > cap) delay = cap;
  const std::uint64_t hash = mix(mix(mix(id.incarnation.value) ^ id.sequence.value) ^ attempt);
  const auto share = static_cast<std::int64_t>(hash >> 48);  // of 2^16
  const std::int64_t jitter = delay / 1000 * policy.jitter_thousandths * share / 65'536;
  return (delay - jitter) / 1000;
}

}  // namespace v1
}  // namespace peerq::engine
