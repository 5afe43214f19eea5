// Random schedules and windows against minute-by-minute readings of the clock on the wall.
#include <algorithm>
#include <array>
#include <catch2/catch_test_macros.hpp>
#include <random>
#include <set>

#include "calendar/system_calendar.hpp"
#include "unit/calendar/times.hpp"

using namespace peerq;
using tests::ShownMinutes;

namespace {

constexpr std::int64_t day_minutes = 1'440;

class Dice {
 public:
  explicit Dice(std::uint32_t seed) : random_(seed) {}
  int roll(int low, int high) {
    return low + static_cast<int>(random_() % static_cast<unsigned>(high - low + 1));
  }
  bool one_in(int count) { return roll(1, count) == 1; }

 private:
  std::mt19937 random_;
};

/// A field as text, and what it means.
struct RandomField {
  std::string text;
  std::set<int> values;
  bool star = false;
};

struct Range {
  int low;
  int high;
  std::string_view names;
};

constexpr std::array<Range, 5> ranges{{{0, 59, {}},
                                       {0, 23, {}},
                                       {1, 31, {}},
                                       {1, 12, "janfebmaraprmayjunjulaugsepoctnovdec"},
                                       {0, 6, "sunmontuewedthufrisat"}}};

std::string spelled(Dice& dice, const Range& range, int value) {
  if (range.names.empty() || dice.one_in(2)) return std::to_string(value);
  const auto place = static_cast<std::size_t>(value - range.low);
  return std::string(range.names.substr(3 * place, 3));
}

void add_item(Dice& dice, const Range& range, RandomField& field) {
  int low = range.low;
  int high = range.high;
  int step = 1;
  if (!field.text.empty()) field.text += ',';
  if (dice.one_in(3)) {
    field.text += '*';
    if (range.names.starts_with("sun")) high = 7;
  } else {
    low = dice.roll(range.low, range.high);
    field.text += spelled(dice, range, low);
    high = dice.one_in(2) ? low : dice.roll(low, range.high);
    if (high != low) field.text += '-' + spelled(dice, range, high);
  }
  if (high != low && dice.one_in(2)) {
    step = dice.roll(1, range.high);
    field.text += '/' + std::to_string(step);
  }
  for (int value = low; value <= high; value += step)
    field.values.insert(value == 7 && range.high == 6 ? 0 : value);
}

RandomField random_field(Dice& dice, const Range& range) {
  RandomField field;
  if (dice.one_in(3)) {
    field.text = "*";
    for (int value = range.low; value <= range.high; ++value) field.values.insert(value);
  } else {
    for (int items = dice.one_in(3) ? dice.roll(2, 3) : 1; items > 0; --items) add_item(dice, range, field);
  }
  field.star = field.text.front() == '*';
  return field;
}

struct RandomCron {
  explicit RandomCron(Dice& dice) {
    for (std::size_t i = 0; i < ranges.size(); ++i) {
      fields[i] = random_field(dice, ranges[i]);
      text += (i == 0 ? "" : " ") + fields[i].text;
    }
    // A month that the tables have, mostly.
    if (dice.one_in(2)) {
      text = fields[0].text + " " + fields[1].text + " " + fields[2].text + " * " + fields[4].text;
      for (int month = 1; month <= 12; ++month) fields[3].values.insert(month);
    }
    const std::string hours = "," + fields[1].text;
    all_hours =
        hours.find(",*") != hours.npos || hours.find(",0-23") != hours.npos || fields[1].values.size() == 24;
  }

  bool matches(std::int64_t local) const {
    const std::time_t seconds = local * 60;
    std::tm shown{};
    gmtime_r(&seconds, &shown);
    const auto has = [&](std::size_t field, int value) { return fields[field].values.contains(value); };
    if (!has(0, shown.tm_min) || !has(1, shown.tm_hour) || !has(3, shown.tm_mon + 1)) return false;
    const bool in_month = has(2, shown.tm_mday);
    const bool in_week = has(4, shown.tm_wday);
    return fields[2].star || fields[4].star ? in_month && in_week : in_month || in_week;
  }

  std::array<RandomField, 5> fields;
  std::string text;
  bool all_hours = false;
};

bool naive_runs_at(const RandomCron& cron, const ShownMinutes& minutes, std::size_t index) {
  const std::int64_t local = minutes.local[index];
  if (cron.all_hours) return cron.matches(local);
  if (minutes.seen.at(local).first != index) return false;
  if (cron.matches(local)) return true;
  for (std::int64_t skipped = minutes.local[index - 1] + 1; skipped < local; ++skipped)
    if (cron.matches(skipped)) return true;
  return false;
}

std::vector<WallTime> naive_runs(const RandomCron& cron, const ShownMinutes& minutes, WallTime after) {
  std::vector<WallTime> out;
  for (std::size_t index = 1; index < minutes.local.size(); ++index)
    if (minutes.wall(index) > after && naive_runs_at(cron, minutes, index))
      out.push_back(minutes.wall(index));
  return out;
}

WallTime random_time(Dice& dice, const ShownMinutes& minutes) {
  const int index = dice.roll(0, static_cast<int>(minutes.local.size()) - 1);
  return minutes.wall(static_cast<std::size_t>(index)) +
         Milliseconds(dice.one_in(2) ? 0 : dice.roll(0, 59'999));
}

/// The first index at which the clocks have reached a local time, or the last one if it comes twice.
std::size_t reached(const ShownMinutes& minutes, std::int64_t local, bool last) {
  const auto place = minutes.seen.lower_bound(local);
  if (place == minutes.seen.end()) return minutes.local.size();
  return last && place->first == local ? place->second.last : place->second.first;
}

/// For each minute whether a window is open.
std::vector<bool> naive_open(const std::vector<DeliveryWindow>& windows, const ShownMinutes& minutes) {
  std::vector<bool> open(minutes.local.size());
  const std::int64_t first_day = minutes.local.front() / day_minutes;
  for (const DeliveryWindow& window : windows) {
    for (std::int64_t day = first_day; day <= minutes.local.back() / day_minutes; ++day) {
      const auto weekday = static_cast<unsigned>((day + 3) % 7);  // 1970-01-01 was a Thursday
      if ((window.days >> weekday & 1) == 0) continue;
      const std::int64_t from = day * day_minutes + window.from.count();
      std::int64_t to = day * day_minutes + window.to.count();
      if (to <= from) to += day_minutes;
      const std::size_t end = reached(minutes, to, true);
      for (std::size_t i = reached(minutes, from, false); i < end; ++i) open[i] = true;
    }
  }
  return open;
}

}  // namespace

TEST_CASE("S79 a thousand random cron expressions run as the clock on the wall says") {
  const auto calendar = calendar::make_calendar();
  int refused = 0;
  std::size_t compared = 0;
  for (std::uint32_t seed = 1; seed <= 1'000; ++seed) {
    Dice dice(seed);
    const ShownMinutes& minutes = tests::shown_minutes()[seed % tests::shown_minutes().size()];
    const RandomCron cron(dice);
    const WallTime after = random_time(dice, minutes);
    INFO("seed " << seed << ": " << cron.text << " in " << minutes.zone << " after " << tests::shown(after));
    auto expected = naive_runs(cron, minutes, after);
    auto found = calendar->runs(cron.text, minutes.zone, {}, after, 2'000);
    if (!found) {
      CHECK(found.error().detail.find("never runs") != std::string::npos);
      CHECK(expected.empty());
      ++refused;
      continue;
    }
    expected.resize(std::min<std::size_t>(expected.size(), 2'000));
    std::erase_if(*found, [&](WallTime run) { return run > minutes.wall(minutes.local.size() - 1); });
    REQUIRE(tests::shown(*found) == tests::shown(expected));
    compared += expected.size();
  }
  CHECK(refused < 20);
  CHECK(compared > 20'000);
}

TEST_CASE("S78 random windows are open when the clock on the wall says so") {
  const auto calendar = calendar::make_calendar();
  for (std::uint32_t seed = 1; seed <= 400; ++seed) {
    Dice dice(seed);
    const ShownMinutes& minutes = tests::shown_minutes()[seed % tests::shown_minutes().size()];
    std::vector<DeliveryWindow> windows;
    for (int count = dice.roll(1, 3); count > 0; --count)
      windows.push_back({minutes.zone, std::chrono::minutes(dice.roll(0, dice.one_in(2) ? 240 : 1'439)),
                         std::chrono::minutes(dice.roll(0, dice.one_in(2) ? 240 : 1'440)),
                         static_cast<std::uint8_t>(dice.one_in(2) ? 0x7f : dice.roll(1, 0x7f))});
    const auto open = naive_open(windows, minutes);
    // The days at the ends may belong to windows of days outside.
    const std::size_t from = 2 * day_minutes;
    const std::size_t end = open.size() - 2 * day_minutes;
    std::vector<WallTime> expected;
    for (std::size_t i = from + 1; i < end; ++i)
      if (open[i] != open[i - 1]) expected.push_back(minutes.wall(i));
    INFO("seed " << seed << " in " << minutes.zone);
    auto found = calendar->turns(windows, minutes.wall(from), 1'000).value();
    std::erase_if(found.turns, [&](WallTime turn) { return turn >= minutes.wall(end); });
    CHECK(found.open == open[from]);
    REQUIRE(tests::shown(found.turns) == tests::shown(expected));
  }
}
