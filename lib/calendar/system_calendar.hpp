#pragma once
// The Calendar port on the system's zone database, through Howard Hinnant's date library.

#include <memory>

#include "peerq/port/calendar.hpp"

namespace peerq::calendar {

/// Touches no file yet: a missing database is an error of the first call that needs it. **Thread** any.
std::unique_ptr<port::Calendar> make_calendar();

}  // namespace peerq::calendar
