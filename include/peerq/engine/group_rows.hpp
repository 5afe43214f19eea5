#pragma once
// The rows of message groups (S29, S42-S47). Messages with a group live in one lane of their own, numbered in
// the order of their sends; what is ready is found by group.
//
// A group exists while a message of it does, or an operator's word on it. It is *open* when it gives out
// messages: something is ready and nothing holds it (its lease in a FIFO queue, a retry delay, a cap, its
// rate, a pause, parking). An open group stands in the ring of each level at which it has something:
// RankRow by its turn. Whoever was served goes to the end of the ring.

#include <compare>
#include <cstdint>
#include <string>

#include "peerq/base/ids.hpp"
#include "peerq/base/time.hpp"
#include "peerq/engine/rows.hpp"

namespace peerq::engine {
inline namespace v1 {

/// What a token bucket holds (S30), in thousandths of a millionth of a token: a rate of one thousandth a
/// second adds one of these each microsecond.
inline constexpr std::int64_t token_units = 1'000'000'000;

struct TokenBucket {
  std::int64_t units = 0;
  /// Lease time for which `units` is right; -1 = the bucket was never used: it is full.
  LeaseTime at{-1};

  friend bool operator==(const TokenBucket&, const TokenBucket&) = default;
  static void layout(auto& archive, auto& bucket) {
    archive.field(bucket.units);
    archive.field(bucket.at);
  }
};

struct GroupKey {
  QueueId queue;
  /// Given in the queue, never twice.
  std::uint64_t group = 0;

  friend constexpr auto operator<=>(const GroupKey&, const GroupKey&) = default;
  static void layout(auto& archive, auto& key) {
    archive.field(key.queue);
    archive.field(key.group);
  }
};

/// The group of this name.
struct GroupNameRow {
  struct Key {
    QueueId queue;
    std::string name;
    friend auto operator<=>(const Key&, const Key&) = default;
    static void layout(auto& archive, auto& key) {
      archive.field(key.queue);
      archive.rest(key.name);
    }
  };
  static constexpr TableId table = TableId::group_names;
  static constexpr bool dense = false;

  std::uint64_t group = 0;

  friend bool operator==(const GroupNameRow&, const GroupNameRow&) = default;
  static void layout(auto& archive, auto& row) { archive.field(row.group); }
};

struct GroupRow {
  using Key = GroupKey;
  static constexpr TableId table = TableId::groups;
  static constexpr bool dense = false;

  std::string name;
  /// Messages by state; `live` counts delayed and parked ones too.
  std::uint64_t live = 0;
  std::uint64_t ready = 0;
  std::uint64_t in_flight = 0;
  /// Those that no receive can get now: all ready ones, or none.
  std::uint64_t held = 0;
  /// Its place in the rings, and the levels in whose ring it stands (bit n = level n).
  std::uint64_t turn = 0;
  std::uint16_t ranks = 0;
  /// Levels at which something is ready (FIFO: always the lowest).
  std::uint16_t levels = 0;
  /// Purges that it has seen; older counters are void (S8).
  std::uint32_t purges = 0;
  /// Rises whenever a FIFO group is leased: tells late receipts from the last (S32).
  std::uint64_t lease = 0;
  bool paused = false;
  /// Waits for an operator (S45).
  bool parked = false;
  /// End of a retry delay that holds a FIFO group (S46); 0 = none.
  WallTime held_until;
  TokenBucket bucket;
  /// When the bucket is looked at again: a GroupTimerRow; 0 = never.
  LeaseTime timer{0};

  friend bool operator==(const GroupRow&, const GroupRow&) = default;
  static void layout(auto& archive, auto& row) {
    archive.text(row.name);
    for (auto* number : {&row.live, &row.ready, &row.in_flight, &row.held, &row.turn, &row.lease}) {
      archive.field(*number);
    }
    archive.field(row.ranks);
    archive.field(row.levels);
    archive.field(row.purges);
    archive.field(row.paused);
    archive.field(row.parked);
    archive.field(row.held_until);
    TokenBucket::layout(archive, row.bucket);
    archive.field(row.timer);
  }
};

/// Ready messages of a group in the order of handing out: by level (FIFO: always 0), then by sequence.
struct GroupOrderRow {
  struct Key {
    QueueId queue;
    std::uint64_t group = 0;
    std::uint8_t level = 0;
    Sequence sequence;
    friend constexpr auto operator<=>(const Key&, const Key&) = default;
    static void layout(auto& archive, auto& key) {
      archive.field(key.queue);
      archive.field(key.group);
      archive.field(key.level);
      archive.field(key.sequence);
    }
  };
  static constexpr TableId table = TableId::group_order;
  static constexpr bool dense = false;

  std::uint8_t priority = 0;

  friend bool operator==(const GroupOrderRow&, const GroupOrderRow&) = default;
  static void layout(auto& archive, auto& row) { archive.field(row.priority); }
};

/// Messages of a FIFO group that are in flight.
struct GroupFlightRow {
  struct Key {
    QueueId queue;
    std::uint64_t group = 0;
    Sequence sequence;
    friend constexpr auto operator<=>(const Key&, const Key&) = default;
    static void layout(auto& archive, auto& key) {
      archive.field(key.queue);
      archive.field(key.group);
      archive.field(key.sequence);
    }
  };
  static constexpr TableId table = TableId::group_flights;
  static constexpr bool dense = false;
  friend bool operator==(const GroupFlightRow&, const GroupFlightRow&) = default;
  static void layout(auto&, auto&) {}
};

/// The ring of a level: open groups by turn.
struct RankRow {
  struct Key {
    QueueId queue;
    std::uint8_t level = 0;
    std::uint64_t turn = 0;
    std::uint64_t group = 0;
    friend constexpr auto operator<=>(const Key&, const Key&) = default;
    static void layout(auto& archive, auto& key) {
      archive.field(key.queue);
      archive.field(key.level);
      archive.field(key.turn);
      archive.field(key.group);
    }
  };
  static constexpr TableId table = TableId::ranks;
  static constexpr bool dense = false;
  friend bool operator==(const RankRow&, const RankRow&) = default;
  static void layout(auto&, auto&) {}
};

/// When a bucket has a token again, by lease time; group 0 = the queue's own.
struct GroupTimerRow {
  struct Key {
    LeaseTime at;
    QueueId queue;
    std::uint64_t group = 0;
    friend constexpr auto operator<=>(const Key&, const Key&) = default;
    static void layout(auto& archive, auto& key) {
      archive.field(key.at);
      archive.field(key.queue);
      archive.field(key.group);
    }
  };
  static constexpr TableId table = TableId::group_timers;
  static constexpr bool dense = false;
  friend bool operator==(const GroupTimerRow&, const GroupTimerRow&) = default;
  static void layout(auto&, auto&) {}
};

}  // namespace v1
}  // namespace peerq::engine
