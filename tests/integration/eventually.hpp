#pragma once
// Waiting for what another thread brings about.

#include <chrono>
#include <thread>

namespace peerq::test {

/// Whether `condition` comes true; the limit of 10 s is for a test that fails.
template <class Condition>
bool eventually(Condition condition) {
  for (int i = 0; i < 2'000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return false;
}

}  // namespace peerq::test
