// The retry policy in integers: S36.

#include <catch2/catch_test_macros.hpp>

#include "peerq/engine/retry.hpp"

namespace peerq::test {
namespace {

using namespace std::chrono_literals;
using engine::retry_delay_ms;

constexpr MessageId message{QueueId{1}, Sequence::make(4, 1)};

std::int64_t delay(const RetryPolicy& policy, std::uint32_t receive_count, std::uint32_t attempt = 1) {
  return retry_delay_ms(policy, receive_count, message, attempt);
}

TEST_CASE("S36 the delay doubles from its base with each receive and stops at the cap") {
  const RetryPolicy policy{.base = 100ms, .cap = 1s, .factor_thousandths = 2'000, .jitter_thousandths = 0};
  CHECK(delay(policy, 1) == 100);
  CHECK(delay(policy, 2) == 200);
  CHECK(delay(policy, 4) == 800);
  CHECK(delay(policy, 5) == 1'000);
  CHECK(delay(policy, 1'000'000) == 1'000);
}

TEST_CASE("S36 the default policy has no delay, a factor of 1 a constant one") {
  CHECK(delay(RetryPolicy{}, 1) == 0);
  CHECK(delay(RetryPolicy{}, 1'000'000) == 0);
  const RetryPolicy constant{.base = 5s, .cap = 1h, .factor_thousandths = 1'000, .jitter_thousandths = 0};
  CHECK(delay(constant, 1'000'000) == 5'000);
}

TEST_CASE("S36 the largest values do not overflow") {
  const RetryPolicy policy{.base = limits::retry_base_max,
                           .cap = limits::retry_cap_max,
                           .factor_thousandths = 10'000,
                           .jitter_thousandths = 1'000};
  for (std::uint32_t attempt = 1; attempt < 100; ++attempt) {
    const std::int64_t found = delay(policy, 1'000'000, attempt);
    CHECK(found >= 0);
    CHECK(found <= limits::retry_cap_max.count());
  }
}

TEST_CASE("S36 a cap below the base is the delay") {
  const RetryPolicy policy{.base = 10s, .cap = 3s, .factor_thousandths = 2'000, .jitter_thousandths = 0};
  CHECK(delay(policy, 1) == 3'000);
}

TEST_CASE("S36 jitter takes off up to its share, the same for the same message and attempt") {
  const RetryPolicy policy{.base = 1000s, .cap = 1h, .factor_thousandths = 1'000, .jitter_thousandths = 200};
  std::int64_t least = 1'000'000;
  std::int64_t most = 0;
  for (std::uint32_t attempt = 1; attempt <= 1'000; ++attempt) {
    const std::int64_t found = delay(policy, 1, attempt);
    CHECK(found == delay(policy, 1, attempt));
    CHECK((found > 800'000 - 1 && found <= 1'000'000));
    least = std::min(least, found);
    most = std::max(most, found);
  }
  CHECK(least < 810'000);
  CHECK(most > 990'000);
  const MessageId other{QueueId{1}, Sequence::make(4, 2)};
  CHECK(retry_delay_ms(policy, 1, other, 1) != delay(policy, 1, 1));
}

TEST_CASE("S36 the delays are part of the log's meaning and never change") {
  const RetryPolicy policy{.base = 1000s, .cap = 1h, .factor_thousandths = 1'500, .jitter_thousandths = 200};
  CHECK(engine::mix(0) == 0xe220a8397b1dcdafULL);
  CHECK(delay(policy, 1, 1) == 995715);
  CHECK(delay(policy, 3, 7) == 2134430);
}

}  // namespace
}  // namespace peerq::test
