// The threads that the library starts of its own: how many, their names, and the signals that they leave
// alone.
#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <set>
#include <string>
#include <thread>

#include "runtime/system_clock.hpp"
#include "runtime/thread_executor.hpp"

using namespace peerq;
using namespace std::chrono_literals;
using port::Lane;

namespace {

/// Names of this process's threads that are ours.
std::multiset<std::string> threads_of_ours() {
  std::multiset<std::string> names;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::string name;
    std::getline(std::ifstream(task.path() / "comm"), name);
    if (name.starts_with("peerq-")) names.insert(name);
  }
  return names;
}

/// A thread that was joined may still be listed for a moment.
bool come_to(const std::multiset<std::string>& expected) {
  const auto give_up = runtime::steady_now() + 10s;
  while (threads_of_ours() != expected && runtime::steady_now() < give_up) std::this_thread::yield();
  return threads_of_ours() == expected;
}

void run_on(port::Executor& executor, Lane lane, const std::function<void()>& work) {
  std::atomic<std::uint32_t> done{0};
  executor.post(lane, [&] {
    work();
    done = 1;
    executor.wake(done);
  });
  while (done == 0) executor.wait(done, 0, SteadyTime::never());
}

}  // namespace

TEST_CASE("an idle executor has three threads, and helpers and callbacks come with their first task") {
  const auto executor = runtime::make_thread_executor().value();
  for (const auto lane : {Lane::core, Lane::writer, Lane::checkpoint}) run_on(*executor, lane, [] {});
  CHECK(come_to({"peerq-checkpt", "peerq-core", "peerq-writer"}));
  run_on(*executor, Lane::helper, [] {});
  run_on(*executor, Lane::helper, [] {});
  CHECK(come_to({"peerq-checkpt", "peerq-core", "peerq-helper", "peerq-writer"}));
  run_on(*executor, Lane::callback, [] {});
  CHECK(come_to({"peerq-callback", "peerq-checkpt", "peerq-core", "peerq-helper", "peerq-writer"}));
  executor->stop();
  CHECK(come_to({}));
}

TEST_CASE("the library's threads take no signal that is meant for the process") {
  sigset_t before;
  pthread_sigmask(SIG_SETMASK, nullptr, &before);
  const auto executor = runtime::make_thread_executor().value();
  for (const auto lane : {Lane::core, Lane::writer, Lane::checkpoint, Lane::helper, Lane::callback}) {
    sigset_t mask;
    run_on(*executor, lane, [&] { pthread_sigmask(SIG_SETMASK, nullptr, &mask); });
    for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGCHLD, SIGALRM, SIGUSR1, SIGUSR2, SIGPIPE}) {
      CHECK(sigismember(&mask, signal) == 1);
    }
    CHECK(sigismember(&mask, SIGSEGV) == 0);
  }
  sigset_t after;
  pthread_sigmask(SIG_SETMASK, nullptr, &after);
  for (int signal = 1; signal < 32; ++signal)
    CHECK(sigismember(&before, signal) == sigismember(&after, signal));
}

TEST_CASE("the system's clock goes forward and knows the calendar") {
  const auto clock = runtime::make_system_clock();
  auto last = clock->steady();
  for (int i = 0; i < 10'000; ++i) {
    const auto now = clock->steady();
    REQUIRE(now >= last);
    last = now;
  }
  const auto calendar = std::chrono::duration_cast<std::chrono::milliseconds>(
                            std::chrono::system_clock::now().time_since_epoch())
                            .count();
  CHECK(std::abs(clock->wall().ms - calendar) < 1'000);
}
