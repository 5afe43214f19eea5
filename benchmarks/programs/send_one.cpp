// The smallest program: opens a node and sends one message. Its stripped size is measured by the suite embed.

#include <peerq/node.hpp>

int main(int count, char** words) {
  if (count != 2) return 2;
  auto node = peerq::Node::open({.data_dir = words[1]});
  if (!node) return 1;
  auto queue = node->create_queue("messages");
  return queue && queue->send("hello") ? 0 : 1;
}
