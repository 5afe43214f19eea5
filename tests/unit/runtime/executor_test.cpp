// Executors with real threads: order, timers, waiting, ending. Nothing here sleeps; what must not happen is
// looked for after something that comes later.
#include <pthread.h>

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators_range.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "runtime/system_clock.hpp"
#include "unit/runtime/executors.hpp"

using namespace peerq;
using namespace std::chrono_literals;
using port::Lane;

namespace {

constexpr Lane all_lanes[] = {Lane::core, Lane::writer, Lane::checkpoint, Lane::helper, Lane::callback};

/// Each test runs once for each kind.
test::ExecutorUnderTest under_test() {
  static const auto kinds = test::threaded_executors();
  const auto i = GENERATE_REF(range(std::size_t{0}, kinds.size()));
  UNSCOPED_INFO("executor: " << kinds[i].name);
  return kinds[i].make();
}

/// A count that a thread can wait for through the executor itself.
class Count {
 public:
  explicit Count(port::Executor& executor) : executor_(executor) {}
  void up() {
    value_.fetch_add(1);
    executor_.wake(value_);
  }
  void wait_for(std::uint32_t target) {
    for (std::uint32_t seen = value_.load(); seen < target; seen = value_.load()) {
      executor_.wait(value_, seen, runtime::steady_now() + 20s);
    }
  }
  std::uint32_t value() const { return value_.load(); }

 private:
  port::Executor& executor_;
  std::atomic<std::uint32_t> value_{0};
};

/// Tells by its destructor that a task was destroyed.
struct Marker {
  explicit Marker(std::atomic<int>& c) : count(&c) {}
  Marker(Marker&& other) noexcept : count(std::exchange(other.count, nullptr)) {}
  Marker(const Marker&) = delete;
  Marker& operator=(const Marker&) = delete;
  Marker& operator=(Marker&&) = delete;
  ~Marker() {
    if (count != nullptr) count->fetch_add(1);
  }
  std::atomic<int>* count;
};

}  // namespace

TEST_CASE("tasks of a lane run one at a time in the order posted") {
  auto subject = under_test();
  auto& executor = *subject.executor;
  Count done(executor);
  for (const auto lane : all_lanes) {
    std::vector<int> order;
    const std::uint32_t before = done.value();
    for (int i = 0; i < 1'000; ++i) {
      executor.post(lane, [&order, &done, i] {
        order.push_back(i);  // unguarded on purpose: a thread sanitizer sees two at a time
        if (i == 999) done.up();
      });
    }
    done.wait_for(before + 1);
    REQUIRE(order.size() == 1'000);
    for (int i = 0; i < 1'000; ++i) REQUIRE(order[static_cast<std::size_t>(i)] == i);
  }
}

TEST_CASE("tasks of many threads all run, each thread's in its order") {
  auto subject = under_test();
  auto& executor = *subject.executor;
  constexpr int each = 5'000;
  std::vector<std::vector<int>> order(4);
  Count done(executor);
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < order.size(); ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < each; ++i) {
        executor.post(Lane::core, [&, t, i] {
          order[t].push_back(i);
          if (i == each - 1) done.up();
        });
      }
    });
  }
  for (auto& thread : threads) thread.join();
  done.wait_for(4);
  for (const auto& one : order) {
    REQUIRE(one.size() == each);
    for (int i = 0; i < each; ++i) REQUIRE(one[static_cast<std::size_t>(i)] == i);
  }
}

TEST_CASE("lanes run side by side: one that blocks holds up no other") {
  auto executor = test::threaded_executors()[0].make().executor;
  Count release(*executor);
  Count done(*executor);
  for (const auto lane : {Lane::writer, Lane::checkpoint, Lane::helper, Lane::callback}) {
    executor->post(lane, [&] {
      release.wait_for(1);
      done.up();
    });
  }
  executor->post(Lane::core, [&] { release.up(); });
  done.wait_for(4);
  CHECK(done.value() == 4);
}

TEST_CASE("a task may post to every lane") {
  auto subject = under_test();
  auto& executor = *subject.executor;
  Count done(executor);
  for (const auto from : all_lanes) {
    executor.post(from, [&] {
      for (const auto to : all_lanes) executor.post(to, [&] { done.up(); });
    });
  }
  done.wait_for(25);
  CHECK(done.value() == 25);
}

TEST_CASE("a timer runs at its time on the core lane, not before") {
  auto subject = under_test();
  auto& executor = *subject.executor;
  Count done(executor);
  std::thread::id core;
  std::atomic<std::int64_t> ran_at{0};
  const auto at = runtime::steady_now() + 20ms;
  executor.arm(at, [&] {
    ran_at = runtime::steady_now().ns;
    done.up();
  });
  done.wait_for(1);
  CHECK(ran_at >= at.ns);
}

TEST_CASE("a later timer replaces an earlier one, whichever is due first") {
  auto subject = under_test();
  auto& executor = *subject.executor;
  Count done(executor);
  std::atomic<int> replaced{0};
  executor.post(Lane::core, [&] {
    // While a task of the core runs, no timer does.
    executor.arm(SteadyTime{0}, [&] { ++replaced; });
    executor.arm(runtime::steady_now() + 5ms, [&] { done.up(); });
  });
  done.wait_for(1);
  executor.arm(runtime::steady_now() + 3h, [&] { ++replaced; });
  executor.arm(runtime::steady_now() + 5ms, [&] { done.up(); });
  done.wait_for(2);
  CHECK(replaced == 0);
}

TEST_CASE("a timer may be armed again from its own task, and other tasks still run") {
  auto subject = under_test();
  auto& executor = *subject.executor;
  Count done(executor);
  int rounds = 0;
  std::function<void()> again = [&] {
    if (++rounds < 200) {
      executor.arm(runtime::steady_now(), [&] { again(); });
    } else {
      done.up();
    }
  };
  executor.arm(SteadyTime{0}, [&] { again(); });
  for (int i = 0; i < 100; ++i) executor.post(Lane::core, [&] { done.up(); });
  done.wait_for(101);
  CHECK(rounds == 200);
}

TEST_CASE("timers armed from many threads leave the last one") {
  auto subject = under_test();
  auto& executor = *subject.executor;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 2'000; ++i) executor.arm(runtime::steady_now() + 1h, [] {});
    });
  }
  for (auto& thread : threads) thread.join();
  Count done(executor);
  executor.arm(runtime::steady_now() + 1ms, [&] { done.up(); });
  done.wait_for(1);
  CHECK(done.value() == 1);
}

TEST_CASE("a wait ends at once when the word differs, and at its deadline when nobody wakes it") {
  auto subject = under_test();
  auto& executor = *subject.executor;
  std::atomic<std::uint32_t> word{1};
  executor.wait(word, 0, SteadyTime::never());
  const auto deadline = runtime::steady_now() + 10ms;
  while (runtime::steady_now() < deadline) executor.wait(word, 1, deadline);
  executor.wait(word, 1, SteadyTime{0});
}

TEST_CASE("no wake-up is lost between two threads that hand a word to and fro") {
  auto subject = under_test();
  auto& executor = *subject.executor;
  constexpr std::uint32_t rounds = 20'000;
  std::atomic<std::uint32_t> word{0};
  const auto side = [&](std::uint32_t mine) {
    for (std::uint32_t seen = word.load(); seen < rounds; seen = word.load()) {
      if (seen % 2 == mine) {
        word.store(seen + 1);
        executor.wake(word);
      } else {
        executor.wait(word, seen, SteadyTime::never());
      }
    }
  };
  std::thread other([&] { side(1); });
  side(0);
  other.join();
  CHECK(word == rounds);
}

TEST_CASE("a lane that is about to sleep misses no task") {
  auto executor = test::threaded_executors()[0].make().executor;
  Count done(*executor);
  // Side by side on two processors, if there are two: else they only meet where one is interrupted.
  const auto pin = [](std::size_t processor) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(processor, &set);
    pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
  };
  std::thread poster([&] {
    pin(0);
    executor->post(Lane::core, [&] { pin(1); });
    volatile std::uint32_t distance = 0;
    for (std::uint32_t i = 0; i < 40'000; ++i) {
      executor->post(Lane::core, [&] { done.up(); });
      // Seen at once, so that the next task comes while the lane is on its way to sleep.
      for (int looks = 0; done.value() != i + 1; ++looks) {
        if (looks > 10'000) std::this_thread::yield();
      }
      for (distance = 0; distance < i % 300;) distance = distance + 1;
    }
  });
  poster.join();
  CHECK(done.value() == 40'000);
}

TEST_CASE("stop lets the running task end, destroys those that wait, and refuses later ones") {
  auto subject = under_test();
  auto& executor = *subject.executor;
  std::atomic<int> destroyed{0};
  std::atomic<int> ran{0};
  std::atomic<bool> inside{false};
  std::atomic<bool> ended{false};
  executor.post(Lane::core, [&, mark = std::make_shared<Marker>(destroyed)] {
    inside = true;
    const auto until = runtime::steady_now() + 20ms;
    while (runtime::steady_now() < until) std::this_thread::yield();
    ended = true;
  });
  while (!inside) std::this_thread::yield();
  for (int i = 0; i < 10; ++i) {
    executor.post(Lane::core, [&, mark = std::make_shared<Marker>(destroyed)] { ++ran; });
  }
  executor.arm(runtime::steady_now() + 1h, [&, mark = std::make_shared<Marker>(destroyed)] { ++ran; });
  executor.stop();
  CHECK(ended);
  CHECK(ran == 0);
  CHECK(destroyed == 12);
  executor.post(Lane::callback, [&, mark = std::make_shared<Marker>(destroyed)] { ++ran; });
  executor.arm(SteadyTime{0}, [&, mark = std::make_shared<Marker>(destroyed)] { ++ran; });
  executor.stop();
  subject.executor.reset();
  CHECK(ran == 0);
  CHECK(destroyed == 14);
}

TEST_CASE("destroying an executor while others post to it neither hangs nor leaks nor runs late") {
  for (const auto& kind : test::threaded_executors()) {
    for (int round = 0; round < 50; ++round) {
      auto subject = kind.make();
      std::atomic<int> created{0};
      std::atomic<int> destroyed{0};
      std::atomic<bool> go_on{true};
      std::thread poster([&] {
        while (go_on) {
          for (const auto lane : all_lanes) {
            ++created;
            subject.executor->post(lane, [mark = std::make_shared<Marker>(destroyed)] {});
          }
        }
      });
      while (created < 50) std::this_thread::yield();
      subject.executor->stop();
      go_on = false;
      poster.join();
      subject.executor.reset();
      subject.host.reset();
      REQUIRE(created == destroyed);
    }
  }
}

TEST_CASE("a task destroyed by stop may post from its destructor") {
  struct Poster {
    port::Executor* executor;
    ~Poster() {
      executor->post(Lane::core, [] {});
    }
  };
  auto subject = under_test();
  auto& executor = *subject.executor;
  std::atomic<bool> inside{false};
  std::atomic<bool> leave{false};
  executor.post(Lane::writer, [&] {
    inside = true;
    while (!leave) std::this_thread::yield();
  });
  while (!inside) std::this_thread::yield();
  executor.post(Lane::writer, [p = std::make_shared<Poster>(&executor)] {});
  std::thread stopper([&] { executor.stop(); });
  leave = true;
  stopper.join();
}
