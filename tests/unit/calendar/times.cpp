#include "unit/calendar/times.hpp"

#include <catch2/catch_test_macros.hpp>
#include <cstdlib>
#include <ctime>

namespace peerq::tests {

WallTime utc(const std::string& text) {
  std::tm fields{};
  const char* end =
      strptime(text.c_str(), text.size() > 16 ? "%Y-%m-%d %H:%M:%S" : "%Y-%m-%d %H:%M", &fields);
  REQUIRE((end != nullptr && *end == '\0'));
  return {timegm(&fields) * std::int64_t{1'000}};
}

std::string shown(WallTime time) {
  const std::time_t seconds = time.ms / 1'000;
  std::tm fields{};
  gmtime_r(&seconds, &fields);
  char text[32];
  std::strftime(text, sizeof(text), fields.tm_sec == 0 ? "%Y-%m-%d %H:%M" : "%Y-%m-%d %H:%M:%S", &fields);
  return text + (time.ms % 1'000 == 0 ? "" : "." + std::to_string(time.ms % 1'000));
}

std::vector<std::string> shown(const std::vector<WallTime>& times) {
  std::vector<std::string> out;
  for (const WallTime time : times) out.push_back(shown(time));
  return out;
}

std::vector<std::string> shown(const port::Turns& turns) {
  auto out = shown(turns.turns);
  out.insert(out.begin(), turns.open ? "open" : "closed");
  return out;
}

DeliveryWindow window(std::string_view text, unsigned days) {
  const auto space = text.find(' ');
  const auto minutes_at = [&](std::size_t at) {
    const std::string part(text.substr(at, 5));
    return std::chrono::minutes(60 * std::stoi(part.substr(0, 2)) + std::stoi(part.substr(3, 2)));
  };
  return {std::string(text.substr(0, space)), minutes_at(space + 1), minutes_at(space + 7),
          static_cast<std::uint8_t>(days)};
}

ShownMinutes::ShownMinutes(std::string zone_name, const std::string& first_day, int count)
    : zone(std::move(zone_name)), first(utc(first_day + " 00:00").ms / 60'000) {
  REQUIRE(setenv("TZ", zone.c_str(), 1) == 0);
  tzset();
  for (std::int64_t minute = first; minute < first + count * 1'440; ++minute) {
    const std::time_t seconds = minute * 60;
    std::tm fields{};
    localtime_r(&seconds, &fields);
    const std::int64_t shown = timegm(&fields) / 60;
    const auto [place, added] = seen.try_emplace(shown, Seen{local.size(), local.size()});
    if (!added) place->second.last = local.size();
    local.push_back(shown);
  }
  unsetenv("TZ");
  tzset();
}

const std::vector<ShownMinutes>& shown_minutes() {
  static const std::vector<ShownMinutes> all = [] {
    std::vector<ShownMinutes> out;
    out.emplace_back("UTC", "2024-02-20", 14);
    out.emplace_back("Europe/Berlin", "2025-03-25", 12);
    out.emplace_back("Europe/Berlin", "2025-10-20", 20);
    out.emplace_back("America/New_York", "2025-03-03", 12);
    out.emplace_back("America/New_York", "2025-10-27", 14);
    out.emplace_back("Australia/Lord_Howe", "2025-03-30", 14);
    out.emplace_back("Australia/Lord_Howe", "2025-09-29", 14);
    out.emplace_back("America/Santiago", "2025-09-01", 12);  // clocks skip the first hour of a day
    out.emplace_back("America/Santiago", "2025-03-31", 12);
    out.emplace_back("Asia/Kathmandu", "2024-12-25", 14);
    out.emplace_back("Pacific/Apia", "2011-12-24", 14);  // clocks skip 30 December
    return out;
  }();
  return all;
}

}  // namespace peerq::tests
