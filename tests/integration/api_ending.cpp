// How a node and its consumers end when something is in the way: handlers that block, threads that cannot be
// had, a slow disk, a fork.

#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <future>
#include <optional>
#include <thread>

#include "eventually.hpp"
#include "interposed.hpp"
#include "opened.hpp"
#include "peerq/peerq.hpp"

namespace peerq::test {
namespace {

using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;
using SteadyClock = std::chrono::steady_clock;

template <class Work>
std::chrono::nanoseconds time_of(Work work) {
  const auto begin = SteadyClock::now();
  work();
  return SteadyClock::now() - begin;
}

TEST_CASE("api node: a consumer without any thread says so and takes nothing", "[api][consumer]") {
  const FaultsUntilEnd end;
  Opened opened;
  auto queue = opened.node.create_queue("orders").value();
  REQUIRE(queue.send("x"));
  Error told;
  faults().threads_left = 0;
  Consumer consumer(queue, {.concurrency = 4, .on_error = [&](const Error& error) { told = error; }},
                    [](const Delivery&) {});
  faults().threads_left = -1;
  CHECK(consumer.status().error() == errc::limit_exceeded);
  CHECK_THAT(told.text(), ContainsSubstring("thread"));
  CHECK(queue.statistics().value().ready == 1);
}

TEST_CASE("api node: a consumer goes on with the threads that it got", "[api][consumer]") {
  const FaultsUntilEnd end;
  Opened opened;
  auto queue = opened.node.create_queue("orders").value();
  Error told;
  faults().threads_left = 2;
  Consumer consumer(queue, {.concurrency = 4, .on_error = [&](const Error& error) { told = error; }},
                    [](const Delivery&) {});
  faults().threads_left = -1;
  CHECK(consumer.status());
  CHECK(told == errc::limit_exceeded);
  for (int i = 0; i < 20; ++i) REQUIRE(queue.send(std::to_string(i)));
  CHECK(eventually([&] { return queue.statistics().value().deleted == 20; }));
}

/// Occupies the callback lane of a queue's node until it goes.
class BlockedCallback {
 public:
  explicit BlockedCallback(const Queue& queue) {
    queue.send_async("x", {}, [begun = begun_, go = go_.get_future().share()](const Result<Sent>&) {
      begun->set_value();
      go.wait();
    });
    begun_->get_future().wait();
  }
  BlockedCallback(const BlockedCallback&) = delete;
  BlockedCallback& operator=(const BlockedCallback&) = delete;
  ~BlockedCallback() { go_.set_value(); }

 private:
  std::shared_ptr<std::promise<void>> begun_ = std::make_shared<std::promise<void>>();
  std::promise<void> go_;
};

/// The directory is free as soon as what was in the way has ended.
bool opens_again(const TemporaryDirectory& directory) {
  return eventually([&] { return bool(Node::open({.data_dir = directory.inside("data")})); });
}

TEST_CASE("api node: a node goes while a completion handler blocks (S56)", "[api]") {
  TemporaryDirectory directory;
  std::optional<Node> node = Node::open({.data_dir = directory.inside("data")}).value();
  auto queue = node->create_queue("orders").value();
  std::optional<BlockedCallback> blocked(queue);
  CHECK(time_of([&] { node.reset(); }) < 5s);
  CHECK(queue.send("y").error() == errc::closed);
  blocked.reset();
  CHECK(opens_again(directory));
}

TEST_CASE("api node: a node goes without another thread to help it", "[api]") {
  const FaultsUntilEnd end;
  TemporaryDirectory directory;
  std::optional<Node> node = Node::open({.data_dir = directory.inside("data")}).value();
  REQUIRE(node->create_queue("orders"));
  faults().threads_left = 0;
  node.reset();
  faults().threads_left = -1;
  CHECK(Node::open({.data_dir = directory.inside("data")}));
}

TEST_CASE("api node: close is bounded while a completion handler blocks", "[api]") {
  Opened opened;
  auto queue = opened.node.create_queue("orders").value();
  std::optional<BlockedCallback> blocked(queue);
  Result<void> closed;
  CHECK(time_of([&] { closed = opened.node.close(500ms); }) < 10s);
  REQUIRE_FALSE(closed);
  CHECK(closed.error() == errc::timeout);
  CHECK_THAT(closed.error().text(), ContainsSubstring("handler"));
  blocked.reset();
  CHECK(opens_again(opened.directory));
}

TEST_CASE("api node: a completion handler cannot close its node, and is told so", "[api]") {
  for (const RunOn where : {RunOn::callback_lane, RunOn::any_thread}) {
    Opened opened;
    auto queue = opened.node.create_queue("orders").value();
    std::promise<Error> told;
    // Ends on the node's own timer, so on one of its threads.
    queue.receive_async(
        {.wait = 20ms},
        [&](const Result<std::vector<Delivery>>&) {
          auto closed = opened.node.close();
          told.set_value(closed ? Error() : closed.error());
        },
        where);
    const Error error = told.get_future().get();
    CHECK(error == errc::invalid_argument);
    CHECK_THAT(error.text(), ContainsSubstring("completion handler"));
    CHECK(queue.send("still open"));
    CHECK(opened.node.close());
  }
}

TEST_CASE("api node: a completion handler may destroy its node", "[api]") {
  for (const RunOn where : {RunOn::callback_lane, RunOn::any_thread}) {
    TemporaryDirectory directory;
    std::optional<Node> node = Node::open({.data_dir = directory.inside("data")}).value();
    auto queue = node->create_queue("orders").value();
    std::promise<void> gone;
    queue.receive_async(
        {.wait = 20ms},
        [&](const Result<std::vector<Delivery>>&) {
          node.reset();
          gone.set_value();
        },
        where);
    gone.get_future().wait();
    CHECK(queue.send("x").error() == errc::closed);
    CHECK(opens_again(directory));
  }
}

TEST_CASE("api node: close gives back all that is unfinished at once, not one after the other (S56)",
          "[api][consumer]") {
  constexpr int handlers = 20;
  const FaultsUntilEnd end;
  Opened opened;
  auto queue = opened.node.create_queue("orders").value();
  std::promise<void> go;
  std::atomic<int> begun = 0;
  Consumer consumer(queue, {.concurrency = handlers}, [&, until = go.get_future().share()](const Delivery&) {
    ++begun;
    until.wait();
  });
  for (int i = 0; i < handlers; ++i) REQUIRE(queue.send(std::to_string(i)));
  REQUIRE(eventually([&] { return begun == handlers; }));
  faults().sync_delay = 250ms;
  CHECK(time_of([&] { (void)opened.node.close(1s); }) < handlers * 250ms);
  faults().sync_delay = 0ms;
  go.set_value();
  consumer.stop();
  CHECK(opens_again(opened.directory));
}

/// Runs `work` in a fork of this process, which must not take for ever.
template <class Work>
bool holds_in_a_fork(Work work) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::alarm(30);
    ::_exit(work() ? 0 : 1);
  }
  int status = 0;
  return ::waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

TEST_CASE("api node: a fork may stop and destroy a consumer and a node of its parent", "[api][consumer]") {
  Opened opened;
  auto queue = opened.node.create_queue("orders").value();
  std::promise<void> go;
  std::atomic<bool> begun = false;
  std::optional<Consumer> consumer(std::in_place, queue, ConsumerOptions{.concurrency = 2},
                                   [&, until = go.get_future().share()](const Delivery&) {
                                     begun = true;
                                     until.wait();
                                   });
  REQUIRE(queue.send("x"));
  REQUIRE(eventually([&] { return begun.load(); }));
  CHECK(holds_in_a_fork([&] {
    consumer->stop();
    const bool told = consumer->status().error() == errc::forked;
    consumer.reset();
    opened.node.confirm_clock();
    Node(std::move(opened.node));
    return told;
  }));
  CHECK(holds_in_a_fork([&] {
    const Consumer own(queue, [](const Delivery&) {});
    return own.status().error() == errc::forked;
  }));
  go.set_value();
  CHECK(eventually([&] { return queue.statistics().value().deleted == 1; }));
}

}  // namespace
}  // namespace peerq::test
