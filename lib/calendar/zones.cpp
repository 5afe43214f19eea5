#include "calendar/zones.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <mutex>
#include <stdexcept>

#include "peerq/base/limits.hpp"

namespace peerq::calendar {

namespace {

static_assert(USE_OS_TZDB, "peerq needs the date library in its form that reads the system's zone database");

const date::time_zone* find_in(const date::tzdb& database, std::string_view name) {
  const auto& zones = database.zones;
  const auto place = std::ranges::lower_bound(zones, name, {}, &date::time_zone::name);
  return place != zones.end() && place->name() == name ? &*place : nullptr;
}

/// Files that lie beside the zones under names that no zone has: the machine's own zone, and tables, at which
/// the library would abort the process.
bool is_zone_name(std::string_view name) {
  return name != "localtime" && name.size() <= limits::zone_size_max && name.find('.') == name.npos;
}

/// The library takes changes of clocks only from their list, not from the rule behind it that databases of
/// the form "slim" have instead for our days (HowardHinnant/date#794): all zones would silently stand still.
bool lists_our_days(const date::tzdb& database) {
  using namespace date::literals;
  constexpr std::array known{"Europe/Berlin", "America/New_York", "Australia/Sydney", "America/Santiago"};
  bool looked = false;
  for (const std::string_view name : known) {
    const auto* zone = find_in(database, name);
    if (zone == nullptr) continue;
    if (zone->get_info(date::sys_days(2036_y / 1 / 1)).end < date::sys_days(2037_y / 1 / 1)) return true;
    looked = true;
  }
  return !looked;
}

/// Guards the first reading of the database and of each zone, which are the process's. The library guards
/// them itself, by atomics that a thread sanitizer does not see in a library which it did not compile.
std::mutex& reading() {
  static std::mutex mutex;
  return mutex;
}

Error unusable(std::string_view why) {
  return {errc::not_supported, fmt::format("the system's zone database {}; install the package tzdata", why)};
}

}  // namespace

SysTime first_instant(const date::time_zone& zone, LocalMinutes time) {
  const date::local_info info = zone.get_info(time);
  if (info.result == date::local_info::nonexistent) return info.first.end;
  return SysTime(time.time_since_epoch() - info.first.offset);
}

SysTime last_instant(const date::time_zone& zone, LocalMinutes time) {
  const date::local_info info = zone.get_info(time);
  if (info.result == date::local_info::ambiguous)
    return SysTime(time.time_since_epoch() - info.second.offset);
  return first_instant(zone, time);
}

Result<const date::time_zone*> Zones::find(std::string_view field, std::string_view name) const {
  const std::lock_guard lock(reading());
  try {
    const date::tzdb& database = database_();
    if (database.zones.empty()) return unusable("is empty");
    if (!lists_our_days(database))
      return unusable("has the form 'slim', which cannot be used; 'zic -b fat' makes the other");
    const date::time_zone* zone = is_zone_name(name) ? find_in(database, name) : nullptr;
    if (zone == nullptr) {
      return Error(
          errc::invalid_argument,
          fmt::format("{}: zone '{}' is not in the zone database; use a name of the IANA database, such "
                      "as 'Europe/Berlin' or 'UTC'",
                      field, name.substr(0, limits::zone_size_max)));
    }
    (void)zone->get_info(date::sys_seconds());  // reads its file
    return zone;
  } catch (const std::runtime_error& error) {
    std::string_view why = error.what();
    return unusable(fmt::format("cannot be read ({})", why.substr(0, why.find('\n'))));
  }
}

}  // namespace peerq::calendar
