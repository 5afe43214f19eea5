// Coroutines on Asio: nothing here blocks a thread. The completion tokens of peerq/asio.hpp also give
// callbacks and futures. Options have names here, because g++ 12 destroys braced ones inside a co_await twice
// (clang does not). Usage: example_coroutines [DATA_DIRECTORY]

#include <fmt/format.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <exception>
#include <peerq/asio.hpp>
#include <peerq/peerq.hpp>

namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;
using asio::use_awaitable;

constexpr int question_count = 5;

asio::awaitable<void> ask(peerq::Queue questions) {
  const peerq::SendOptions options{.time_to_live = 1h};
  for (int i = 1; i <= question_count; ++i) {
    const auto sent =
        co_await peerq::async_send(questions, fmt::format("question {}", i), options, use_awaitable);
    sent.value();
  }
}

/// Waits for messages without a thread, and deletes each when it is done.
asio::awaitable<int> answer(peerq::Queue questions) {
  const peerq::ReceiveOptions options{.max_messages = 10, .wait = 20s};
  int count = 0;
  while (count < question_count) {
    const auto deliveries = co_await peerq::async_receive(questions, options, use_awaitable);
    for (const auto& delivery : deliveries.value()) {
      fmt::print("{}: 42\n", delivery.body());
      const auto deleted = co_await peerq::async_erase(questions, delivery, use_awaitable);
      deleted.value();
      ++count;
    }
  }
  co_return count;
}

int run(const std::string& directory) {
  auto node = peerq::Node::open({.data_dir = directory}).value();
  auto questions = node.create_queue("questions").value();
  asio::io_context io;
  int answered = 0;
  asio::co_spawn(io, answer(questions), [&](const std::exception_ptr& failure, int count) {
    if (failure) std::rethrow_exception(failure);  // comes out of io.run()
    answered = count;
  });
  asio::co_spawn(io, ask(questions), [](const std::exception_ptr& failure) {
    if (failure) std::rethrow_exception(failure);
  });
  io.run();

  // The same call, with a future instead of a coroutine.
  auto future = peerq::async_send(questions, std::string("one more"), {}, asio::use_future);
  future.get().value();
  questions.purge().value();
  node.close().value();
  fmt::print("{} questions answered\n", answered);
  return answered == question_count ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc > 1 ? argv[1] : "coroutines.peerq");
  } catch (const peerq::BadResult& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 1;
  }
}
