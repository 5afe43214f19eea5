#pragma once
// Did the queue keep its promise? Compares the journals with each other, and asks the queues themselves.

#include <cstdint>

#include "workplace.hpp"

namespace demo {

struct Proof {
  /// Records that were acknowledged, each counted once.
  std::uint64_t acknowledged = 0;
  /// Records that were never acknowledged, though the worker said that it was done.
  std::uint64_t not_sent = 0;
  std::uint64_t processed = 0;
  std::uint64_t dead_lettered = 0;
  /// Acknowledged, but neither processed nor dead-lettered.
  std::uint64_t lost = 0;
  /// Times that work was done again for a record that was processed already.
  std::uint64_t processed_again = 0;
  /// Processed or dead-lettered, but never sent.
  std::uint64_t from_nowhere = 0;

  std::uint64_t files_digested = 0;
  /// Records that name no file: the line itself was digested.
  std::uint64_t lines_digested = 0;
  std::uint64_t bytes_digested = 0;

  /// From the statistics of the queues: repeated deliveries, and the messages that are left.
  std::uint64_t redelivered = 0;
  std::uint64_t left_in_queues = 0;

  bool holds() const noexcept { return lost + not_sent + from_nowhere + left_in_queues == 0; }
};

/// The worker must have ended. Throws peerq::BadResult when the directory cannot be opened.
Proof prove(const Workplace& place, std::size_t records);

}  // namespace demo
