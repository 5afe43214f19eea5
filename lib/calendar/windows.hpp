#pragma once
// Delivery windows as intervals of wall time (S78).

#include <span>
#include <vector>

#include "calendar/zones.hpp"
#include "peerq/port/calendar.hpp"

namespace peerq::calendar {

/// A window with its zone looked up. Refers to it.
struct ZonedWindow {
  const DeliveryWindow* window;
  const date::time_zone* zone;
};

/// **Errors** as `port::Calendar::check`.
Result<std::vector<ZonedWindow>> resolve(std::span<const DeliveryWindow> windows, const Zones& zones);

/// As `port::Calendar::turns`.
port::Turns turns_of(std::span<const ZonedWindow> windows, WallTime from, std::size_t max);

}  // namespace peerq::calendar
