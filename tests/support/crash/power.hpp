#pragma once
// Power loss: records workloads, rebuilds images of what a crash may leave, opens each, checks I11.

#include <cstdint>
#include <functional>
#include <string>

namespace peerq::crash {

struct PowerOptions {
  std::uint64_t images = 1'000;
  std::uint64_t seed = 1;
  /// Processes side by side.
  std::uint64_t workers = 2;
  /// How many workloads are recorded.
  std::uint64_t workloads = 8;
  std::uint64_t calls = 1'500;
  /// A directory with a kept recording, instead of recording.
  std::string recording;
  /// Only this image; of a kept recording.
  std::uint64_t only_image = 0;
  /// Told now and then how many images are done; may be empty.
  std::function<void(std::uint64_t)> progress;
  /// Told what is wrong, one line each.
  std::function<void(const std::string&)> report;
};

struct PowerResult {
  std::uint64_t images = 0;
  std::uint64_t violations = 0;
  /// Of the workers: making images, opening and checking them.
  double make_seconds = 0;
  double open_seconds = 0;
};

/// **Thread** the process must have no other. Throws std::runtime_error when a workload cannot be recorded.
PowerResult run_power(const PowerOptions& options);

}  // namespace peerq::crash
