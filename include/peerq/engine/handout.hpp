#pragma once
// What the engine keeps of a receive while it goes on.

#include <cstddef>
#include <cstdint>

#include "peerq/engine/command.hpp"
#include "peerq/engine/queue_context.hpp"
#include "peerq/engine/reply.hpp"
#include "peerq/engine/tables.hpp"

namespace peerq::engine {
inline namespace v1 {

/// What a receive takes next.
struct Pick {
  Found<MessageRow> found;
  std::uint8_t level = 0;
};

/// A receive under way.
struct Handout {
  const Receive* command;
  Reply* reply;
  std::uint64_t room = 0;
  std::uint64_t bytes_left = 0;
  std::size_t budget = limits::receive_skip_budget;
  std::uint64_t token = 0;
  LeaseTime deadline{};
  LeaseTime latest_deadline{};
  /// The session that the leases end with; 0 = none.
  SessionId session{0};
  /// The FIFO group that it took from last.
  std::uint64_t following = 0;
  /// Levels that may still have something (bit n = level n).
  std::uint16_t levels = (1U << limits::priority_count) - 1;
};

/// A queue of a receive from several.
struct Share {
  QueueContext* queue;
  std::uint64_t weight;
  Handout handout;
  std::uint64_t room = handout.room;
  std::uint64_t taken = 0;
  bool exhausted = false;
};

}  // namespace v1
}  // namespace peerq::engine
