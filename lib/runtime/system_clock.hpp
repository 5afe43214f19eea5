#pragma once
// The Clock port on the system's clocks.
//
// Steady time is CLOCK_BOOTTIME: it goes on while the machine sleeps. So a laptop that slept for two days is
// not taken for one whose calendar jumped (S64), and leases end at the time that their holders were told.

#include <memory>

#include "peerq/port/clock.hpp"

namespace peerq::runtime {

/// The clock that executors of this folder wait by.
SteadyTime steady_now() noexcept;

/// **Thread** any.
std::unique_ptr<port::Clock> make_system_clock();

}  // namespace peerq::runtime
