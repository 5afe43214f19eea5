#include <chrono>
#include <iostream>

#include <peerq/peerq.hpp>

int main() try {
  using namespace std::chrono_literals;
  auto node = peerq::Node::open({.data_dir = "hello.peerq"}).value();
  auto queue = node.create_queue("greetings", {.visibility_timeout = 30s}).value();

  queue.send("hello").value();  // on disk when it returns

  // A received message is hidden from other receivers for 30 s, then comes again, unless it is deleted.
  for (const auto& delivery : queue.receive({.max_messages = 10, .wait = 1s}).value()) {
    std::cout << "received: " << delivery.body() << '\n';
    delivery.erase().value();  // done: gone for good
  }
  node.close().value();
} catch (const peerq::BadResult& error) {  // .value() throws it; test the Result to do without exceptions
  std::cerr << error.what() << '\n';
  return 1;
}
