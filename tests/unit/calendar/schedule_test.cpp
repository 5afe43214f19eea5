// When schedules run (S79): intervals, cron expressions, changes of clocks.
#include <catch2/catch_test_macros.hpp>

#include "calendar/system_calendar.hpp"
#include "peerq/base/limits.hpp"
#include "unit/calendar/times.hpp"

using namespace peerq;
using namespace std::chrono_literals;
using tests::shown;
using tests::utc;

namespace {

using Lines = std::vector<std::string>;

Lines runs_of(std::string_view specification, std::string_view zone, const std::string& after,
              std::size_t max = 3) {
  const auto calendar = calendar::make_calendar();
  CHECK(calendar->check_schedule(specification, zone).has_value());
  return shown(calendar->runs(specification, zone, {}, utc(after), max).value());
}

Lines intervals(std::string_view specification, const std::string& anchor, const std::string& after) {
  return shown(calendar::make_calendar()->runs(specification, "UTC", utc(anchor), utc(after), 2).value());
}

std::string fault(std::string_view specification, std::string_view zone = "UTC") {
  const auto calendar = calendar::make_calendar();
  const auto checked = calendar->check_schedule(specification, zone);
  INFO(specification);
  REQUIRE(!checked);
  CHECK(checked.error() == errc::invalid_argument);
  CHECK(calendar->runs(specification, zone, {}, {}, 1).error().detail == checked.error().detail);
  return checked.error().detail;
}

std::string interval_fault(const std::string& text) {
  return "schedule: interval '" + text +
         "' is outside 1s to 3650d; write a whole number and one of s, m, h, d";
}

}  // namespace

TEST_CASE("S79 an interval counts from its anchor") {
  CHECK(intervals("every 90s", "2025-06-01 00:00", "2025-06-01 00:02") ==
        Lines{"2025-06-01 00:03", "2025-06-01 00:04:30"});
  CHECK(intervals("every 5m", "2025-06-01 00:02", "2025-06-01 10:00") ==
        Lines{"2025-06-01 10:02", "2025-06-01 10:07"});
  CHECK(intervals("every 36h", "2025-06-01 06:00", "2025-06-01 06:00") ==
        Lines{"2025-06-02 18:00", "2025-06-04 06:00"});
  CHECK(intervals("  every \t 7d ", "2025-06-01 06:00", "2026-06-01 00:00") ==
        Lines{"2026-06-07 06:00", "2026-06-14 06:00"});
}

TEST_CASE("S79 the anchor is the first run of an interval, and none is before it") {
  CHECK(intervals("every 1h", "2025-06-01 06:00", "2020-01-01 00:00") ==
        Lines{"2025-06-01 06:00", "2025-06-01 07:00"});
  CHECK(intervals("every 1h", "2025-06-01 06:00", "2025-06-01 05:59:59") ==
        Lines{"2025-06-01 06:00", "2025-06-01 07:00"});
  CHECK(intervals("every 1h", "2025-06-01 06:00", "2025-06-01 06:00") ==
        Lines{"2025-06-01 07:00", "2025-06-01 08:00"});
}

TEST_CASE("S79 an interval keeps the milliseconds of its anchor, and needs no zone") {
  const auto calendar = calendar::make_calendar();
  CHECK(calendar->check_schedule("every 1s", "Europe/Berln").has_value());
  CHECK(calendar->runs("every 1s", "", {1'234}, {2'234}, 2).value() ==
        std::vector<WallTime>{{3'234}, {4'234}});
}

TEST_CASE("S79 an interval is 1 s to 10 years") {
  const auto calendar = calendar::make_calendar();
  for (const auto* good : {"every 1s", "every 315360000s", "every 5256000m", "every 87600h", "every 3650d"})
    CHECK(calendar->check_schedule(good, "UTC").has_value());
  for (const std::string bad : {"0s", "315360001s", "5256001m", "87601h", "3651d", "99999999999999999999s",
                                "5x", "5", "s", "-5s", "1.5h", "5 m", "5ms", "5M", "+5s"})
    CHECK(fault("every " + bad) == interval_fault(bad));
  CHECK(fault("every") == interval_fault(""));
  CHECK(fault("every ") == interval_fault(""));
  CHECK(
      fault("everyday").starts_with("schedule: expression 'everyday' has 1 fields; it needs minute, hour,"));
}

TEST_CASE("S79 the short forms run at the first minute of what they name") {
  CHECK(runs_of("@hourly", "UTC", "2025-06-01 10:00", 2) == Lines{"2025-06-01 11:00", "2025-06-01 12:00"});
  CHECK(runs_of("@daily", "Europe/Berlin", "2025-06-01 10:00", 1) == Lines{"2025-06-01 22:00"});
  CHECK(runs_of("@weekly", "UTC", "2025-06-02 10:00", 1) == Lines{"2025-06-08 00:00"});
  CHECK(runs_of("@monthly", "UTC", "2025-06-02 10:00", 1) == Lines{"2025-07-01 00:00"});
  CHECK(runs_of(" @yearly ", "UTC", "2025-06-02 10:00", 1) == Lines{"2026-01-01 00:00"});
  CHECK(fault("@never").starts_with("schedule: expression '@never' has 1 fields;"));
  CHECK(fault("@Daily").starts_with("schedule: expression '@Daily' has 1 fields;"));
}

TEST_CASE("S79 runs are later than the time asked for, and at most as many as asked for") {
  CHECK(runs_of("30 10 * * *", "UTC", "2025-06-01 10:29:59", 1) == Lines{"2025-06-01 10:30"});
  CHECK(runs_of("30 10 * * *", "UTC", "2025-06-01 10:30", 1) == Lines{"2025-06-02 10:30"});
  CHECK(runs_of("30 10 * * *", "UTC", "2025-06-01 10:30:01", 1) == Lines{"2025-06-02 10:30"});
  CHECK(runs_of("30 10 * * *", "UTC", "2025-06-01 10:30", 0).empty());
  const auto calendar = calendar::make_calendar();
  for (const auto* specification : {"* * * * *", "* 0-22 * * *", "every 1s"})
    CHECK(calendar->runs(specification, "UTC", {}, {}, 1'000'000).value().size() ==
          limits::schedule_runs_max);
}

TEST_CASE("S79 fields may be lists, ranges, steps and names") {
  CHECK(runs_of("5,10-12,50-59/4 3 * * *", "UTC", "2025-06-01 00:00", 8) ==
        Lines{"2025-06-01 03:05", "2025-06-01 03:10", "2025-06-01 03:11", "2025-06-01 03:12",
              "2025-06-01 03:50", "2025-06-01 03:54", "2025-06-01 03:58", "2025-06-02 03:05"});
  CHECK(runs_of("*/25 */9 * * *", "UTC", "2025-06-01 09:00", 4) ==
        Lines{"2025-06-01 09:25", "2025-06-01 09:50", "2025-06-01 18:00", "2025-06-01 18:25"});
  CHECK(runs_of("0\t0  1 feb,MAR-aPr *", "UTC", "2025-06-01 09:00", 4) ==
        Lines{"2026-02-01 00:00", "2026-03-01 00:00", "2026-04-01 00:00", "2027-02-01 00:00"});
  CHECK(runs_of("0 0 * * mon-Wed", "UTC", "2025-06-01 09:00", 4) ==
        Lines{"2025-06-02 00:00", "2025-06-03 00:00", "2025-06-04 00:00", "2025-06-09 00:00"});
}

TEST_CASE("S79 0, 7 and SUN are Sunday, also at the end of a range") {
  for (const auto* sundays : {"0 0 * * 0", "0 0 * * 7", "0 0 * * sun", "0 0 * * 7-7", "0 0 * * */7"})
    CHECK(runs_of(sundays, "UTC", "2025-06-02 00:00", 2) == Lines{"2025-06-08 00:00", "2025-06-15 00:00"});
  for (const auto* weekends : {"0 0 * * SAT-SUN", "0 0 * * 6-7", "0 0 * * 6-0", "0 0 * * 0,6"})
    CHECK(runs_of(weekends, "UTC", "2025-06-02 00:00", 3) ==
          Lines{"2025-06-07 00:00", "2025-06-08 00:00", "2025-06-14 00:00"});
  CHECK(runs_of("0 0 * * SUN-MON", "UTC", "2025-06-02 00:00", 2) ==
        Lines{"2025-06-08 00:00", "2025-06-09 00:00"});
}

TEST_CASE("S79 of two restricted fields of days one is enough, else both must match") {
  CHECK(runs_of("0 0 13 * FRI", "UTC", "2025-06-01 00:00", 4) ==
        Lines{"2025-06-06 00:00", "2025-06-13 00:00", "2025-06-20 00:00", "2025-06-27 00:00"});
  CHECK(runs_of("0 0 13 * *", "UTC", "2025-06-01 00:00", 2) == Lines{"2025-06-13 00:00", "2025-07-13 00:00"});
  CHECK(runs_of("0 0 */12 * FRI", "UTC", "2025-06-01 00:00", 2) ==
        Lines{"2025-06-13 00:00", "2025-07-25 00:00"});
  CHECK(runs_of("0 0 13 * */5", "UTC", "2025-06-01 00:00", 2) ==
        Lines{"2025-06-13 00:00", "2025-07-13 00:00"});
}

TEST_CASE("S79 leap days run, also on a weekday that is rare") {
  CHECK(runs_of("0 0 29 2 *", "UTC", "2025-06-01 00:00", 2) == Lines{"2028-02-29 00:00", "2032-02-29 00:00"});
  CHECK(runs_of("0 0 29 2 *", "UTC", "2096-02-29 00:00", 1) == Lines{"2104-02-29 00:00"});
  CHECK(runs_of("0 0 29 2 SAT", "UTC", "2028-02-20 00:00", 3) ==
        Lines{"2028-02-26 00:00", "2028-02-29 00:00", "2029-02-03 00:00"});
  // Only Sundays, in the longest stretch without one.
  CHECK(runs_of("0 0 29 2 */7", "UTC", "2088-02-29 00:00", 1) == Lines{"2128-02-29 00:00"});
}

TEST_CASE("S79 an expression that never runs is refused") {
  for (const std::string never : {"0 0 30 2 *", "0 0 31 4,6,9,11 *", "0 0 30-31 FEB *", "0 0 30 2 */2"})
    CHECK(fault(never) ==
          "schedule: expression '" + never + "' never runs: no month that it names has a day that it names");
  CHECK(runs_of("0 0 30 2 MON", "UTC", "2025-06-01 00:00", 1) == Lines{"2026-02-02 00:00"});
}

TEST_CASE("S79 the fault of a specification names the field, the text and what is allowed") {
  CHECK(fault("60 * * * *") == "schedule: minute '60' is outside 0 to 59");
  CHECK(fault("* 25 * * *") == "schedule: hour '25' is outside 0 to 23");
  CHECK(fault("* * 0 * *") == "schedule: day of month '0' is outside 1 to 31");
  CHECK(fault("* * 1-32 * *") == "schedule: day of month '32' is outside 1 to 31");
  CHECK(fault("* * * 13 *") == "schedule: month '13' is outside 1 to 12");
  CHECK(fault("* * * * 8") == "schedule: day of week '8' is outside 0 to 7");
  CHECK(fault("* 99999999999 * * *") == "schedule: hour '99999999999' is outside 0 to 23");
  CHECK(fault("* x * * *") == "schedule: hour 'x' is not a number from 0 to 23");
  CHECK(fault("1,,2 * * * *") == "schedule: minute '' is not a number from 0 to 59");
  CHECK(fault("1, * * * *") == "schedule: minute '' is not a number from 0 to 59");
  CHECK(fault("-5 * * * *") == "schedule: minute '' is not a number from 0 to 59");
  CHECK(fault("1-2-3 * * * *") == "schedule: minute '2-3' is not a number from 0 to 59");
  CHECK(fault("** * * * *") == "schedule: minute '**' is not a number from 0 to 59");
  CHECK(fault("* * * JANU *") ==
        "schedule: month 'JANU' is not a number from 1 to 12, nor a name of three letters");
  CHECK(fault("* * * ANF *") ==
        "schedule: month 'ANF' is not a number from 1 to 12, nor a name of three letters");
  CHECK(fault("* * * * JAN") ==
        "schedule: day of week 'JAN' is not a number from 0 to 7, nor a name of three letters");
  CHECK(fault("MON * * * *") == "schedule: minute 'MON' is not a number from 0 to 59");
  CHECK(fault("* 5-3 * * *") == "schedule: hour '5-3' runs backwards; write two ranges with a comma");
  CHECK(fault("* * * * 5-2") == "schedule: day of week '5-2' runs backwards; write two ranges with a comma");
  CHECK(fault("5/15 * * * *") == "schedule: minute '5/15' has a step without a range; write a-b/n or */n");
  for (const std::string step : {"*/0", "*/60", "*/", "*/x", "1-5/2/2", "*/-1"})
    CHECK(fault(step + " * * * *") == "schedule: minute '" + step + "' has a step outside 1 to 59");
}

TEST_CASE("S79 a specification has five fields and at most 256 bytes") {
  for (const auto& [text, count] : {std::pair("", "0"), std::pair("* * * *", "4"),
                                    std::pair("* * * * * *", "6"), std::pair("daily", "1")})
    CHECK(fault(text) == std::string("schedule: expression '") + text + "' has " + count +
                             " fields; it needs minute, hour, day of month, month, day of week, or is one of "
                             "@hourly, @daily, @weekly, @monthly, @yearly, or 'every 5m'");
  const std::string wide(256 - 8, ' ');
  CHECK(calendar::make_calendar()->check_schedule("* *" + wide + "* * *", "UTC").has_value());
  CHECK(fault("* * " + wide + "* * *") == "schedule: specification of 257 bytes; at most 256");
}

TEST_CASE("S79 a cron expression needs a zone") {
  CHECK(fault("* * * * *", "Europe/Berln") ==
        "schedule: zone 'Europe/Berln' is not in the zone database; use a name of the IANA database, such as "
        "'Europe/Berlin' or 'UTC'");
  CHECK(fault("@daily", "").starts_with("schedule: zone '' is not in the zone database;"));
}

TEST_CASE("S79 runs are known from 1970 through 9999") {
  const auto calendar = calendar::make_calendar();
  const WallTime last{253'402'300'799'999};
  for (const auto* specification : {"0 12 * * *", "@hourly", "every 1s"})
    CHECK(calendar->runs(specification, "UTC", {}, last, 10).value().empty());
  CHECK(calendar->runs("0 12 * * *", "UTC", {}, last + -36h, 100).value().size() == 2);
  CHECK(calendar->runs("0 * * * *", "UTC", {}, last + -12h, 100).value().size() == 12);
  CHECK(calendar->runs("every 12h", "UTC", {}, last + -36h, 100).value().size() == 3);
  for (const WallTime bad : {WallTime{-1}, last + 1ms, WallTime::never()}) {
    const std::string rest = ": " + std::to_string(bad.ms) + " ms is outside the years 1970 to 9999";
    CHECK(calendar->runs("@daily", "UTC", {}, bad, 1).error().detail == "after" + rest);
    CHECK(calendar->runs("@daily", "UTC", bad, {}, 1).error().detail == "anchor" + rest);
  }
}

TEST_CASE("S79 a run at a time of day keeps it over a change of clocks") {
  CHECK(runs_of("0 9 * * *", "Europe/Berlin", "2025-03-29 00:00", 2) ==
        Lines{"2025-03-29 08:00", "2025-03-30 07:00"});
  CHECK(runs_of("0 9 * * *", "America/New_York", "2025-11-01 00:00", 2) ==
        Lines{"2025-11-01 13:00", "2025-11-02 14:00"});
}

TEST_CASE("S79 runs at skipped local times come once, right after the gap") {
  CHECK(runs_of("30 2 * * *", "Europe/Berlin", "2025-03-29 12:00", 2) ==
        Lines{"2025-03-30 01:00", "2025-03-31 00:30"});
  CHECK(runs_of("*/10 2 * * *", "Europe/Berlin", "2025-03-30 00:59:59", 2) ==
        Lines{"2025-03-30 01:00", "2025-03-31 00:00"});
  // 03:00 is a run of its own, and the same instant.
  CHECK(runs_of("0,30 2-3 * * *", "Europe/Berlin", "2025-03-30 00:00", 3) ==
        Lines{"2025-03-30 01:00", "2025-03-30 01:30", "2025-03-31 00:00"});
  CHECK(runs_of("30 2 * * *", "Europe/Berlin", "2025-03-30 01:00", 1) == Lines{"2025-03-31 00:30"});
  CHECK(runs_of("15 2 * * *", "Australia/Lord_Howe", "2025-10-04 12:00", 2) ==
        Lines{"2025-10-04 15:30", "2025-10-05 15:15"});
  CHECK(runs_of("0 12 30 12 *", "Pacific/Apia", "2011-12-29 00:00", 1) == Lines{"2011-12-30 10:00"});
}

TEST_CASE("S79 runs at local times that come twice come at the first") {
  CHECK(runs_of("30 2 * * *", "Europe/Berlin", "2025-10-25 12:00", 2) ==
        Lines{"2025-10-26 00:30", "2025-10-27 01:30"});
  for (const auto* after : {"2025-10-26 00:30", "2025-10-26 01:00", "2025-10-26 01:29", "2025-10-26 01:30"})
    CHECK(runs_of("30 2 * * *", "Europe/Berlin", after, 1) == Lines{"2025-10-27 01:30"});
  CHECK(runs_of("0,30 1-2 * * *", "America/New_York", "2025-11-02 05:00", 3) ==
        Lines{"2025-11-02 05:30", "2025-11-02 07:00", "2025-11-02 07:30"});
  CHECK(runs_of("45 1 * * *", "Australia/Lord_Howe", "2025-04-05 12:00", 2) ==
        Lines{"2025-04-05 14:45", "2025-04-06 15:15"});
}

TEST_CASE("S79 an expression for all hours follows the clock, over skipped and repeated ones") {
  for (const auto* half_past : {"30 * * * *", "30 0-23 * * *", "30 */1 * * *", "30 0-11,12-23 * * *"}) {
    INFO(half_past);
    CHECK(runs_of(half_past, "Europe/Berlin", "2025-03-30 00:00", 2) ==
          Lines{"2025-03-30 00:30", "2025-03-30 01:30"});
    CHECK(runs_of(half_past, "Europe/Berlin", "2025-10-26 00:00", 3) ==
          Lines{"2025-10-26 00:30", "2025-10-26 01:30", "2025-10-26 02:30"});
    // 02:00 is 02:30 at once.
    CHECK(runs_of(half_past, "Australia/Lord_Howe", "2025-10-04 14:45", 2) ==
          Lines{"2025-10-04 15:00", "2025-10-04 15:30"});
  }
  for (const auto* even : {"0 */2 * * *", "0 0-23/2 * * *"}) {
    INFO(even);
    CHECK(runs_of(even, "Europe/Berlin", "2025-03-29 23:00", 1) == Lines{"2025-03-30 02:00"});
    CHECK(runs_of(even, "Europe/Berlin", "2025-10-25 22:00", 3) ==
          Lines{"2025-10-26 00:00", "2025-10-26 01:00", "2025-10-26 03:00"});
  }
  CHECK(runs_of("*/20 * * * *", "Australia/Lord_Howe", "2025-04-05 14:20", 4) ==
        Lines{"2025-04-05 14:40", "2025-04-05 15:10", "2025-04-05 15:30", "2025-04-05 15:50"});
}
