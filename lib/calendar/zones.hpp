#pragma once
// Zones by name out of the system's database, and local times in them. All knowledge of zones is the date
// library's.

#include <date/tz.h>

#include <chrono>
#include <string_view>

#include "peerq/base/result.hpp"
#include "peerq/base/time.hpp"

namespace peerq::calendar {

using SysTime = date::sys_time<Milliseconds>;
using LocalTime = date::local_time<Milliseconds>;
using LocalMinutes = date::local_time<std::chrono::minutes>;

/// The year 10000. Before it neither milliseconds nor the library's years overflow.
inline constexpr WallTime end_of_times{253'402'300'800'000};

inline SysTime to_sys(WallTime time) { return SysTime(Milliseconds(time.ms)); }
inline WallTime to_wall(SysTime time) { return {time.time_since_epoch().count()}; }

/// How the clocks of a zone are set at a time.
inline date::sys_info info_at(const date::time_zone& zone, SysTime time) {
  return zone.get_info(std::chrono::floor<std::chrono::seconds>(time));
}

/// What the clocks show while they are set so.
inline LocalTime to_local(SysTime time, const date::sys_info& info) {
  return LocalTime((time + info.offset).time_since_epoch());
}

/// The instant of a local time; of two the first or the last; of none the first after the gap.
SysTime first_instant(const date::time_zone& zone, LocalMinutes time);
SysTime last_instant(const date::time_zone& zone, LocalMinutes time);

/// The zones of a database. **Thread** any.
class Zones {
 public:
  /// Throws `std::runtime_error` when there is none; asked again at the next need.
  using Database = const date::tzdb& (*)();

  explicit Zones(Database database = &date::get_tzdb) : database_(database) {}

  /// The zone of exactly this name, read: no later use of it fails. It lives as long as the process.
  /// **Errors** `invalid_argument` for an unknown name, with `field` in front; `not_supported` without a
  /// database.
  Result<const date::time_zone*> find(std::string_view field, std::string_view name) const;

 private:
  Database database_;
};

}  // namespace peerq::calendar
