#include "calendar/windows.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "peerq/base/limits.hpp"

namespace peerq::calendar {

namespace {

using date::days;
using std::chrono::minutes;

constexpr minutes day_length = days(1);

struct Interval {
  SysTime open;
  SysTime close;
};

Result<void> check_number(std::string_view field, std::int64_t value, std::int64_t least, std::int64_t most) {
  if (value >= least && value <= most) return {};
  return Error(errc::invalid_argument,
               fmt::format("windows: {} {} is outside {} to {}", field, value, least, most));
}

Result<void> check_numbers(const DeliveryWindow& window) {
  if (auto from = check_number("from, in minutes,", window.from.count(), 0, day_length.count() - 1); !from)
    return from;
  if (auto to = check_number("to, in minutes,", window.to.count(), 0, day_length.count()); !to) return to;
  return check_number("days", window.days, 1, 0x7f);
}

/// The window of one local day; empty when it has none, or when clocks skip all of it.
Interval interval_on(date::local_days day, const ZonedWindow& zoned) {
  const DeliveryWindow& window = *zoned.window;
  const unsigned bit = date::weekday(day).iso_encoding() - 1;
  if ((window.days >> bit & 1) == 0) return {};
  const date::local_days last = window.to > window.from ? day : day + days(1);
  return {first_instant(*zoned.zone, day + window.from), last_instant(*zoned.zone, last + window.to)};
}

/// The intervals of these days, in order, none of which touches the next.
std::vector<Interval> intervals_of(std::span<const ZonedWindow> windows, date::local_days first,
                                   date::local_days last) {
  std::vector<Interval> all;
  for (const ZonedWindow& window : windows) {
    for (date::local_days day = first; day <= last; day += days(1)) {
      if (const Interval interval = interval_on(day, window); interval.open < interval.close)
        all.push_back(interval);
    }
  }
  std::ranges::sort(all, {}, &Interval::open);
  std::vector<Interval> merged;
  for (const Interval& interval : all) {
    if (merged.empty() || merged.back().close < interval.open)
      merged.push_back(interval);
    else
      merged.back().close = std::max(merged.back().close, interval.close);
  }
  return merged;
}

/// The turns after `from` and before `horizon` days have passed.
port::Turns turns_within(std::span<const ZonedWindow> windows, SysTime from, days horizon) {
  // A local day begins less than a day before or after the same day of UTC, and a window ends within about a
  // day of its opening: three days back is all that can still be open, and what opens after the last day
  // cannot change anything before `sure`.
  const date::local_days today(std::chrono::floor<days>(from).time_since_epoch());
  const SysTime sure((today + horizon).time_since_epoch());
  port::Turns out{false, {}};
  const auto add = [&](SysTime turn) {
    if (turn < sure) out.turns.push_back(to_wall(turn));
  };
  for (const Interval& interval : intervals_of(windows, today - days(3), today + horizon + days(1))) {
    if (interval.close <= from) continue;
    if (interval.open <= from)
      out.open = true;
    else
      add(interval.open);
    add(interval.close);
  }
  return out;
}

}  // namespace

Result<std::vector<ZonedWindow>> resolve(std::span<const DeliveryWindow> windows, const Zones& zones) {
  const auto count = static_cast<std::int64_t>(windows.size());
  if (auto checked = check_number("number of windows", count, 0, limits::windows_max); !checked)
    return checked.error();
  std::vector<ZonedWindow> out;
  for (const DeliveryWindow& window : windows) {
    if (auto checked = check_numbers(window); !checked) return checked.error();
    const auto zone = zones.find("windows", window.zone);
    if (!zone) return zone.error();
    out.push_back({&window, *zone});
  }
  return out;
}

port::Turns turns_of(std::span<const ZonedWindow> windows, WallTime from, std::size_t max) {
  if (windows.empty()) return {};
  port::Turns out;
  // Mostly the next few turns are wanted and are near; only windows that hardly ever change need all days.
  for (const days horizon : {days(8), days(60), days(401)}) {
    out = turns_within(windows, to_sys(from), horizon);
    if (out.turns.size() >= max) break;
  }
  out.turns.resize(std::min(out.turns.size(), max));
  return out;
}

}  // namespace peerq::calendar
