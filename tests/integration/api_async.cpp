// Calls with completion handlers: where these run, and that nothing is missing beside the blocking calls.

#include <catch2/catch_test_macros.hpp>
#include <functional>
#include <future>
#include <thread>

#include "opened.hpp"
#include "peerq/peerq.hpp"

namespace peerq::test {
namespace {

using namespace std::chrono_literals;

/// The error that `start` hands to its handler, which must not run inside the call.
template <class T>
Error refused_later(const std::function<void(UniqueFunction<void(Result<T>)>)>& start) {
  std::promise<Error> told;
  std::thread::id thread;
  start([&](const Result<T>& result) {
    thread = std::this_thread::get_id();
    told.set_value(result ? Error() : result.error());
  });
  Error error = told.get_future().get();
  CHECK(thread != std::this_thread::get_id());
  return error;
}

TEST_CASE("api node: what is refused is told on the callback lane, not inside the call", "[api]") {
  Opened opened;
  auto queue = opened.node.create_queue("orders").value();
  REQUIRE(queue.send("x"));
  const auto held = queue.receive().value();
  const auto& delivery = held.at(0);
  std::stop_source stopped;
  stopped.request_stop();
  using Sents = std::vector<Result<Sent>>;
  using Deliveries = std::vector<Delivery>;
  CHECK(refused_later<Sent>([&](auto answer) {
          queue.send_async("x", {.delay = -1ms}, std::move(answer));
        }) == errc::invalid_argument);
  CHECK(refused_later<Sents>([&](auto answer) {
          queue.send_async(std::span<const Message>(), {}, std::move(answer));
        }) == errc::invalid_argument);
  CHECK(refused_later<Deliveries>([&](auto answer) {
          queue.receive_async({.max_messages = 0}, std::move(answer));
        }) == errc::invalid_argument);
  CHECK(refused_later<Deliveries>([&](auto answer) {
          queue.receive_async({.stop = stopped.get_token()}, std::move(answer));
        }) == errc::cancelled);
  CHECK(refused_later<Returned>([&](auto answer) {
          queue.nack_async(delivery, {.delay = -1ms}, std::move(answer));
        }) == errc::invalid_argument);
  CHECK(refused_later<Extended>([&](auto answer) {
          queue.extend_async(delivery, -1ms, std::move(answer));
        }) == errc::invalid_argument);
  CHECK(refused_later<std::vector<Result<Deleted>>>([&](auto answer) {
          queue.erase_async(std::span<const Delivery>(), std::move(answer));
        }) == errc::invalid_argument);
}

TEST_CASE("api node: what is refused is told once although the node is closed", "[api]") {
  Opened opened;
  auto queue = opened.node.create_queue("orders").value();
  REQUIRE(opened.node.close());
  int calls = 0;
  queue.send_async("x", {.delay = -1ms}, [&](const Result<Sent>& result) {
    ++calls;
    CHECK(result.error() == errc::invalid_argument);
  });
  CHECK(calls == 1);
}

}  // namespace
}  // namespace peerq::test
