#pragma once
// The rows that are a queue's state, and the order of their keys. Everything the engine knows is here: what
// it keeps in memory between entries is derived. Layouts are drawn in docs/formats.md and pinned by golden
// files.
//
// Which rows a message has, by state:
//   fresh      MessageRow only; it is found by its lane's cursor (no row per ready message)
//   delayed    MessageRow, WallDueRow(delay)
//   ready      MessageRow, ReadyRow, AgedRow                       (returned, or its delay is over)
//   in flight  MessageRow, LeaseDueRow
// with a group: GroupOrderRow while fresh or ready (no ReadyRow), GroupFlightRow while in flight in a FIFO
//   queue (group_rows.hpp)
//   parked     MessageRow, ParkedRow, AgedRow
//   moving     MovingRow alone (moving_rows.hpp)
// and besides: WallDueRow(time_to_live) while it has one and is not in flight (the lease wins, S40), NoteRow
// once it failed with a reason, was parked or dead-lettered, ForeignRow while it lives in another place than
// its id says.

#include <compare>
#include <cstdint>
#include <string>
#include <vector>

#include "peerq/base/ids.hpp"
#include "peerq/base/time.hpp"
#include "peerq/engine/config.hpp"
#include "peerq/engine/layout.hpp"

namespace peerq::engine {
inline namespace v1 {

/// Numbers are bytes on disk: never change or reuse one.
enum class TableId : std::uint8_t {
  shard = 1,
  configs = 2,
  queues = 3,
  lanes = 4,
  messages = 5,
  payloads = 6,
  ready = 7,
  parked = 8,
  aged = 9,
  lease_due = 10,
  wall_due = 11,
  notes = 12,
  foreign = 13,
  attempts = 14,
  attempt_ids = 15,
  reclaim = 16,
  epoch = 17,
  group_names = 25,
  groups = 26,
  group_order = 27,
  group_flights = 28,
  ranks = 29,
  group_timers = 30,
  // 31 is storage's own (sums of rows)
  deduplication = 32,
  deduplication_ends = 33,
  message_deduplication = 34,
  sessions = 35,
  session_replies = 36,
  session_timers = 37,
  session_leases = 38,
  session_count = 39,
  windows = 40,
  moving = 41,
  transfers = 42,
  redrives = 43,
  outcomes = 44,
  outcome_due = 45,
  schedules = 46,
  schedule_due = 47,
  schedule_count = 48,
  far_due = 49,
  catalog_queues = 20,
  catalog_ids = 21,
  catalog_sources = 22,
  catalog_removed = 23,
  catalog_counters = 24,
};

/// Key (queue, sequence): dense runs of numbers; in-memory tables keep such rows in segments, not trees.
struct MessageKey {
  QueueId queue;
  Sequence sequence;

  friend constexpr auto operator<=>(const MessageKey&, const MessageKey&) = default;
  static void layout(auto& archive, auto& key) {
    archive.field(key.queue);
    archive.field(key.sequence);
  }
};

/// Key of a table with one row.
struct SingleKey {
  friend constexpr auto operator<=>(const SingleKey&, const SingleKey&) = default;
  static void layout(auto&, auto&) {}
};

struct QueueKey {
  QueueId queue;

  friend constexpr auto operator<=>(const QueueKey&, const QueueKey&) = default;
  static void layout(auto& archive, auto& key) { archive.field(key.queue); }
};

struct TextKey {
  std::string text;

  friend auto operator<=>(const TextKey&, const TextKey&) = default;
  static void layout(auto& archive, auto& key) { archive.rest(key.text); }
};

enum class MessageState : std::uint8_t {
  fresh = 0,
  delayed = 1,
  ready = 2,
  in_flight = 3,
  parked = 4,
  moving = 5
};

struct MessageRow {
  using Key = MessageKey;
  static constexpr TableId table = TableId::messages;
  static constexpr bool dense = true;

  MessageState state = MessageState::fresh;
  /// A NoteRow exists.
  bool has_note = false;
  /// Came by dead-lettering: time-to-live does not run.
  bool dead_lettered = false;
  std::uint32_t counted_bytes = 0;
  std::uint32_t attempt = 0;
  std::uint32_t receive_count = 0;
  /// Arrival in this queue.
  WallTime arrived;
  /// First send; differs from `arrived` after dead-lettering.
  WallTime first_sent;
  /// Due time of a delayed send or of a nack's delay; 0 = never delayed.
  WallTime due;
  /// End of the time-to-live; 0 = none.
  WallTime expires;
  /// While in flight: the lease's end, and how far it may be extended.
  LeaseTime deadline;
  LeaseTime latest_deadline;
  /// While in flight under an attempt id; 0 = none.
  std::uint64_t attempt_token = 0;
  /// The message's id where it is not (queue, sequence): queue 0 = it is.
  MessageId foreign_id;
  /// Its group; 0 = none. With one, the priority stands here, else its lane is its priority.
  std::uint64_t group = 0;
  std::uint8_t priority = limits::priority_default;
  /// FIFO: which lease of its group was the last with this message (S32).
  std::uint64_t group_lease = 0;
  /// While in flight: the session that the lease ends with; 0 = none.
  SessionId session;
  /// A MessageDeduplicationRow exists.
  bool has_deduplication = false;
  /// Somebody waits for what becomes of it: an OutcomeRow (S77).
  bool has_outcome = false;
  /// As it was sent with, for a redrive: then it starts anew; 0 = none.
  std::int64_t time_to_live_ms = 0;

  /// From when retention counts (S16).
  WallTime retention_base() const noexcept { return due > arrived ? due : arrived; }
  MessageId id(const MessageKey& key) const noexcept {
    return foreign_id.incarnation.value != 0 ? foreign_id : MessageId{key.queue, key.sequence};
  }
  friend bool operator==(const MessageRow&, const MessageRow&) = default;

  /// Only the fields that differ from their defaults are stored: a fresh message takes 15 bytes.
  static void layout(auto& archive, auto& row) {
    std::uint16_t present = presence(row);
    archive.field(row.state);
    archive.field(present);
    archive.field(row.counted_bytes);
    archive.field(row.arrived);
    row_flags(archive, row, present);
    if (present & 0x0004) archive.field(row.attempt);
    if (present & 0x0008) archive.field(row.receive_count);
    if (present & 0x0010) archive.field(row.first_sent);
    if (present & 0x0020) archive.field(row.due);
    if (present & 0x0040) archive.field(row.expires);
    if (present & 0x0080) archive.field(row.deadline), archive.field(row.latest_deadline);
    if (present & 0x0100) archive.field(row.attempt_token);
    if (present & 0x0200) archive.field(row.foreign_id.incarnation), archive.field(row.foreign_id.sequence);
    if (present & 0x0400) archive.field(row.group), archive.field(row.priority);
    if (present & 0x0800) archive.field(row.group_lease);
    if (present & 0x2000) archive.field(row.session);
    if (present & 0x4000) archive.field(row.time_to_live_ms);
  }

 private:
  static std::uint16_t presence(const MessageRow& row) noexcept {
    unsigned bits = 0;
    if (row.has_note) bits |= 0x0001;
    if (row.dead_lettered) bits |= 0x0002;
    if (row.attempt != 0) bits |= 0x0004;
    if (row.receive_count != 0) bits |= 0x0008;
    if (row.first_sent != row.arrived) bits |= 0x0010;
    if (row.due.ms != 0) bits |= 0x0020;
    if (row.expires.ms != 0) bits |= 0x0040;
    if (row.deadline.us != 0 || row.latest_deadline.us != 0) bits |= 0x0080;
    if (row.attempt_token != 0) bits |= 0x0100;
    if (row.foreign_id.incarnation.value != 0) bits |= 0x0200;
    if (row.group != 0) bits |= 0x0400;
    if (row.group_lease != 0) bits |= 0x0800;
    if (row.has_deduplication) bits |= 0x1000;
    if (row.session.value != 0) bits |= 0x2000;
    if (row.time_to_live_ms != 0) bits |= 0x4000;
    if (row.has_outcome) bits |= 0x8000;
    return static_cast<std::uint16_t>(bits);
  }
  static void row_flags(auto& archive, auto& row, std::uint16_t present) {
    if constexpr (std::remove_reference_t<decltype(archive)>::reading) {
      row.has_note = (present & 0x0001) != 0;
      row.dead_lettered = (present & 0x0002) != 0;
      row.has_deduplication = (present & 0x1000) != 0;
      row.has_outcome = (present & 0x8000) != 0;
      row.first_sent = row.arrived;
    }
  }
};

/// Ready messages that are not fresh, in the order in which they are handed out.
struct ReadyRow {
  using Key = MessageKey;
  static constexpr TableId table = TableId::ready;
  static constexpr bool dense = false;
  friend bool operator==(const ReadyRow&, const ReadyRow&) = default;
  static void layout(auto&, auto&) {}
};

struct ParkedRow {
  using Key = MessageKey;
  static constexpr TableId table = TableId::parked;
  static constexpr bool dense = false;
  friend bool operator==(const ParkedRow&, const ParkedRow&) = default;
  static void layout(auto&, auto&) {}
};

/// Ready (not fresh) and parked messages by the time from which retention counts.
struct AgedRow {
  struct Key {
    QueueId queue;
    WallTime base;
    Sequence sequence;
    friend constexpr auto operator<=>(const Key&, const Key&) = default;
    static void layout(auto& archive, auto& key) {
      archive.field(key.queue);
      archive.field(key.base);
      archive.field(key.sequence);
    }
  };
  static constexpr TableId table = TableId::aged;
  static constexpr bool dense = false;
  friend bool operator==(const AgedRow&, const AgedRow&) = default;
  static void layout(auto&, auto&) {}
};

/// Lease deadlines, in the order in which they lapse (S3).
struct LeaseDueRow {
  struct Key {
    LeaseTime at;
    QueueId queue;
    Sequence sequence;
    friend constexpr auto operator<=>(const Key&, const Key&) = default;
    static void layout(auto& archive, auto& key) {
      archive.field(key.at);
      archive.field(key.queue);
      archive.field(key.sequence);
    }
  };
  static constexpr TableId table = TableId::lease_due;
  static constexpr bool dense = false;
  friend bool operator==(const LeaseDueRow&, const LeaseDueRow&) = default;
  static void layout(auto&, auto&) {}
};

enum class WallDue : std::uint8_t {
  delay = 0,
  time_to_live = 1,
  retention = 2,
  group = 3,   ///< the end of a group's retry delay; the group's number stands for the sequence
  window = 4,  ///< the queue's delivery window opens or closes
};

/// What falls due by the calendar: delays, times-to-live, retry delays of groups, and of each queue (sequence
/// 0) the next turn of its window and one retention timer, which may be early but never late.
struct WallDueRow {
  struct Key {
    WallTime at;
    QueueId queue;
    Sequence sequence;
    WallDue kind = WallDue::delay;
    friend constexpr auto operator<=>(const Key&, const Key&) = default;
    static void layout(auto& archive, auto& key) {
      archive.field(key.at);
      archive.field(key.queue);
      archive.field(key.sequence);
      archive.field(key.kind);
    }
  };
  static constexpr TableId table = TableId::wall_due;
  static constexpr bool dense = false;
  friend bool operator==(const WallDueRow&, const WallDueRow&) = default;
  static void layout(auto&, auto&) {}
};

/// What falls due by the calendar later than soon (`far_due_span`): by coarse buckets of time, in each in the
/// order of the messages, so that rows spread over a day go to the end of a few buckets instead of all over a
/// table. Shortly before their time they become WallDueRows. Delays and times-to-live only; the exact time
/// is the message's.
struct FarDueRow {
  struct Key {
    std::uint64_t bucket = 0;
    QueueId queue;
    Sequence sequence;
    WallDue kind = WallDue::delay;
    friend constexpr auto operator<=>(const Key&, const Key&) = default;
    static void layout(auto& archive, auto& key) {
      archive.field(key.bucket);
      archive.field(key.queue);
      archive.field(key.sequence);
      archive.field(key.kind);
    }
  };
  static constexpr TableId table = TableId::far_due;
  static constexpr bool dense = false;
  friend bool operator==(const FarDueRow&, const FarDueRow&) = default;
  static void layout(auto&, auto&) {}

  static constexpr std::uint64_t bucket_of(WallTime at) noexcept {
    return at.ms <= 0 ? 0 : static_cast<std::uint64_t>(at.ms) / span;
  }
  /// Buckets up to this one are not far.
  static constexpr std::uint64_t near_at(WallTime now) noexcept { return bucket_of(now) + 1; }
  /// When a bucket is no longer far.
  static constexpr WallTime near_from(std::uint64_t bucket) noexcept {
    return {bucket == 0 ? 0 : static_cast<std::int64_t>((bucket - 1) * span)};
  }

  static constexpr auto span = static_cast<std::uint64_t>(limits::far_due_span.count());
};

enum class Cause : std::uint8_t {
  none = 0,
  attempts = 1,
  rejected = 2,
  time_to_live = 3,
  retention = 4,
  overflow = 5
};

/// What went wrong with a message so far, and where it came from (S36, S38).
struct NoteRow {
  using Key = MessageKey;
  static constexpr TableId table = TableId::notes;
  static constexpr bool dense = false;

  /// Why it was dead-lettered or parked.
  Cause cause = Cause::none;
  /// The last reason given by a nack or reject.
  std::string last_error;
  /// The queue that dead-lettered it last, and its name; 0 = none (S72).
  QueueId source;
  std::string source_name;
  /// The first one.
  QueueId origin;
  std::string origin_name;
  /// The receive count when it was dead-lettered last.
  std::uint32_t attempts = 0;
  WallTime dead_lettered_at;

  friend bool operator==(const NoteRow&, const NoteRow&) = default;
  static void layout(auto& archive, auto& row) {
    archive.field(row.cause);
    archive.text(row.last_error);
    archive.field(row.source);
    archive.text(row.source_name);
    archive.field(row.origin);
    archive.text(row.origin_name);
    archive.field(row.attempts);
    archive.field(row.dead_lettered_at);
  }
};

/// Where a message lives whose id names another queue.
struct ForeignRow {
  struct Key {
    QueueId queue;
    MessageId id;
    friend constexpr auto operator<=>(const Key&, const Key&) = default;
    static void layout(auto& archive, auto& key) {
      archive.field(key.queue);
      archive.field(key.id.incarnation);
      archive.field(key.id.sequence);
    }
  };
  static constexpr TableId table = TableId::foreign;
  static constexpr bool dense = false;

  Sequence sequence;

  friend bool operator==(const ForeignRow&, const ForeignRow&) = default;
  static void layout(auto& archive, auto& row) { archive.field(row.sequence); }
};

/// The live leases of one receive with an attempt id (S21); gone with the last of them.
struct AttemptRow {
  struct Key {
    QueueId queue;
    std::uint64_t token = 0;
    friend constexpr auto operator<=>(const Key&, const Key&) = default;
    static void layout(auto& archive, auto& key) {
      archive.field(key.queue);
      archive.field(key.token);
    }
  };
  static constexpr TableId table = TableId::attempts;
  static constexpr bool dense = false;

  std::string attempt_id;
  std::vector<Sequence> leased;

  friend bool operator==(const AttemptRow&, const AttemptRow&) = default;
  static void layout(auto& archive, auto& row) {
    archive.text(row.attempt_id);
    auto count = static_cast<std::uint32_t>(row.leased.size());
    archive.field(count);
    if constexpr (std::remove_reference_t<decltype(archive)>::reading) {
      if (count > archive.remaining() / sizeof(std::uint64_t))
        count = 0;  // then bytes are left over: refused
      row.leased.resize(count);
    }
    for (auto& sequence : row.leased) archive.field(sequence);
  }
};

struct AttemptIdRow {
  struct Key {
    QueueId queue;
    std::string attempt_id;
    friend auto operator<=>(const Key&, const Key&) = default;
    static void layout(auto& archive, auto& key) {
      archive.field(key.queue);
      archive.rest(key.attempt_id);
    }
  };
  static constexpr TableId table = TableId::attempt_ids;
  static constexpr bool dense = false;

  std::uint64_t token = 0;

  friend bool operator==(const AttemptIdRow&, const AttemptIdRow&) = default;
  static void layout(auto& archive, auto& row) { archive.field(row.token); }
};

}  // namespace v1
}  // namespace peerq::engine
