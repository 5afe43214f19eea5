#include "node/stamper.hpp"

#include <catch2/catch_test_macros.hpp>

namespace peerq::node {
namespace {

using namespace std::chrono_literals;

/// A clock that shows what the test sets.
class SetClock final : public port::Clock {
 public:
  SteadyTime steady() const noexcept override { return steady_; }
  WallTime wall() const noexcept override { return wall_; }
  void pass(std::chrono::milliseconds time) {
    steady_ = steady_ + time;
    wall_ = wall_ + time;
  }
  void jump(Milliseconds by) { wall_ = wall_ + by; }

 private:
  SteadyTime steady_{1'000'000'000};
  WallTime wall_{1'700'000'000'000};
};

TEST_CASE("stamps go on from the newest in the log, and lease time runs with the monotonic clock (S2)") {
  SetClock clock;
  Stamper stamper(clock, {{5'000'000}, {0}});
  CHECK(stamper.stamp().lease == LeaseTime{5'000'000});
  clock.pass(250ms);
  CHECK(stamper.stamp().lease == LeaseTime{5'250'000});
  CHECK(stamper.stamp().wall == clock.wall());
  CHECK(stamper.steady_at({5'250'000}) == clock.steady());
}

TEST_CASE("a jump of the calendar never moves lease time (S1)") {
  SetClock clock;
  Stamper stamper(clock, {});
  const LeaseTime before = stamper.stamp().lease;
  clock.jump(100h);
  CHECK(stamper.stamp().lease == before);
  clock.jump(-300h);
  CHECK(stamper.stamp().lease == before);
}

TEST_CASE("a calendar set back slows wall time to half, and never turns it back") {
  SetClock clock;
  Stamper stamper(clock, {});
  const WallTime start = stamper.stamp().wall;
  clock.jump(-10s);
  WallTime last = start;
  for (int i = 0; i < 1'000; ++i) {
    clock.pass(1ms);
    const WallTime now = stamper.stamp().wall;
    REQUIRE(now >= last);
    last = now;
  }
  CHECK(last - start == 500ms);
  clock.pass(19s);
  CHECK(stamper.stamp().wall == clock.wall());
}

TEST_CASE("a calendar a day ahead of the monotonic clock is suspect until confirmed (S64)") {
  SetClock clock;
  Stamper stamper(clock, {});
  clock.pass(48h);
  CHECK_FALSE(stamper.suspect());
  clock.jump(24h);
  CHECK_FALSE(stamper.suspect());
  clock.jump(1ms);
  CHECK(stamper.suspect());
  clock.jump(-30h);
  CHECK(stamper.suspect());
  const LeaseTime lease = stamper.peek().lease;
  stamper.confirm();
  CHECK_FALSE(stamper.suspect());
  CHECK(stamper.peek().lease == lease);
}

TEST_CASE("while the calendar is suspect, wall time goes on with the monotonic clock (S64)") {
  SetClock clock;
  Stamper stamper(clock, {});
  const WallTime start = stamper.stamp().wall;
  clock.jump(1'000h);
  clock.pass(5s);
  CHECK(stamper.stamp().wall == start + 5s);
  clock.jump(-1'000h);
  clock.pass(5s);
  CHECK(stamper.stamp().wall == start + 10s);
  clock.jump(1'000h);
  stamper.confirm();
  CHECK(stamper.stamp().wall == clock.wall());
}

}  // namespace
}  // namespace peerq::node
