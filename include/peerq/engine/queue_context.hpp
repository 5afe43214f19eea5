#pragma once
// What the engine holds of a queue in memory: its parameters, its counters and lanes, and where to look next.
// All of it is read from the tables or derived; dropping it loses nothing.

#include <array>
#include <cstddef>
#include <cstdint>

#include "peerq/engine/lower_bound.hpp"
#include "peerq/engine/queue_rows.hpp"
#include "peerq/engine/reply.hpp"
#include "peerq/engine/rows.hpp"

namespace peerq::engine {
inline namespace v1 {

inline constexpr std::size_t event_kinds = 5;

/// A lane in memory: `stored` is what the tables have.
struct LaneContext {
  LaneRow row;
  LaneRow stored;
  bool in_tables = false;
  LowerBound<ReadyRow> ready;
  LowerBound<ParkedRow> parked;
};

/// A queue in memory.
struct QueueContext {
  QueueId id;
  QueueConfig config;
  QueueRow row;
  QueueRow stored;
  std::array<LaneContext, limits::lane_count> lanes;
  /// Bit n: lane n exists.
  std::uint16_t lanes_present = 0;
  LowerBound<AgedRow> aged;

  /// A ReclaimRow exists.
  bool reclaiming = false;
  /// Deleted: nothing of it is left but rows to reclaim.
  bool removed = false;
  /// All its rows are gone; the context goes with the end of the entry.
  bool forgotten = false;

  // Of the entry being applied.
  bool touched = false;
  bool announced = false;
  bool has_events = false;
  std::array<std::uint64_t, event_kinds> events{};

  /// Leases that may still be given before the in-flight cap (S24).
  std::uint64_t in_flight_room() const noexcept {
    const std::uint64_t cap = config.options.max_in_flight;
    if (cap == 0) return row.ready;
    return cap > row.in_flight ? cap - row.in_flight : 0;
  }
  /// How many messages a receive could get now.
  std::uint64_t deliverable() const noexcept {
    if (removed || config.paused) return 0;
    const std::uint64_t room = in_flight_room();
    return row.ready < room ? row.ready : room;
  }
  bool has_lane(std::uint8_t lane) const noexcept { return (lanes_present >> lane & 1U) != 0; }
  void count(EventKind kind) noexcept {
    has_events = true;
    ++events[static_cast<std::size_t>(kind)];
  }

  /// The counter of a message's state.
  std::uint64_t& counter(MessageState state) noexcept {
    switch (state) {
      case MessageState::fresh: return row.ready;
      case MessageState::ready: return row.ready;
      case MessageState::delayed: return row.delayed;
      case MessageState::in_flight: return row.in_flight;
      case MessageState::parked: return row.parked;
      case MessageState::moving: return row.moving;
    }
    return row.ready;
  }
};

}  // namespace v1
}  // namespace peerq::engine
