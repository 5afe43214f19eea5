#pragma once
// What the killed process and the checks after it agree on.

#include <chrono>
#include <cstdint>
#include <string>

#include "peerq/base/time.hpp"

namespace peerq::crash {

using namespace std::chrono_literals;

inline constexpr Milliseconds orders_visibility = 250ms;
inline constexpr Milliseconds parking_visibility = 150ms;
inline constexpr Milliseconds scratch_visibility = 100ms;
inline constexpr Milliseconds kill_sync_interval = 20ms;
/// Delays of sends and nacks.
inline constexpr Milliseconds kill_delay_max = 300ms;

/// Histories are apart where one's freedoms would excuse the other's losses.
struct KillPaths {
  explicit KillPaths(const std::string& directory)
      : store(directory + "/store"),
        durable(directory + "/durable"),
        interval(directory + "/interval"),
        memory(directory + "/memory"),
        scratch(directory + "/scratch"),
        queues(directory + "/queues"),
        openings(directory + "/openings"),
        log(directory + "/log") {}

  std::string store;
  /// orders, orders.dead, parking.
  std::string durable;
  std::string interval;
  std::string memory;
  /// A queue that is purged, and taken from without leases.
  std::string scratch;
  /// Queues that come and go: "<begin|made|end|gone> <name>", one line each.
  std::string queues;
  /// How long each process took to open what its predecessor left: milliseconds, one line each.
  std::string openings;
  /// What workers say.
  std::string log;
};

}  // namespace peerq::crash
