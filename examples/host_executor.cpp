// A node without threads of its own: its quick work runs on the program's io_context, and what waits for the
// disk on the program's thread pool. Usage: example_host_executor [DATA_DIRECTORY]

#include <fmt/format.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <peerq/asio.hpp>
#include <peerq/peerq.hpp>
#include <thread>

namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;
using asio::use_awaitable;

constexpr int ping_count = 20;

/// Runs on the io_context: here only the calls that do not block may be used.
asio::awaitable<int> ping(peerq::Queue queue) {
  const peerq::SendOptions send_options;
  const peerq::ReceiveOptions receive_options{.wait = 5s};
  int received = 0;
  for (int i = 0; i < ping_count; ++i) {
    const auto sent =
        co_await peerq::async_send(queue, fmt::format("ping {}", i), send_options, use_awaitable);
    sent.value();
    const auto deliveries = co_await peerq::async_receive(queue, receive_options, use_awaitable);
    for (const auto& delivery : deliveries.value()) {
      const auto deleted = co_await peerq::async_erase(queue, delivery, use_awaitable);
      deleted.value();
      ++received;
    }
  }
  co_return received;
}

int run(const std::string& directory) {
  asio::io_context io;            // both outlive the node
  asio::thread_pool blocking(3);  // the log, checkpoints and the rest wait side by side
  auto keep_running = asio::make_work_guard(io);
  std::jthread loop([&] { io.run(); });

  auto node =
      peerq::Node::open({.data_dir = directory,
                         .executor = peerq::make_asio_executor(io.get_executor(), blocking.get_executor())})
          .value();
  auto queue = node.create_queue("pings").value();  // blocking calls are fine on any other thread
  auto received = asio::co_spawn(io, ping(queue), asio::use_future);
  const int count = received.get();

  node.close().value();  // while both still run
  keep_running.reset();
  io.stop();
  blocking.join();
  fmt::print("{} pings received by a node without threads\n", count);
  return count == ping_count ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc > 1 ? argv[1] : "host_executor.peerq");
  } catch (const peerq::BadResult& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 1;
  }
}
