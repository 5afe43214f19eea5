#pragma once
// Damage: files of closed and killed directories with flipped bits, zeroed, swapped and stale pages,
// cut ends. What is opened must be whole, or refused: nothing wrong is served, nothing is lost in silence,
// nothing crashes.

#include <cstdint>
#include <functional>
#include <map>
#include <string>

namespace peerq::crash {

struct CorruptOptions {
  std::uint64_t runs = 1'000;
  std::uint64_t seed = 1;
  std::uint64_t workers = 2;
  std::uint64_t workloads = 2;
  std::uint64_t calls = 1'000;
  /// A directory with a kept recording, instead of recording; and only this run of it.
  std::string recording;
  std::uint64_t only_run = 0;
  std::function<void(std::uint64_t)> progress;
  std::function<void(const std::string&)> report;
};

struct CorruptResult {
  std::uint64_t runs = 0;
  /// How many ended with an error in words; the others were harmless.
  std::uint64_t detected = 0;
  std::uint64_t violations = 0;
  /// Violations by kind of damage and what went wrong.
  std::map<std::string, std::uint64_t> kinds;
};

/// **Thread** the process must have no other. Throws std::runtime_error.
CorruptResult run_corrupt(const CorruptOptions& options);

}  // namespace peerq::crash
