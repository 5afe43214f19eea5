#include "calendar/cron.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <string>
#include <vector>

namespace peerq::calendar {

using date::days;
using std::chrono::floor;
using std::chrono::hours;
using std::chrono::minutes;

/// A field's name and range; `names` are of three letters each, the first for `low`.
struct Cron::Kind {
  std::string_view name;
  unsigned low;
  unsigned high;
  std::string_view names;
};

namespace {

enum Place : std::uint8_t { minute, hour, day_of_month, month, day_of_week };

constexpr auto search_days = days(41 * 366);
constexpr unsigned sunday = 7;

bool has(std::uint64_t values, unsigned value) { return (values >> value & 1) != 0; }

Error wrong(std::string_view field, std::string_view text, std::string_view why) {
  return {errc::invalid_argument, fmt::format("schedule: {} '{}' {}", field, text, why)};
}

std::vector<std::string_view> split(std::string_view text, std::string_view separators) {
  std::vector<std::string_view> out;
  for (std::size_t end = 0; end != text.npos; text.remove_prefix(end == text.npos ? 0 : end + 1)) {
    end = text.find_first_of(separators);
    out.push_back(text.substr(0, end));
  }
  return out;
}

}  // namespace

Result<unsigned> Cron::read_number(const Kind& kind, std::string_view text) {
  std::string upper(text);
  for (char& c : upper) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  const auto at = upper.size() == 3 ? kind.names.find(upper) : std::string_view::npos;
  if (at != std::string_view::npos && at % 3 == 0) return kind.low + static_cast<unsigned>(at / 3);
  if (text.empty() || text.find_first_not_of("0123456789") != text.npos) {
    const auto* const names = kind.names.empty() ? "" : ", nor a name of three letters";
    return wrong(kind.name, text, fmt::format("is not a number from {} to {}{}", kind.low, kind.high, names));
  }
  unsigned value = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
  if (read.ec != std::errc() || value < kind.low || value > kind.high)
    return wrong(kind.name, text, fmt::format("is outside {} to {}", kind.low, kind.high));
  return value;
}

Result<std::uint64_t> Cron::read_item(const Kind& kind, std::string_view item, bool& whole) {
  const auto slash = item.find('/');
  const std::string_view range = item.substr(0, slash);
  const auto dash = range.find('-');
  unsigned low = kind.low, high = kind.high, step = 1;
  if (range != "*") {
    const auto first = read_number(kind, range.substr(0, dash));
    if (!first) return first.error();
    const auto last = dash == range.npos ? first : read_number(kind, range.substr(dash + 1));
    if (!last) return last.error();
    low = *first;
    high = *last == 0 && low > 0 && kind.high == sunday ? sunday : *last;
    if (low > high) return wrong(kind.name, item, "runs backwards; write two ranges with a comma");
    if (slash != item.npos && dash == range.npos)
      return wrong(kind.name, item, "has a step without a range; write a-b/n or */n");
  }
  if (slash != item.npos) {
    const Kind steps{kind.name, 1, kind.high, {}};
    const auto read = read_number(steps, item.substr(slash + 1));
    if (!read) return wrong(kind.name, item, fmt::format("has a step outside 1 to {}", kind.high));
    step = *read;
  }
  whole |= low == kind.low && high == kind.high;
  std::uint64_t values = 0;
  for (unsigned value = low; value <= high; value += step) values |= std::uint64_t{1} << value;
  return values;
}

Result<Cron::Field> Cron::read_field(const Kind& kind, std::string_view text) {
  Field field;
  field.star = text.starts_with('*');
  for (const std::string_view item : split(text, ",")) {
    const auto values = read_item(kind, item, field.whole);
    if (!values) return values.error();
    field.values |= *values;
  }
  return field;
}

Result<Cron> Cron::read(std::string_view text) {
  static constexpr std::array<Kind, 5> kinds{{{"minute", 0, 59, {}},
                                              {"hour", 0, 23, {}},
                                              {"day of month", 1, 31, {}},
                                              {"month", 1, 12, "JANFEBMARAPRMAYJUNJULAUGSEPOCTNOVDEC"},
                                              {"day of week", 0, sunday, "SUNMONTUEWEDTHUFRISAT"}}};
  auto words = split(text, " \t");
  std::erase(words, std::string_view());
  if (words.size() != kinds.size())
    return wrong(
        "expression", text,
        fmt::format("has {} fields; it needs minute, hour, day of month, month, day of week, or is one of "
                    "@hourly, @daily, @weekly, @monthly, @yearly, or 'every 5m'",
                    words.size()));
  Cron cron;
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    auto field = read_field(kinds[i], words[i]);
    if (!field) return field.error();
    cron.fields_[i] = *field;
  }
  if (has(cron.fields_[day_of_week].values, sunday)) cron.fields_[day_of_week].values |= 1;
  if (!cron.next(LocalMinutes()))
    return wrong("expression", text, "never runs: no month that it names has a day that it names");
  return cron;
}

bool Cron::has_day(date::local_days day) const {
  const date::year_month_day ymd(day);
  if (!has(fields_[month].values, static_cast<unsigned>(ymd.month()))) return false;
  const Field& in_month = fields_[day_of_month];
  const Field& in_week = fields_[day_of_week];
  const bool a = has(in_month.values, static_cast<unsigned>(ymd.day()));
  const bool b = has(in_week.values, date::weekday(day).c_encoding());
  return in_month.star || in_week.star ? a && b : a || b;
}

std::optional<LocalMinutes> Cron::next(LocalMinutes after) const {
  const LocalMinutes start = after + minutes(1);
  const auto first = floor<days>(start);
  for (auto day = first; day < first + search_days; day += days(1)) {
    if (!has_day(day)) continue;
    for (LocalMinutes time = std::max<LocalMinutes>(day, start); time < day + days(1);
         time = floor<hours>(time) + hours(1)) {
      if (!has(fields_[hour].values, static_cast<unsigned>((time - day) / hours(1)))) continue;
      const std::uint64_t left = fields_[minute].values >> (time - floor<hours>(time)).count();
      if (left != 0) return time + minutes(std::countr_zero(left));
    }
  }
  return std::nullopt;
}

}  // namespace peerq::calendar
