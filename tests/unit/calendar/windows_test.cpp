// When delivery windows open and close (S78).
#include <catch2/catch_test_macros.hpp>

#include "calendar/system_calendar.hpp"
#include "unit/calendar/times.hpp"

using namespace peerq;
using namespace std::chrono_literals;
using tests::shown;
using tests::utc;
using tests::window;

namespace {

using Texts = std::vector<std::string>;

constexpr unsigned monday = 1;
constexpr unsigned saturday = 32;
constexpr unsigned sunday = 64;

Texts turns_of(std::vector<DeliveryWindow> windows, const std::string& from, std::size_t max = 4) {
  const auto calendar = calendar::make_calendar();
  CHECK(calendar->check(windows).has_value());
  return shown(calendar->turns(windows, utc(from), max).value());
}

std::string refused(const DeliveryWindow& window) {
  const auto calendar = calendar::make_calendar();
  const auto checked = calendar->check(std::span(&window, 1));
  REQUIRE(!checked);
  CHECK(checked.error() == errc::invalid_argument);
  CHECK(calendar->turns(std::span(&window, 1), utc("2025-06-01 12:00"), 1).error().detail ==
        checked.error().detail);
  return checked.error().detail;
}

}  // namespace

TEST_CASE("S78 a window opens and closes at its local times") {
  CHECK(turns_of({window("Europe/Berlin 09:00-17:30")}, "2025-06-02 06:59") ==
        Texts{"closed", "2025-06-02 07:00", "2025-06-02 15:30", "2025-06-03 07:00", "2025-06-03 15:30"});
  CHECK(turns_of({window("America/New_York 09:00-17:30")}, "2025-01-02 15:00", 1) ==
        Texts{"open", "2025-01-02 22:30"});
}

TEST_CASE("S78 turns are later than the time asked for, and a window is open from its first instant on") {
  const std::vector windows{window("UTC 09:00-10:00")};
  CHECK(turns_of(windows, "2025-06-02 08:59:59", 1) == Texts{"closed", "2025-06-02 09:00"});
  CHECK(turns_of(windows, "2025-06-02 09:00", 1) == Texts{"open", "2025-06-02 10:00"});
  CHECK(turns_of(windows, "2025-06-02 09:59:59", 1) == Texts{"open", "2025-06-02 10:00"});
  CHECK(turns_of(windows, "2025-06-02 10:00", 1) == Texts{"closed", "2025-06-03 09:00"});
  CHECK(turns_of(windows, "2025-06-02 09:30", 0) == Texts{"open"});
}

TEST_CASE("S78 a window over midnight belongs to the day on which it opens") {
  const std::vector windows{window("UTC 22:00-06:00", monday)};
  CHECK(turns_of(windows, "2025-06-02 05:00", 2) == Texts{"closed", "2025-06-02 22:00", "2025-06-03 06:00"});
  CHECK(turns_of(windows, "2025-06-03 05:59", 2) == Texts{"open", "2025-06-03 06:00", "2025-06-09 22:00"});
  CHECK(turns_of({window("UTC 22:00-00:00", monday)}, "2025-06-02 23:00", 2) ==
        Texts{"open", "2025-06-03 00:00", "2025-06-09 22:00"});
}

TEST_CASE("S78 a window that ends when it begins is open for a whole day") {
  CHECK(turns_of({window("UTC 08:00-08:00", monday)}, "2025-06-02 12:00", 2) ==
        Texts{"open", "2025-06-03 08:00", "2025-06-09 08:00"});
  CHECK(turns_of({window("UTC 00:00-24:00", monday)}, "2025-06-02 12:00", 2) ==
        Texts{"open", "2025-06-03 00:00", "2025-06-09 00:00"});
}

TEST_CASE("S78 the whole day on every day is always open") {
  CHECK(turns_of({window("Europe/Berlin 00:00-00:00")}, "2025-06-02 12:00", 100) == Texts{"open"});
  CHECK(turns_of({window("Europe/Berlin 00:00-24:00")}, "2025-06-02 12:00", 100) == Texts{"open"});
  CHECK(turns_of({window("Europe/Berlin 02:30-02:30")}, "2025-03-29 12:00", 100) == Texts{"open"});
  CHECK(turns_of({}, "2025-06-02 12:00", 100) == Texts{"open"});
}

TEST_CASE("S78 windows that overlap or touch are one") {
  CHECK(turns_of({window("UTC 08:00-12:00"), window("UTC 11:00-13:00"), window("UTC 09:00-10:00")},
                 "2025-06-02 09:30", 2) == Texts{"open", "2025-06-02 13:00", "2025-06-03 08:00"});
  CHECK(turns_of({window("UTC 12:00-14:00"), window("UTC 08:00-12:00")}, "2025-06-02 09:30", 2) ==
        Texts{"open", "2025-06-02 14:00", "2025-06-03 08:00"});
  CHECK(turns_of({window("UTC 08:00-10:00"), window("Europe/Berlin 12:00-14:00")}, "2025-06-02 09:00", 2) ==
        Texts{"open", "2025-06-02 12:00", "2025-06-03 08:00"});
  CHECK(turns_of({window("UTC 20:00-04:00", saturday), window("UTC 03:00-05:00", sunday)}, "2025-06-08 02:00",
                 2) == Texts{"open", "2025-06-08 05:00", "2025-06-14 20:00"});
}

TEST_CASE("S78 windows with a gap between them are two") {
  CHECK(turns_of({window("UTC 08:00-12:00"), window("UTC 12:01-13:00")}, "2025-06-02 09:00", 3) ==
        Texts{"open", "2025-06-02 12:00", "2025-06-02 12:01", "2025-06-02 13:00"});
}

TEST_CASE("S78 32 windows are one line of turns, 33 are too many") {
  const auto calendar = calendar::make_calendar();
  std::vector<DeliveryWindow> windows;
  for (int i = 0; i < 32; ++i) windows.push_back({"UTC", i * 40min, i * 40min + 20min, 0x7f});
  const auto turns = calendar->turns(windows, utc("2025-06-02 00:10"), 100).value();
  CHECK(turns.open);
  REQUIRE(turns.turns.size() == 100);
  for (std::size_t i = 0; i < 63; ++i)
    CHECK(turns.turns[i] == utc("2025-06-02 00:00") + 20min * static_cast<int>(i + 1));
  CHECK(turns.turns[63] == utc("2025-06-03 00:00"));
  windows.push_back(windows.front());
  CHECK(calendar->check(windows).error().detail == "windows: number of windows 33 is outside 0 to 32");
}

TEST_CASE("S78 turns may be asked for far ahead, but not beyond 400 days") {
  const auto calendar = calendar::make_calendar();
  const std::vector windows{window("Europe/Berlin 09:00-10:00", monday)};
  const WallTime from = utc("2025-06-03 00:00");
  const auto all = calendar->turns(windows, from, 1'000).value();
  REQUIRE(all.turns.size() == 114);
  CHECK(all.turns.back() < from + 400 * 24h);
  CHECK(all.turns.back() > from + 390 * 24h);
  for (const std::size_t max : {std::size_t{1}, std::size_t{2}, std::size_t{5}, std::size_t{40}}) {
    const auto some = calendar->turns(windows, from, max).value();
    CHECK(some.turns == std::vector(all.turns.begin(), all.turns.begin() + static_cast<int>(max)));
  }
}

TEST_CASE("S78 a window keeps its local times over a change of clocks") {
  CHECK(turns_of({window("Europe/Berlin 09:00-17:00")}, "2025-03-29 12:00", 3) ==
        Texts{"open", "2025-03-29 16:00", "2025-03-30 07:00", "2025-03-30 15:00"});
  CHECK(turns_of({window("America/New_York 22:00-06:00")}, "2025-11-01 12:00", 3) ==
        Texts{"closed", "2025-11-02 02:00", "2025-11-02 11:00", "2025-11-03 03:00"});
}

TEST_CASE("S78 an end of a window that clocks skip is the first instant after the gap") {
  CHECK(turns_of({window("Europe/Berlin 02:15-03:30")}, "2025-03-30 00:00", 3) ==
        Texts{"closed", "2025-03-30 01:00", "2025-03-30 01:30", "2025-03-31 00:15"});
  CHECK(turns_of({window("Europe/Berlin 01:00-02:30")}, "2025-03-29 23:00", 3) ==
        Texts{"closed", "2025-03-30 00:00", "2025-03-30 01:00", "2025-03-30 23:00"});
  // Half an hour only: 02:00 to 02:30.
  CHECK(turns_of({window("Australia/Lord_Howe 02:10-02:40")}, "2025-10-04 15:00", 2) ==
        Texts{"closed", "2025-10-04 15:30", "2025-10-04 15:40"});
}

TEST_CASE("S78 a window of which clocks skip everything is left out") {
  CHECK(turns_of({window("Europe/Berlin 02:10-02:50")}, "2025-03-30 00:00", 2) ==
        Texts{"closed", "2025-03-31 00:10", "2025-03-31 00:50"});
  CHECK(turns_of({window("Pacific/Apia 09:00-17:00", 16)}, "2011-12-29 12:00", 2) ==
        Texts{"closed", "2012-01-05 19:00", "2012-01-06 03:00"});
}

TEST_CASE("S78 of equal local times a window opens at the first and closes at the second") {
  CHECK(turns_of({window("Europe/Berlin 02:30-04:00")}, "2025-10-25 12:00", 2) ==
        Texts{"closed", "2025-10-26 00:30", "2025-10-26 03:00"});
  CHECK(turns_of({window("Europe/Berlin 01:00-02:30")}, "2025-10-25 12:00", 2) ==
        Texts{"closed", "2025-10-25 23:00", "2025-10-26 01:30"});
  CHECK(turns_of({window("America/New_York 01:10-01:20")}, "2025-11-02 00:00", 2) ==
        Texts{"closed", "2025-11-02 05:10", "2025-11-02 06:20"});
  CHECK(turns_of({window("Australia/Lord_Howe 01:40-01:50")}, "2025-04-05 12:00", 2) ==
        Texts{"closed", "2025-04-05 14:40", "2025-04-05 15:20"});
}

TEST_CASE("S78 what is wrong with a window is named") {
  CHECK(refused(window("Europe/Berln 09:00-10:00")) ==
        "windows: zone 'Europe/Berln' is not in the zone database; use a name of the IANA database, such as "
        "'Europe/Berlin' or 'UTC'");
  CHECK(refused({"UTC", -1min, 0min, 1}) == "windows: from, in minutes, -1 is outside 0 to 1439");
  CHECK(refused({"UTC", 24h, 0min, 1}) == "windows: from, in minutes, 1440 is outside 0 to 1439");
  CHECK(refused({"UTC", 0min, -1min, 1}) == "windows: to, in minutes, -1 is outside 0 to 1440");
  CHECK(refused({"UTC", 0min, 24h + 1min, 1}) == "windows: to, in minutes, 1441 is outside 0 to 1440");
  CHECK(refused({"UTC", 0min, 0min, 0}) == "windows: days 0 is outside 1 to 127");
  CHECK(refused({"UTC", 0min, 0min, 128}) == "windows: days 128 is outside 1 to 127");
}

TEST_CASE("S78 turns are known from 1970 through 9999") {
  const auto calendar = calendar::make_calendar();
  const std::vector windows{window("UTC 09:00-10:00")};
  for (const WallTime good : {WallTime{0}, WallTime{253'402'300'799'999}})
    CHECK(calendar->turns(windows, good, 2).value().turns.size() == 2);
  for (const WallTime bad : {WallTime{-1}, WallTime{253'402'300'800'000}, WallTime::never()}) {
    const auto turns = calendar->turns(windows, bad, 2);
    REQUIRE(!turns);
    CHECK(turns.error() == errc::invalid_argument);
    CHECK(turns.error().detail ==
          "from: " + std::to_string(bad.ms) + " ms is outside the years 1970 to 9999");
  }
}
