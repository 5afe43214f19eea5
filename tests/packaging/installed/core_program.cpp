// A user's program with the queue alone: sends a message and gets it back. Usage: core_program DIRECTORY
#include <chrono>
#include <iostream>

#include <peerq/node.hpp>

int main(int, char** arguments) {
  using namespace std::chrono_literals;
  auto node = peerq::Node::open({.data_dir = arguments[1]}).value();
  auto queue = node.create_queue("greetings", {.visibility_timeout = 30s}).value();
  queue.send("hello").value();
  for (auto& delivery : queue.receive({.max_messages = 10, .wait = 1s}).value()) {
    std::cout << "received: " << delivery.body() << '\n';
    delivery.erase().value();
  }
  node.close().value();
}
