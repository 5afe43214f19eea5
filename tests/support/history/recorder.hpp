#pragma once
// Appends operations to a file, one line and one write(2) each, so that a file survives kill -9 of its writer
// up to a torn last line. An operation is written when it begins (as `info`) and again when it has ended;
// what ends nowhere stays `info`.

#include <atomic>
#include <cstdint>
#include <span>
#include <string>

#include "support/history/operation.hpp"

namespace peerq::history {

/// Microseconds of the machine's monotonic clock: comparable between processes.
std::int64_t monotonic_us() noexcept;

/// **Thread** any. Throws std::system_error when the file cannot be written: a test without its history is
/// worthless.
class Recorder {
 public:
  /// `process` must be new: a restarted process is another one.
  Recorder(const std::string& path, std::uint32_t process);
  ~Recorder();
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;

  /// Names and writes the operation, which begins now.
  Operation begin(Operation operation);
  /// Writes its end: now, with what it came to. Parts get their numbers from their order.
  void end(const Operation& begun, std::span<Operation> parts);
  void end(const Operation& begun, Operation result) { end(begun, std::span(&result, 1)); }
  /// Writes an operation that has both ends.
  void write(const Operation& operation);

 private:
  void append(std::string text);

  int file_ = -1;
  std::uint32_t process_;
  std::atomic<std::uint64_t> next_{1};
};

}  // namespace peerq::history
