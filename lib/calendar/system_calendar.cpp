#include "calendar/system_calendar.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "calendar/schedule.hpp"
#include "calendar/windows.hpp"
#include "calendar/zones.hpp"

namespace peerq::calendar {

namespace {

Result<void> check_time(std::string_view field, WallTime time) {
  if (time >= WallTime{} && time < end_of_times) return {};
  return Error(errc::invalid_argument,
               fmt::format("{}: {} ms is outside the years 1970 to 9999", field, time.ms));
}

class SystemCalendar final : public port::Calendar {
 public:
  Result<void> check(std::span<const DeliveryWindow> windows) const override {
    const auto resolved = resolve(windows, zones_);
    return resolved ? Result<void>() : resolved.error();
  }

  Result<port::Turns> turns(std::span<const DeliveryWindow> windows, WallTime from,
                            std::size_t max) const override {
    if (auto checked = check_time("from", from); !checked) return checked.error();
    const auto resolved = resolve(windows, zones_);
    if (!resolved) return resolved.error();
    return turns_of(*resolved, from, max);
  }

  Result<void> check_schedule(std::string_view specification, std::string_view zone) const override {
    const auto schedule = Schedule::read(specification, zone, zones_);
    return schedule ? Result<void>() : schedule.error();
  }

  Result<std::vector<WallTime>> runs(std::string_view specification, std::string_view zone, WallTime anchor,
                                     WallTime after, std::size_t max) const override {
    if (auto checked = check_time("anchor", anchor); !checked) return checked.error();
    if (auto checked = check_time("after", after); !checked) return checked.error();
    const auto schedule = Schedule::read(specification, zone, zones_);
    if (!schedule) return schedule.error();
    return schedule->runs(anchor, after, std::min(max, limits::schedule_runs_max));
  }

 private:
  Zones zones_;
};

}  // namespace

std::unique_ptr<port::Calendar> make_calendar() { return std::make_unique<SystemCalendar>(); }

}  // namespace peerq::calendar
