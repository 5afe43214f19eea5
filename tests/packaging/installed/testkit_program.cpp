// The same, linked with the test kit. Usage: testkit_program DIRECTORY
#include <chrono>
#include <iostream>

#include <peerq/node.hpp>

int main(int, char** arguments) {
  using namespace std::chrono_literals;
  auto node = peerq::Node::open({.data_dir = arguments[1]}).value();
  auto queue = node.create_queue("greetings").value();
  queue.send("hello").value();
  auto deliveries = queue.receive_and_delete({.wait = 1s}).value();
  std::cout << "received: " << deliveries.at(0).body() << '\n';
}
