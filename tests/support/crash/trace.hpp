#pragma once
// Reads a trace (trace_format.hpp) into memory.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "support/crash/trace_format.hpp"

namespace peerq::crash {

struct TraceRecord {
  TraceKind kind = TraceKind::write;
  std::uint32_t file = 0;
  std::int64_t time_us = 0;
  std::uint64_t offset = 0;
  std::uint64_t upto = 0;
  std::string_view path;
  /// What was written, or the second path. Views into the trace.
  std::string_view data;
};

/// Owns its bytes. Movable.
class Trace {
 public:
  /// **Errors** throws std::runtime_error when the file cannot be read or is torn.
  static Trace read(const std::string& path);

  const std::vector<TraceRecord>& records() const noexcept { return records_; }

 private:
  std::vector<char> bytes_;
  std::vector<TraceRecord> records_;
};

}  // namespace peerq::crash
