// S79: recurring schedules.
#include <catch2/generators/catch_generators.hpp>
#include <string>

#include "engine_fixture.hpp"

namespace peerq::test {
namespace {

const QueueId work{1};

struct Scheduled : Shard {
  Scheduled() { make(work.value); }
  /// Runs every minute from the next on.
  std::vector<std::int64_t> minutes(int count, int first = 1) const {
    std::vector<std::int64_t> out;
    for (int i = 0; i < count; ++i) out.push_back((start + (first + i) * 60s).ms);
    return out;
  }
  Reply put(const std::vector<std::int64_t>& runs, MissedRuns missed = MissedRuns::one,
            std::string_view name = "nightly") {
    PutSchedule command;
    command.queue = work;
    command.name = name;
    command.specification = "every 1m";
    command.zone = "UTC";
    command.missed = missed;
    command.item = item("run");
    command.runs_ms = runs;
    return apply(command);
  }
  ScheduleRow schedule(std::string_view name = "nightly") {
    return tables.find<ScheduleRow>({work, std::string(name)}).value();
  }
  WallTime start = now.wall;
};

TEST_CASE("S79 a run is sent in the entry whose stamp first reaches it, once") {
  Scheduled shard;
  REQUIRE(shard.put(shard.minutes(30)).code == errc::ok);
  CHECK(shard.engine().next_due().wall == shard.start + 60s);
  shard.tick(60s - 1ms);
  CHECK(shard.counters(work).sent == 0);
  shard.tick(1ms);
  CHECK(shard.counters(work).sent == 1);
  shard.restart();
  shard.tick();
  CHECK(shard.counters(work).sent == 1);
  shard.tick(60s);
  CHECK(shard.counters(work).sent == 2);
  CHECK(as_text(shard.receive_one(work).payload.bytes.bytes()) == "run");
  CHECK(shard.schedule().sent == 2);
}

TEST_CASE("S54 S79 a run that comes while the disk is full is lost and counted") {
  Scheduled shard;
  REQUIRE(shard.put(shard.minutes(30)).code == errc::ok);
  shard.full = true;
  shard.tick(60s);
  CHECK(shard.counters(work).sent == 0);
  CHECK(shard.schedule().lost == 1);
  shard.full = false;
  shard.tick(60s);
  CHECK(shard.counters(work).sent == 1);
  CHECK(shard.schedule().lost == 1);
}

TEST_CASE("S79 missed runs: one for all of them, none, or all") {
  const auto [missed, sent] = GENERATE(
      table<MissedRuns, std::uint64_t>({{MissedRuns::one, 2}, {MissedRuns::none, 1}, {MissedRuns::all, 10}}));
  Scheduled shard;
  shard.put(shard.minutes(30), missed);
  shard.tick(10 * 60s);
  CHECK(shard.counters(work).sent == sent);
  shard.tick(60s);
  CHECK(shard.counters(work).sent == sent + 1);
}

TEST_CASE("S79 one run is sent for all that were missed although more were resolved later") {
  Scheduled shard;
  shard.put(shard.minutes(10));
  shard.tick(60 * 60s);
  CHECK(shard.counters(work).sent == 0);
  REQUIRE(shard.effects.calendars == std::vector<QueueId>{work});
  const ScheduleRow row = shard.schedule();
  CHECK(row.runs.empty());
  shard.apply(ExtendSchedule{work, "nightly", row.version, shard.minutes(64, 11)});
  shard.tick();
  CHECK(shard.counters(work).sent == 2);  // one for all that were missed, and the one of this minute
  CHECK(shard.schedule().missed_runs == 58);
}

TEST_CASE("S79 a run is on time for 10 s and missed after that") {
  for (const bool on_time : {true, false}) {
    Scheduled shard;
    shard.put(shard.minutes(30), MissedRuns::none);
    shard.tick(60s + 10s + (on_time ? 0ms : 1ms));
    CHECK(shard.counters(work).sent == (on_time ? 1 : 0));
    CHECK(shard.schedule().missed_runs == (on_time ? 0 : 1));
  }
}

TEST_CASE(
    "S79 the one for all that were missed is sent as soon as a later run is known, those left out count") {
  Scheduled shard;
  shard.put(shard.minutes(30));
  shard.tick(5 * 60s + 30s);  // five were missed, the sixth comes in 30 s
  CHECK(shard.counters(work).sent == 1);
  CHECK(shard.schedule().missed_runs == 4);
  shard.tick(30s);
  CHECK(shard.counters(work).sent == 2);
}

TEST_CASE("S79 at most 1,000 missed runs are caught up with") {
  Scheduled shard;
  shard.put(shard.minutes(64), MissedRuns::all);
  shard.pass(2'000 * 60s);
  for (int next = 65; next < 2'100; next += 64) {
    shard.tick();
    shard.apply(ExtendSchedule{work, "nightly", shard.schedule().version, shard.minutes(64, next)});
  }
  shard.tick();
  CHECK(shard.counters(work).sent >= 1'000);
  CHECK(shard.counters(work).sent <= 1'002);
}

TEST_CASE("S79 a full queue loses the run and counts it") {
  Scheduled shard;
  shard.make(2, {.max_messages = 1});
  PutSchedule command;
  command.queue = QueueId{2};
  command.name = "a";
  command.specification = "every 1m";
  command.item = shard.item("run");
  const auto runs = shard.minutes(30);
  command.runs_ms = runs;
  REQUIRE(shard.apply(command).code == errc::ok);
  shard.tick(60s);
  shard.tick(60s);
  const auto row = shard.tables.find<ScheduleRow>({QueueId{2}, "a"}).value();
  CHECK(row.sent == 1);
  CHECK(row.lost == 1);
}

TEST_CASE("S79 a changed schedule ignores runs that were resolved for the old one") {
  Scheduled shard;
  shard.put(shard.minutes(5));
  const auto old = shard.schedule().version;
  shard.put(shard.minutes(3), MissedRuns::none);
  shard.apply(ExtendSchedule{work, "nightly", old, shard.minutes(60, 4)});
  CHECK(shard.schedule().runs.size() == 3);
  CHECK(shard.schedule().version > old);
}

TEST_CASE("S79 setting a schedule to what it is changes nothing, to something else begins anew") {
  Scheduled shard;
  REQUIRE(shard.put(shard.minutes(30)).code == errc::ok);
  shard.tick(60s);
  const ScheduleRow before = shard.schedule();
  REQUIRE(before.sent == 1);
  REQUIRE(shard.put(shard.minutes(30, 5)).code == errc::ok);
  CHECK(shard.schedule() == before);
  REQUIRE(shard.put(shard.minutes(30, 5), MissedRuns::all).code == errc::ok);
  CHECK(shard.schedule().sent == 0);
  CHECK(shard.schedule().version > before.version);
  CHECK(shard.schedule().runs.front() == shard.start + 5 * 60s);
}

TEST_CASE("S79 a schedule is removed, and dies with its queue") {
  Scheduled shard;
  shard.put(shard.minutes(5), MissedRuns::one, "a");
  shard.put(shard.minutes(5), MissedRuns::one, "b");
  CHECK(shard.engine().schedules(work, "", 10).value().size() == 2);
  CHECK(shard.engine().schedules(work, "a", 10).value().at(0).name == "b");
  CHECK(shard.apply(RemoveSchedule{work, "a"}).count == 1);
  CHECK(shard.apply(RemoveSchedule{work, "a"}).count == 0);
  QueueConfig gone;
  gone.id = work;
  gone.version = 9;
  shard.configure(gone, true);
  shard.tick(1h);
  CHECK(shard.tables.rows<ScheduleRow>().empty());
}

TEST_CASE("S79 a schedule that cannot be is refused and names what is wrong") {
  Scheduled shard;
  CHECK(shard.put({}, MissedRuns::one, ".hidden").code == errc::invalid_name);
  PutSchedule command;
  command.queue = work;
  command.name = "a";
  CHECK(shard.apply(command).code == errc::invalid_argument);
  command.specification = "every 1m";
  command.item.counted_bytes = 1 << 20;
  CHECK(shard.apply(command).code == errc::message_too_large);
}

TEST_CASE("S3 S79 schedules that catch up send as many runs in an entry as it may handle rows") {
  Scheduled shard;
  std::vector<std::string> names;
  for (int i = 0; i < 20; ++i) names.push_back("s" + std::to_string(i));
  for (const std::string& name : names) shard.put(shard.minutes(60), MissedRuns::all, name);
  shard.tick(61min);
  CHECK(shard.counters(work).sent == limits::due_rows_per_entry);
  CHECK(shard.effects.more_due);
  CHECK(shard.engine().next_due().wall <= shard.now.wall);
  shard.restart();
  shard.tick();
  CHECK(shard.counters(work).sent == 20 * 60);
  CHECK_FALSE(shard.effects.more_due);
  for (const std::string& name : names) CHECK(shard.schedule(name).sent == 60);
}

TEST_CASE("S3 S79 schedules that catch up send no more bytes in an entry than an entry may have") {
  Scheduled shard;
  PutSchedule command;
  command.queue = work;
  command.name = "large";
  command.specification = "every 1m";
  command.zone = "UTC";
  command.missed = MissedRuns::all;
  const std::string body(200'000, 'b');
  command.item = shard.item(body);
  const std::vector<std::int64_t> runs = shard.minutes(60);
  command.runs_ms = runs;
  command.name = "one";
  REQUIRE(shard.apply(command).code == errc::ok);
  command.name = "two";
  REQUIRE(shard.apply(command).code == errc::ok);
  shard.tick(61min);
  const std::uint64_t first = shard.counters(work).sent;
  CHECK(first <= limits::entry_size_max / body.size());
  CHECK(first > 60);
  CHECK(shard.effects.more_due);
  shard.tick();
  CHECK(shard.counters(work).sent == 120);
  CHECK_FALSE(shard.effects.more_due);
}

}  // namespace
}  // namespace peerq::test
