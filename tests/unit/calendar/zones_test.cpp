// Which zones there are, and what happens without a database.
#include <date/tz.h>

#include <catch2/catch_test_macros.hpp>
#include <stdexcept>
#include <thread>

#include "calendar/system_calendar.hpp"
#include "calendar/zones.hpp"
#include "unit/calendar/times.hpp"

using namespace peerq;

TEST_CASE("a zone has exactly its name in the IANA database") {
  const calendar::Zones zones;
  for (const std::string_view good :
       {"UTC", "Etc/GMT+5", "Europe/Berlin", "America/Argentina/Ushuaia", "GMT0"}) {
    INFO(good);
    const auto zone = zones.find("zone", good);
    REQUIRE(zone);
    CHECK((*zone)->name() == good);
  }
  const std::string long_name(100, 'x');
  for (const std::string& bad : std::vector<std::string>{
           "", "utc", "europe/berlin", " UTC", "UTC ", "Europe", "Europe/", "../zoneinfo/UTC",
           "/usr/share/zoneinfo/UTC", "localtime", "zone.tab", "tzdata.zi", "leapseconds", "posix/UTC",
           "right/UTC", "CEST", "+02:00", long_name}) {
    INFO(bad);
    const auto zone = zones.find("zone", bad);
    REQUIRE(!zone);
    CHECK(zone.error() == errc::invalid_argument);
    CHECK(zone.error().detail.starts_with("zone: zone '"));
  }
}

TEST_CASE("without a zone database the error says what to install, and a later database is found") {
  static int asked = 0;
  const calendar::Zones zones([]() -> const date::tzdb& {
    if (++asked == 1) throw std::runtime_error("no zoneinfo\n");
    return date::get_tzdb();
  });
  const auto missing = zones.find("zone", "UTC");
  REQUIRE(!missing);
  CHECK(missing.error() == errc::not_supported);
  CHECK(missing.error().detail ==
        "the system's zone database cannot be read (no zoneinfo); install the package tzdata");
  CHECK(zones.find("zone", "UTC").has_value());
}

TEST_CASE("a calendar may be used by several threads from the first call on") {
  const auto calendar = calendar::make_calendar();
  std::vector<std::vector<WallTime>> found(4);
  {
    std::vector<std::jthread> threads;
    for (auto& runs : found) {
      threads.emplace_back([&] {
        runs = calendar->runs("0 9 * * *", "Africa/Cairo", {}, tests::utc("2025-06-01 00:00"), 10).value();
      });
    }
  }
  for (const auto& runs : found) CHECK(tests::shown(runs) == tests::shown(found.front()));
  CHECK(found.front().size() == 10);
}
