// The same with coroutines, on the target that also brings Boost's headers. Usage: asio_program DIRECTORY
#include <chrono>
#include <iostream>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <peerq/asio.hpp>
#include <peerq/node.hpp>

boost::asio::awaitable<void> greet(peerq::Queue queue) {
  using namespace std::chrono_literals;
  const peerq::SendOptions send_options;  // named: see peerq/asio.hpp about g++ 12
  const peerq::ReceiveOptions receive_options{.wait = 1s};
  const auto sent = co_await peerq::async_send(queue, "hello", send_options, boost::asio::use_awaitable);
  sent.value();
  const auto deliveries = co_await peerq::async_receive(queue, receive_options, boost::asio::use_awaitable);
  std::cout << "received: " << deliveries.value().at(0).body() << '\n';
}

int main(int, char** arguments) {
  auto node = peerq::Node::open({.data_dir = arguments[1]}).value();
  boost::asio::io_context context;
  boost::asio::co_spawn(context, greet(node.create_queue("greetings").value()), boost::asio::detached);
  context.run();
}
