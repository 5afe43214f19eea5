#pragma once
// Faults of the system under a node of this process: the test program puts itself before the C library.

#include <atomic>
#include <chrono>

namespace peerq::test {

/// What the functions of interposed.cpp do to their callers; nothing by default. **Thread** any.
struct Faults {
  /// Threads that may still be started before `pthread_create` says EAGAIN; negative = any number.
  std::atomic<int> threads_left{-1};
  /// What `statfs` gives as type of every file system; 0 = the truth.
  std::atomic<long> file_system_type{0};
  /// How much longer `fdatasync` and `msync` take.
  std::atomic<std::chrono::milliseconds> sync_delay{std::chrono::milliseconds(0)};
};

Faults& faults();

/// No faults again at the end of a test.
struct FaultsUntilEnd {
  FaultsUntilEnd() = default;
  FaultsUntilEnd(const FaultsUntilEnd&) = delete;
  FaultsUntilEnd& operator=(const FaultsUntilEnd&) = delete;
  ~FaultsUntilEnd() {
    faults().threads_left = -1;
    faults().file_system_type = 0;
    faults().sync_delay = std::chrono::milliseconds(0);
  }
};

}  // namespace peerq::test
