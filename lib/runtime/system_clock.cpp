#include "runtime/system_clock.hpp"

#include <ctime>

namespace peerq::runtime {

namespace {

std::int64_t nanoseconds_of(clockid_t clock) noexcept {
  timespec now{};
  clock_gettime(clock, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

class SystemClock final : public port::Clock {
 public:
  SteadyTime steady() const noexcept override { return steady_now(); }
  WallTime wall() const noexcept override { return {nanoseconds_of(CLOCK_REALTIME) / 1'000'000}; }
};

}  // namespace

SteadyTime steady_now() noexcept { return {nanoseconds_of(CLOCK_BOOTTIME)}; }

std::unique_ptr<port::Clock> make_system_clock() { return std::make_unique<SystemClock>(); }

}  // namespace peerq::runtime
