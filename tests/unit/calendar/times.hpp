#pragma once
// Times as people write them, and what the clocks of a zone show each minute: by the C library, which shares
// nothing with the date library but the database.

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "peerq/port/calendar.hpp"

namespace peerq::tests {

/// "2025-03-30 01:00" or "2025-03-30 01:00:30", in UTC.
WallTime utc(const std::string& text);

/// The other way round, with seconds if they are not 0.
std::string shown(WallTime time);
std::vector<std::string> shown(const std::vector<WallTime>& times);
/// "open" or "closed", then the turns.
std::vector<std::string> shown(const port::Turns& turns);

/// A window as "Europe/Berlin 22:00-06:00"; `days` as in DeliveryWindow.
DeliveryWindow window(std::string_view text, unsigned days = 0x7f);

/// What the clocks of a zone show, minute by minute.
struct ShownMinutes {
  /// For `count` days from midnight UTC of this day.
  ShownMinutes(std::string zone_name, const std::string& first_day, int count);

  std::string zone;
  /// Minutes since 1970 of the first element.
  std::int64_t first = 0;
  /// The local time, as minutes since 1970.
  std::vector<std::int64_t> local;
  /// The first and the last index at which a local time is shown.
  struct Seen {
    std::size_t first;
    std::size_t last;
  };
  std::map<std::int64_t, Seen> seen;

  WallTime wall(std::size_t index) const {
    return {(first + static_cast<std::int64_t>(index)) * std::int64_t{60'000}};
  }
};

/// Some weeks around the changes of some zones.
const std::vector<ShownMinutes>& shown_minutes();

}  // namespace peerq::tests
