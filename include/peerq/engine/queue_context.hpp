#pragma once
// What the engine holds of a queue in memory: its parameters, its counters and lanes, and where to look next.
// All of it is read from the tables or derived; dropping it loses nothing.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "peerq/engine/group_cache.hpp"
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

/// Below which number a group has nothing ready, of the groups looked at last. Of a deep group many rows are
/// erased at the front between two checkpoints, and no look at the first that is left may pass them all
/// again. Like `LowerBound`: who inserts a row says so with `note`.
class GroupHeads {
 public:
  Sequence of(std::uint64_t group, std::uint8_t level) const noexcept {
    if (heads_.empty()) return Sequence{0};
    const Head& head = heads_[place(group, level)];
    return head.group == group && head.level == level ? head.first : Sequence{0};
  }
  void keep(std::uint64_t group, std::uint8_t level, Sequence first) {
    if (heads_.empty()) heads_.resize(count);
    heads_[place(group, level)] = {group, level, first};
  }
  void note(std::uint64_t group, std::uint8_t level, Sequence inserted) noexcept {
    if (inserted < of(group, level)) heads_[place(group, level)].first = inserted;
  }

 private:
  static constexpr std::size_t count = 256;

  struct Head {
    std::uint64_t group = 0;
    std::uint8_t level = 0;
    Sequence first;
  };

  static std::size_t place(std::uint64_t group, std::uint8_t level) noexcept {
    return (group + std::size_t{25} * level) % count;
  }

  /// Made when a group is looked at first.
  std::vector<Head> heads_;
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
  std::array<LowerBound<RankRow>, limits::priority_count> ranks;
  LowerBound<DeduplicationEndRow> deduplication_ends;
  mutable GroupHeads heads;
  /// What is reclaimed: places in rings that a purge made void, and the groups of a deleted queue.
  std::array<LowerBound<RankRow>, limits::priority_count> void_ranks;
  LowerBound<GroupRow> left_groups;
  GroupCache groups;
  /// Of them, as counted against what the engine holds.
  std::size_t groups_counted = 0;
  /// The delivery window is closed.
  bool window_closed = false;

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
    if (removed || config.paused || window_closed) return 0;
    return std::min({row.ready - row.held, in_flight_room(), tokens_seen()});
  }
  /// Whole tokens when the bucket was last looked at: never more than there are now.
  std::uint64_t tokens_seen() const noexcept {
    if (config.options.rate.per_second_thousandths == 0 || row.bucket.at.us < 0) return row.ready;
    return static_cast<std::uint64_t>(row.bucket.units / token_units);
  }
  bool is_fifo() const noexcept { return config.options.type == QueueType::fifo; }
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
