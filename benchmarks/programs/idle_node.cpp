// A program with a node that has nothing to do: prints how long opening took, its threads and its memory.

#include <peerq/node.hpp>

#include <chrono>
#include <cstdio>
#include <fstream>
#include <string>
#include <thread>

namespace {

/// A number of /proc/self/status.
double status(const std::string& field) {
  std::ifstream in("/proc/self/status");
  for (std::string line; std::getline(in, line);) {
    if (line.rfind(field + ":", 0) == 0) return std::stod(line.substr(field.size() + 1));
  }
  return -1;
}

}  // namespace

int main(int count, char** words) {
  if (count != 2) return 2;
  const auto begin = std::chrono::steady_clock::now();
  auto node = peerq::Node::open({.data_dir = words[1]});
  const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - begin;
  if (!node) return 1;
  auto queue = node->create_queue("messages");
  if (!queue || !queue->send("hello")) return 1;
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  std::printf("open_ms %.6f\nthreads %.0f\nmemory_mib %.6f\nanonymous_mib %.6f\n", took.count(),
              status("Threads"), status("VmRSS") / 1024, status("RssAnon") / 1024);
  return 0;
}
