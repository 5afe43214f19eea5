#pragma once
// When a schedule runs, by its specification (S79).

#include <variant>
#include <vector>

#include "calendar/cron.hpp"
#include "calendar/zones.hpp"

namespace peerq::calendar {

/// A specification that was read, with its zone. **Thread** any.
class Schedule {
 public:
  /// **Errors** as `port::Calendar::check_schedule`.
  static Result<Schedule> read(std::string_view specification, std::string_view zone, const Zones& zones);

  /// As `port::Calendar::runs`.
  std::vector<WallTime> runs(WallTime anchor, WallTime after, std::size_t max) const;

 private:
  struct CronInZone {
    Cron cron;
    const date::time_zone* zone;
  };

  explicit Schedule(std::variant<Milliseconds, CronInZone> rule) : rule_(rule) {}

  std::variant<Milliseconds, CronInZone> rule_;
};

}  // namespace peerq::calendar
