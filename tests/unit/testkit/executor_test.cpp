// The simulated executor: what every executor promises, in virtual time, from one seed.
#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <memory>
#include <string>
#include <vector>

#include "peerq/testkit/simulation.hpp"

using namespace peerq;
using namespace std::chrono_literals;
using port::Lane;
using testkit::SimExecutor;
using testkit::SimScheduler;

namespace {

constexpr Lane all_lanes[] = {Lane::core, Lane::writer, Lane::checkpoint, Lane::helper, Lane::callback};

struct World {
  explicit World(std::uint64_t seed = 1) : scheduler(seed), executor(scheduler) {}
  SimScheduler scheduler;
  SimExecutor executor;
};

/// A trace of what a busy process does, as text.
std::string busy_trace(std::uint64_t seed) {
  World world(seed);
  std::string trace;
  for (int i = 0; i < 20; ++i) {
    for (const auto lane : all_lanes) {
      world.executor.post(lane, [&, i, lane] {
        trace += std::to_string(static_cast<int>(lane)) + ":" + std::to_string(i) + "@" +
                 std::to_string(world.scheduler.now().ns) + " ";
      });
    }
  }
  world.scheduler.run_for(1s);
  return trace;
}

}  // namespace

TEST_CASE("simulated lanes keep the order in which tasks were posted") {
  World world;
  std::vector<std::vector<int>> order(5);
  for (int i = 0; i < 100; ++i) {
    for (const auto lane : all_lanes) {
      world.executor.post(lane, [&, i, lane] { order[static_cast<std::size_t>(lane)].push_back(i); });
    }
  }
  CHECK(world.scheduler.run_until_idle(SteadyTime::never()));
  for (const auto& one : order) {
    REQUIRE(one.size() == 100);
    for (int i = 0; i < 100; ++i) CHECK(one[static_cast<std::size_t>(i)] == i);
  }
}

TEST_CASE("the same seed gives the same run, another seed another one") {
  CHECK(busy_trace(7) == busy_trace(7));
  CHECK(busy_trace(7) != busy_trace(8));
}

TEST_CASE("virtual time passes only while something runs or is asked to pass") {
  World world;
  const auto start = world.scheduler.now();
  const auto wall = world.scheduler.clock().wall();
  CHECK(world.scheduler.now() == start);
  world.scheduler.run_for(1h);
  CHECK(world.scheduler.now() == start + 1h);
  CHECK(world.scheduler.clock().wall() == wall + 1h);
  world.scheduler.clock().jump_wall(-2h);
  CHECK(world.scheduler.clock().wall() == wall + Milliseconds(-1h));
  CHECK(world.scheduler.now() == start + 1h);
}

TEST_CASE("a simulated timer runs at its virtual time, and a later one replaces it") {
  World world;
  auto& executor = world.executor;
  std::vector<SteadyTime> runs;
  const auto start = world.scheduler.now();
  executor.arm(start + 10s, [&] { runs.push_back(SteadyTime{0}); });
  executor.arm(start + 30min, [&] { runs.push_back(world.scheduler.now()); });
  world.scheduler.run_for(1h);
  REQUIRE(runs.size() == 1);
  CHECK(runs[0] >= start + 30min);
  CHECK(runs[0] < start + 30min + 1ms);
}

TEST_CASE("a timer that is due and arms itself again lets time pass and other work run") {
  World world;
  std::uint64_t ticks = 0;
  std::uint64_t tasks = 0;
  std::function<void()> again = [&] {
    ++ticks;
    world.executor.arm(SteadyTime{0}, [&] { again(); });
  };
  world.executor.arm(SteadyTime{0}, [&] { again(); });
  for (int i = 0; i < 50; ++i) world.executor.post(Lane::core, [&] { ++tasks; });
  world.scheduler.run_for(10ms);
  CHECK(tasks == 50);
  CHECK(ticks > 100);
  CHECK(ticks < 20'000);
}

TEST_CASE("a caller who waits lets the others run until the word changes") {
  World world;
  auto& executor = world.executor;
  std::atomic<std::uint32_t> word{0};
  executor.post(Lane::core, [&] {
    executor.post(Lane::writer, [&] {
      executor.post(Lane::callback, [&] {
        word = 1;
        executor.wake(word);
      });
    });
  });
  executor.wait(word, 0, SteadyTime::never());
  CHECK(word == 1);
}

TEST_CASE("a caller who waits in vain returns at its deadline in virtual time") {
  World world;
  std::atomic<std::uint32_t> word{0};
  const auto deadline = world.scheduler.now() + 20s;
  world.executor.wait(word, 0, deadline);
  CHECK(world.scheduler.now() == deadline);
  world.executor.wait(word, 1, SteadyTime::never());
  CHECK(world.scheduler.now() == deadline);
}

TEST_CASE("a callback may wait for what the writer does meanwhile") {
  World world;
  auto& executor = world.executor;
  std::atomic<std::uint32_t> written{0};
  std::atomic<std::uint32_t> done{0};
  executor.post(Lane::callback, [&] {
    executor.post(Lane::writer, [&] { written = 1; });
    executor.wait(written, 0, SteadyTime::never());
    done = 1;
  });
  executor.wait(done, 0, SteadyTime::never());
  CHECK(written == 1);
}

TEST_CASE("a stopped executor destroys what waits and takes nothing more") {
  World world;
  auto& executor = world.executor;
  const auto marker = std::make_shared<int>(0);
  for (const auto lane : all_lanes) {
    executor.post(lane, [marker] { ++*marker; });
    executor.post(lane, [marker] { ++*marker; });
  }
  executor.arm(SteadyTime{0}, [marker] { ++*marker; });
  CHECK(marker.use_count() == 12);
  executor.stop();
  CHECK(marker.use_count() == 1);
  executor.post(Lane::core, [marker] { ++*marker; });
  executor.arm(SteadyTime{0}, [marker] { ++*marker; });
  CHECK(marker.use_count() == 1);
  world.scheduler.run_for(1s);
  CHECK(*marker == 0);
}

TEST_CASE("events happen at their time and in the order given") {
  World world;
  std::vector<int> order;
  const auto start = world.scheduler.now();
  world.scheduler.at(start + 2s, [&] { order.push_back(2); });
  world.scheduler.at(start + 1s, [&] { order.push_back(0); });
  world.scheduler.at(start + 1s, [&] { order.push_back(1); });
  world.scheduler.run_for(1500ms);
  CHECK(order == std::vector<int>{0, 1});
  CHECK(world.scheduler.run_until_idle(SteadyTime::never()));
  CHECK(order == std::vector<int>{0, 1, 2});
  CHECK(world.scheduler.now() == start + 2s);
}

TEST_CASE("two processes share time but not lanes") {
  World world;
  SimExecutor other(world.scheduler);
  int ran = 0;
  world.executor.post(Lane::core, [&] { ++ran; });
  other.post(Lane::core, [&] { ++ran; });
  other.stop();
  world.scheduler.run_for(1s);
  CHECK(ran == 1);
}

TEST_CASE("entropy repeats itself from the same seed alone") {
  testkit::SeededEntropy a(1);
  testkit::SeededEntropy b(1);
  testkit::SeededEntropy c(2);
  for (int i = 0; i < 10; ++i) {
    const auto number = a.number();
    CHECK(number == b.number());
    CHECK(number != c.number());
  }
}
