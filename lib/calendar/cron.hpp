#pragma once
// Cron expressions: reading them, and the local minutes that they name. Knows nothing of zones. What they may
// be is told in peerq/port/calendar.hpp. Our own: no library in Debian has them.

#include <array>
#include <bit>
#include <cstdint>
#include <optional>
#include <string_view>

#include "calendar/zones.hpp"

namespace peerq::calendar {

class Cron {
 public:
  /// **Errors** `invalid_argument`, also for an expression that never comes true.
  static Result<Cron> read(std::string_view text);

  /// The first minute after this one; none within 41 years, in which every day of every month has been on
  /// every day of the week.
  std::optional<LocalMinutes> next(LocalMinutes after) const;

  /// Whether the hour field stands for the whole day, so that it follows the clock and not a time of day.
  bool follows_clock() const { return fields_[1].whole || std::popcount(fields_[1].values) == 24; }

 private:
  struct Field {
    std::uint64_t values = 0;  ///< bit n = n
    bool star = false;         ///< begins with `*`: no restriction by the rule of the two fields of days
    bool whole = false;        ///< has an item over the whole range, maybe with a step
  };
  struct Kind;

  static Result<unsigned> read_number(const Kind& kind, std::string_view text);
  static Result<std::uint64_t> read_item(const Kind& kind, std::string_view item, bool& whole);
  static Result<Field> read_field(const Kind& kind, std::string_view text);
  bool has_day(date::local_days day) const;

  /// Minute, hour, day of month, month, day of week.
  std::array<Field, 5> fields_;
};

}  // namespace peerq::calendar
