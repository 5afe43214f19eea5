#pragma once
// Messages that go to another shard, and redrives (S39, S41).
//
// What leaves for another shard is taken out of its queue as a whole: a MovingRow has all of it but the
// payload, so that purging or deleting the queue does not touch it. What goes from one queue to another is
// numbered; each MovingRow names the number before its own, and the receiving queue remembers the last that
// came, so a repeated message is known and a lost one leaves no gap. After a restart that lost numbers (S58,
// S82) a chain begins anew above all that were ever given.

#include <array>
#include <compare>
#include <cstdint>
#include <string>

#include "peerq/base/ids.hpp"
#include "peerq/base/time.hpp"
#include "peerq/engine/group_rows.hpp"
#include "peerq/engine/rows.hpp"

namespace peerq::engine {
inline namespace v1 {

struct MovingRow {
  struct Key {
    QueueId queue;
    QueueId target;
    std::uint64_t transfer = 0;
    friend constexpr auto operator<=>(const Key&, const Key&) = default;
    static void layout(auto& archive, auto& key) {
      archive.field(key.queue);
      archive.field(key.target);
      archive.field(key.transfer);
    }
  };
  static constexpr TableId table = TableId::moving;
  static constexpr bool dense = false;

  /// The number before this one; 0 = a chain begins.
  std::uint64_t after = 0;
  MessageId id;
  std::uint32_t counted_bytes = 0;
  std::uint32_t attempt = 0;
  std::uint32_t receive_count = 0;
  std::uint8_t priority = 0;
  WallTime arrived;
  WallTime first_sent;
  std::int64_t time_to_live_ms = 0;
  /// Out of a dead-letter queue, else into one.
  bool redriven = false;
  /// By which redrive.
  std::uint64_t redrive = 0;
  std::string group;
  NoteRow note;

  friend bool operator==(const MovingRow&, const MovingRow&) = default;
  static void layout(auto& archive, auto& row) {
    archive.field(row.after);
    archive.field(row.id.incarnation);
    archive.field(row.id.sequence);
    archive.field(row.counted_bytes);
    archive.field(row.attempt);
    archive.field(row.receive_count);
    archive.field(row.priority);
    archive.field(row.arrived);
    archive.field(row.first_sent);
    archive.field(row.time_to_live_ms);
    archive.field(row.redriven);
    archive.field(row.redrive);
    archive.text(row.group);
    NoteRow::layout(archive, row.note);
  }
};

/// The last number that went from one queue to another: kept by either.
struct TransferRow {
  enum class Way : std::uint8_t { out = 0, in = 1 };
  struct Key {
    QueueId queue;
    Way way = Way::out;
    QueueId other;
    friend constexpr auto operator<=>(const Key&, const Key&) = default;
    static void layout(auto& archive, auto& key) {
      archive.field(key.queue);
      archive.field(key.way);
      archive.field(key.other);
    }
  };
  static constexpr TableId table = TableId::transfers;
  static constexpr bool dense = false;

  std::uint64_t last = 0;

  friend bool operator==(const TransferRow&, const TransferRow&) = default;
  static void layout(auto& archive, auto& row) { archive.field(row.last); }
};

/// The redrive of a dead-letter queue, under way or the last one.
struct RedriveRow {
  using Key = QueueKey;
  static constexpr TableId table = TableId::redrives;
  static constexpr bool dense = false;

  /// 1 for the first of the queue, and so on.
  std::uint64_t id = 0;
  QueueId target;
  QueueId source;
  std::uint32_t causes = 0;
  std::uint32_t rate = 0;
  /// Messages that it may still move.
  std::uint64_t left = 0;
  /// Where it looks next, and up to where in each lane: what came later is not its own.
  std::uint8_t lane = 0;
  std::uint64_t number = 0;
  std::array<std::uint64_t, limits::lane_count> ends{};
  std::uint64_t moved = 0;
  /// Another cause or source than asked for, or sent straight to this queue (S73).
  std::uint64_t skipped = 0;
  /// Their source is gone, or does not take them: they stay.
  std::uint64_t failed = 0;
  bool finished = false;
  WallTime started;
  TokenBucket bucket;
  /// Its GroupTimerRow; 0 = none.
  LeaseTime timer;

  friend bool operator==(const RedriveRow&, const RedriveRow&) = default;
  static void layout(auto& archive, auto& row) {
    archive.field(row.id);
    archive.field(row.target);
    archive.field(row.source);
    archive.field(row.causes);
    archive.field(row.rate);
    archive.field(row.left);
    archive.field(row.lane);
    archive.field(row.number);
    for (auto& end : row.ends) archive.field(end);
    archive.field(row.moved);
    archive.field(row.skipped);
    archive.field(row.failed);
    archive.field(row.finished);
    archive.field(row.started);
    TokenBucket::layout(archive, row.bucket);
    archive.field(row.timer);
  }
};

}  // namespace v1
}  // namespace peerq::engine
