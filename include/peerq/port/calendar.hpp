#pragma once
// What needs the database of time zones: when delivery windows open and close, when schedules run. The
// proposer asks here and writes wall times into the log; the engine knows no zones (S78, S79). One
// implementation, on the system's database (lib/calendar).

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "peerq/base/queue_options.hpp"
#include "peerq/base/result.hpp"
#include "peerq/base/time.hpp"

namespace peerq::port {

/// Whether a queue with delivery windows hands out, and when that changes.
struct Turns {
  /// At the time that was asked for.
  bool open = true;
  /// From when on it is the other way round, in turn; rising.
  std::vector<WallTime> turns;

  friend bool operator==(const Turns&, const Turns&) = default;
};

/// Delivery windows and schedules in the local times of their zones.
///
/// A specification of a schedule is one of
/// - `every <n><unit>`: unit `s`, `m`, `h` or `d` (of 24 hours), 1 s to 10 years;
/// - a cron expression `minute hour day-of-month month day-of-week`, each `*`, a number, a range `a-b`,
///   either of `*` and a range with a step `/n`, or a list of these with commas; months also JAN to DEC,
///   days of the week also SUN to SAT, in any case; 0 and 7 are Sunday, which also ends a range (`FRI-SUN`).
///   When neither of the two fields of days begins with `*`, a day that matches one of them is enough, as in
///   Vixie cron;
/// - `@hourly`, `@daily`, `@weekly` (Sunday), `@monthly`, `@yearly`: at the first minute of these.
///
/// When clocks change:
/// - a window opens at the first of two equal local times and closes at the second; an end that falls into
///   skipped time is the first instant after it. So a window loses no time; one that is thereby empty is
///   left out;
/// - a cron run whose local time is skipped comes once, at the first instant after the gap; one whose local
///   time comes twice comes at the first. But when the hour field has `*` or 0-23, with or without a step,
///   or names all hours, the expression follows the clock on the wall: it runs each time that the clock
///   shows a matching minute.
///
/// **Units** wall milliseconds from 1970 through 9999. Changes of clocks are known as far as the system's
/// zone database spells them out, which is 2037; after that a zone keeps its last offset.
/// **Errors** of every function: `invalid_argument` names the field, what is wrong with it, and what is
/// allowed; `not_supported` when the zone database is missing or of no use: install the package tzdata.
/// **Thread** any. The first use of the database, and of each zone, reads files; a newer database on disk is
/// seen after a restart of the process.
class Calendar {
 public:
  virtual ~Calendar() = default;

  /// Whether `turns` can answer for these windows.
  virtual Result<void> check(std::span<const DeliveryWindow> windows) const = 0;

  /// Whether any of the windows is open at `from`, and the next changes of that, at most `max`, later than
  /// `from`. Windows that overlap or touch are one; without windows it is always open. Fewer than `max`: no
  /// other change in 400 days after `from`; ask again from the last turn.
  virtual Result<Turns> turns(std::span<const DeliveryWindow> windows, WallTime from,
                              std::size_t max) const = 0;

  /// Whether `runs` can answer for this schedule. An expression that never runs (30 FEB) is refused. `every`
  /// needs no zone: it is not looked at then.
  virtual Result<void> check_schedule(std::string_view specification, std::string_view zone) const = 0;

  /// The next runs later than `after`, rising, at most `max` and at most `limits::schedule_runs_max`;
  /// none after the year 9999. The runs of `every` are `anchor` and whole intervals after it, whatever the
  /// zone; cron expressions do not use `anchor`.
  virtual Result<std::vector<WallTime>> runs(std::string_view specification, std::string_view zone,
                                             WallTime anchor, WallTime after, std::size_t max) const = 0;
};

}  // namespace peerq::port
