// Completion tokens, and a node that runs on the host's Asio executors.

#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <iterator>
#include <thread>

#include "opened.hpp"
#include "peerq/asio.hpp"
#include "peerq/peerq.hpp"

namespace peerq::test {
namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;

TEST_CASE("api node: a coroutine sends, waits, receives and deletes", "[api][asio]") {
  Opened opened;
  auto queue = opened.node.create_queue("orders").value();
  asio::io_context io;
  std::string body;
  asio::co_spawn(
      io,
      [&]() -> asio::awaitable<void> {
        const ReceiveOptions options{.wait = 10s};
        const auto got = co_await async_receive(queue, options, asio::use_awaitable);
        body = got.value().at(0).body();
        const auto deleted = co_await async_erase(queue, got.value().at(0), asio::use_awaitable);
        CHECK(deleted);
      },
      asio::detached);
  asio::co_spawn(
      io,
      [&]() -> asio::awaitable<void> {
        const std::string text = "from a coroutine";
        const SendOptions options;
        const auto sent = co_await async_send(queue, text, options, asio::use_awaitable);
        CHECK(sent);
      },
      asio::detached);
  io.run();
  CHECK(body == "from a coroutine");
  CHECK(queue.statistics().value().deleted == 1);
}

TEST_CASE("api node: futures and callbacks", "[api][asio]") {
  Opened opened;
  auto queue = opened.node.create_queue("orders").value();
  asio::thread_pool pool(1);
  auto future = async_send(queue, std::vector<Message>{{"a", {}}, {"b", {}}}, BatchOptions{},
                           asio::bind_executor(pool, asio::use_future));
  CHECK(future.get().value().size() == 2);
  std::promise<std::size_t> received;
  async_receive(queue, {.max_messages = 5},
                [&](Result<std::vector<Delivery>> result) { received.set_value(result.value().size()); });
  CHECK(received.get_future().get() == 2);
  pool.join();
}

TEST_CASE("api node: a waiting asynchronous receive obeys its cancellation slot", "[api][asio]") {
  Opened opened;
  auto queue = opened.node.create_queue("orders").value();
  asio::io_context io;
  asio::cancellation_signal signal;
  errc code = errc::ok;
  async_receive(queue, {.wait = 60s},
                asio::bind_cancellation_slot(signal.slot(), asio::bind_executor(io, [&](auto result) {
                                               code = result ? errc::ok : result.error().code;
                                             })));
  asio::post(io, [&] { signal.emit(asio::cancellation_type::terminal); });
  io.run();
  CHECK(code == errc::cancelled);
}

TEST_CASE("api node: a receive with a cancellation slot obeys its stop token too", "[api][asio]") {
  Opened opened;
  auto queue = opened.node.create_queue("orders").value();
  asio::io_context io;
  asio::cancellation_signal signal;
  std::stop_source stop;
  errc code = errc::ok;
  bool slot_is_free = false;
  async_receive(queue, {.wait = 60s, .stop = stop.get_token()},
                asio::bind_cancellation_slot(signal.slot(), asio::bind_executor(io, [&](auto result) {
                                               code = result ? errc::ok : result.error().code;
                                               slot_is_free = !signal.slot().has_handler();
                                             })));
  asio::post(io, [&] { stop.request_stop(); });
  io.run();
  CHECK(code == errc::cancelled);
  CHECK(slot_is_free);
}

TEST_CASE("api node: requests and results in coroutines (S77)", "[api][asio]") {
  Opened opened;
  auto queue = opened.node.create_queue("work").value();
  asio::io_context io;
  std::vector<std::string> results;
  const auto ask = [&]() -> asio::awaitable<void> {
    const std::string body = "question";
    const RequestOptions options;
    const auto outcome = co_await async_request(queue, body, options, asio::use_awaitable);
    results.push_back(outcome.value().result);
    const auto ticket = co_await async_send_request(queue, body, options, asio::use_awaitable);
    const OutcomeOptions how;
    const auto later = co_await async_outcome(queue, ticket.value().id, how, asio::use_awaitable);
    results.push_back(later.value().result);
  };
  const auto work = [&]() -> asio::awaitable<void> {
    const ReceiveOptions wait{.wait = 10s};
    const Attributes none;
    const std::string first = "by delivery";
    const std::string second = "by receipt";
    auto got = co_await async_receive(queue, wait, asio::use_awaitable);
    const Delivery delivery = got.value().at(0);
    CHECK(co_await async_done(queue, delivery, first, none, asio::use_awaitable));
    got = co_await async_receive(queue, wait, asio::use_awaitable);
    const std::string receipt = got.value().at(0).receipt();
    CHECK(co_await async_done(queue, receipt, second, none, asio::use_awaitable));
  };
  asio::co_spawn(io, ask(), asio::detached);
  asio::co_spawn(io, work(), asio::detached);
  io.run();
  CHECK(results == std::vector<std::string>{"by delivery", "by receipt"});
}

TEST_CASE("api node: a request obeys its cancellation slot (S57)", "[api][asio]") {
  Opened opened;
  auto queue = opened.node.create_queue("work").value();
  asio::io_context io;
  asio::cancellation_signal signal;
  errc code = errc::ok;
  async_request(queue, "question", {.timeout = 60s},
                asio::bind_cancellation_slot(signal.slot(), asio::bind_executor(io, [&](auto result) {
                                               code = result ? errc::ok : result.error().code;
                                             })));
  asio::post(io, [&] {
    while (queue.statistics().value().ready == 0) std::this_thread::yield();
    signal.emit(asio::cancellation_type::terminal);
  });
  io.run();
  CHECK(code == errc::outcome_unknown);
}

TEST_CASE("api node: a completion token for everything that settles", "[api][asio]") {
  Opened opened;
  auto queue = opened.node.create_queue("orders", {.dead_letter_queue = "dead"}).value();
  const auto received = [&](std::uint32_t count) {
    return async_receive(queue, {.max_messages = count}, asio::use_future).get().value();
  };
  for (int i = 0; i < 8; ++i) REQUIRE(queue.send(std::to_string(i)));
  auto two = received(2);
  CHECK(async_extend(queue, two[0], 2h, asio::use_future).get().value().granted == 2h);
  CHECK(async_extend(queue, two, 3h, asio::use_future).get().value().at(1).value().granted == 3h);
  CHECK(two[1].lease_left() > 2h);
  CHECK(async_release(queue, two[0], asio::use_future).get());
  CHECK(async_release(queue, two, asio::use_future).get().value().at(0).value().already_returned);
  two = received(2);
  CHECK(async_nack(queue, two[0], {.delay = 0ms}, asio::use_future).get());
  CHECK(async_nack(queue, two, {.delay = 0ms}, asio::use_future).get().value().size() == 2);
  two = received(2);
  CHECK(async_reject(queue, two[0], "bad", asio::use_future).get());
  CHECK(async_reject(queue, two, "bad", asio::use_future).get().value().at(1));
  CHECK(async_receive_and_delete(queue, {.max_messages = 2}, asio::use_future).get().value().size() == 2);
  const auto rest = received(4);
  REQUIRE(rest.size() == 4);
  CHECK(async_erase(queue, rest[0], asio::use_future).get());
  CHECK(async_erase(queue, rest, asio::use_future).get().value().size() == 4);
  CHECK(queue.statistics().value().deleted == 6);
  CHECK(opened.node.open_queue("dead").value().statistics().value().ready == 2);
}

TEST_CASE("api node: transactions and receives from several queues as operations of Asio", "[api][asio]") {
  Opened opened;
  auto durable = opened.node.create_queue("durable").value();
  auto memory = opened.node.create_queue("memory", {.durability = Durability::memory}).value();
  const Transaction transaction = Transaction().send(durable, "a").send(durable, "b");
  CHECK(async_transact(opened.node, transaction, {}, asio::use_future).get().value().size() == 2);
  REQUIRE(memory.send("c"));
  const std::vector<WeightedQueue> queues{{durable}, {memory}};
  const ReceiveOptions options{.max_messages = 10, .wait = 10s};
  CHECK(async_receive_from(opened.node, queues, options, asio::use_future).get().value().size() == 3);
  asio::io_context io;
  asio::cancellation_signal signal;
  Error error;
  async_receive_from(opened.node, queues, options,
                     asio::bind_executor(io, asio::bind_cancellation_slot(
                                                 signal.slot(), [&](const Result<std::vector<Delivery>>& r) {
                                                   error = r ? Error() : r.error();
                                                 })));
  signal.emit(asio::cancellation_type::all);
  io.run();
  CHECK(error == errc::cancelled);
}

std::size_t threads_of_this_process() {
  const std::filesystem::directory_iterator tasks("/proc/self/task");
  return static_cast<std::size_t>(std::distance(begin(tasks), end(tasks)));
}

TEST_CASE("api node: a node runs on the host's executors without threads of its own", "[api][asio]") {
  TemporaryDirectory directory;
  asio::thread_pool quick(1);
  asio::thread_pool blocking(3);
  const std::size_t threads_before = threads_of_this_process();
  {
    auto node = Node::open({.data_dir = directory.inside("data"),
                            .executor = make_asio_executor(quick.get_executor(), blocking.get_executor())})
                    .value();
    auto queue = node.create_queue("orders", {.visibility_timeout = 100ms}).value();
    for (int i = 0; i < 50; ++i) REQUIRE(queue.send(std::to_string(i)));
    CHECK(queue.receive({.max_messages = 50}).value().size() == 50);
    const auto again = queue.receive({.max_messages = 50, .wait = 10s}).value();
    REQUIRE_FALSE(again.empty());
    CHECK(again[0].receive_count() == 2);
    auto memory = node.create_queue("memory", {.durability = Durability::memory}).value();
    REQUIRE(queue.purge());
    memory.send_async("x", {.delay = 50ms}, [](const Result<Sent>&) {});
    const std::vector<WeightedQueue> queues{{queue}, {memory}};
    CHECK(node.receive_from(queues, {.wait = 10s}).value().size() == 1);
    CHECK(threads_of_this_process() == threads_before);
    REQUIRE(node.close());
  }
  // Nothing of the node's keeps the host's loops running: neither 30 s of a call's timeout nor more.
  const auto closed_at = std::chrono::steady_clock::now();
  quick.join();
  blocking.join();
  CHECK(std::chrono::steady_clock::now() - closed_at < 10s);
}

}  // namespace
}  // namespace peerq::test
