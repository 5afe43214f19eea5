#include "calendar/schedule.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "peerq/base/limits.hpp"

namespace peerq::calendar {

namespace {

using std::chrono::minutes;

Error wrong_interval(std::string_view text) {
  return {errc::invalid_argument,
          fmt::format(
              "schedule: interval '{}' is outside 1s to 3650d; write a whole number and one of s, m, h, d",
              text)};
}

/// None for another letter.
std::optional<Milliseconds> unit_of(char letter) {
  switch (letter) {
    case 's': return std::chrono::seconds(1);
    case 'm': return std::chrono::minutes(1);
    case 'h': return std::chrono::hours(1);
    case 'd': return date::days(1);
    default: return std::nullopt;
  }
}

Result<Milliseconds> read_interval(std::string_view text) {
  if (text.size() < 2 || text.find_first_not_of("0123456789") != text.size() - 1) return wrong_interval(text);
  const auto unit = unit_of(text.back());
  std::int64_t count = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size() - 1, count);
  if (!unit || read.ec != std::errc() || count > limits::schedule_interval_max / *unit ||
      count * *unit < limits::schedule_interval_min)
    return wrong_interval(text);
  return count * *unit;
}

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

std::string_view without_short_form(std::string_view text) {
  if (text == "@hourly") return "0 * * * *";
  if (text == "@daily") return "0 0 * * *";
  if (text == "@weekly") return "0 0 * * 0";
  if (text == "@monthly") return "0 0 1 * *";
  if (text == "@yearly") return "0 0 1 1 *";
  return text;
}

std::vector<WallTime> runs_by_interval(Milliseconds interval, WallTime anchor, WallTime after,
                                       std::size_t max) {
  WallTime run = anchor;
  if (after >= anchor) run = anchor + interval * ((after - anchor) / interval + 1);
  std::vector<WallTime> out;
  for (; out.size() < max && run < end_of_times; run = run + interval) out.push_back(run);
  return out;
}

/// Each local time once, at its first instant.
std::vector<WallTime> runs_by_time_of_day(const Cron& cron, const date::time_zone& zone, SysTime after,
                                          std::size_t max) {
  std::vector<WallTime> out;
  SysTime last = after;
  auto local = std::chrono::floor<minutes>(to_local(after, info_at(zone, after)));
  while (out.size() < max) {
    const auto next = cron.next(local);
    if (!next) break;
    local = *next;
    // All that clocks skip in one gap is one instant; in an hour that comes twice `after` may lie in the
    // second.
    const SysTime run = first_instant(zone, local);
    if (run <= last) continue;
    if (to_wall(run) >= end_of_times) break;
    out.push_back(to_wall(run));
    last = run;
  }
  return out;
}

/// Each minute that the clock on the wall shows, as often as it shows it.
std::vector<WallTime> runs_by_clock(const Cron& cron, const date::time_zone& zone, SysTime after,
                                    std::size_t max) {
  std::vector<WallTime> out;
  auto info = info_at(zone, after);
  auto local = std::chrono::floor<minutes>(to_local(after, info));
  while (out.size() < max) {
    const auto next = cron.next(local);
    if (!next) break;
    const SysTime run(next->time_since_epoch() - info.offset);
    if (to_wall(run) >= end_of_times) break;
    if (run < info.end) {
      out.push_back(to_wall(run));
      local = *next;
    } else {
      // Clocks change before: go on with the first minute that they show then.
      info = zone.get_info(info.end);
      local = std::chrono::ceil<minutes>(to_local(info.begin, info)) - minutes(1);
    }
  }
  return out;
}

}  // namespace

Result<Schedule> Schedule::read(std::string_view specification, std::string_view zone, const Zones& zones) {
  if (specification.size() > limits::schedule_specification_size_max)
    return Error(errc::invalid_argument,
                 fmt::format("schedule: specification of {} bytes; at most {}", specification.size(),
                             limits::schedule_specification_size_max));
  const std::string_view text = trimmed(specification);
  if (text == "every" || text.starts_with("every ") || text.starts_with("every\t")) {
    const auto interval = read_interval(trimmed(text.substr(5)));
    if (!interval) return interval.error();
    return Schedule(*interval);
  }
  const auto cron = Cron::read(without_short_form(text));
  if (!cron) return cron.error();
  const auto found = zones.find("schedule", zone);
  if (!found) return found.error();
  return Schedule(CronInZone{*cron, *found});
}

std::vector<WallTime> Schedule::runs(WallTime anchor, WallTime after, std::size_t max) const {
  if (const auto* interval = std::get_if<Milliseconds>(&rule_))
    return runs_by_interval(*interval, anchor, after, max);
  const auto& [cron, zone] = *std::get_if<CronInZone>(&rule_);
  const auto by_rule = cron.follows_clock() ? runs_by_clock : runs_by_time_of_day;
  return by_rule(cron, *zone, to_sys(after), max);
}

}  // namespace peerq::calendar
