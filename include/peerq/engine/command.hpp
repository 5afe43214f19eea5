#pragma once
// Views of the commands that a log entry carries. A view owns nothing: it lives as long as the entry's bytes
// and the decoder that made it. The codec port turns bytes into views and views into bytes.

#include <cstdint>
#include <span>
#include <string_view>
#include <variant>

#include "peerq/base/bytes.hpp"
#include "peerq/base/errc.hpp"
#include "peerq/base/ids.hpp"
#include "peerq/base/limits.hpp"
#include "peerq/base/time.hpp"
#include "peerq/engine/config.hpp"

namespace peerq::engine {
inline namespace v1 {

/// The state machine's own version: rules change only under a higher one. A higher one is refused (S53).
inline constexpr std::uint16_t entry_version = 2;

/// What every entry begins with.
struct EntryHeader {
  std::uint16_t version = entry_version;
  Stamps stamps;
  PeerId proposer;
  /// The proposer's wall clock is suspect: time-to-live and retention stand still (S64).
  bool expiry_halted = false;
  /// The proposer's disk takes no new data: runs of schedules are lost (S54, S79).
  bool storage_full = false;

  friend bool operator==(const EntryHeader&, const EntryHeader&) = default;
};

/// Who sent a command, for replay detection (S18). (0, 0) inside the leader's own process.
struct Origin {
  SessionId session;
  std::uint64_t sequence = 0;
  PrincipalId principal;

  friend bool operator==(const Origin&, const Origin&) = default;
};

/// One message of a send.
struct SendItem {
  /// The producer's message bytes (docs/formats.md, message); the engine never looks inside.
  Bytes payload;
  /// A buffer that is `payload` and nothing else, to be shared; null when it is part of the entry's bytes.
  const SharedBytes* own = nullptr;
  /// Body and attributes, as counted against the limits.
  std::uint32_t counted_bytes = 0;
  std::uint8_t priority = limits::priority_default;
  /// When it is to be ready: positive = at this time (the past means now); negative = that many ms after the
  /// entry's wall stamp; 0 = after the queue's delay. An explicit delay of 0 is written as 1, a time long
  /// past.
  WallTime due = {};
  /// Time-to-live in ms from the due time; 0 = the queue's; -1 = none.
  std::int64_t time_to_live_ms = 0;
  Bytes group_id = {};
  /// Given by the sender, or made of the body by the proposer (S17).
  Bytes deduplication_id = {};
  /// Somebody waits for the outcome until then: it is kept, and told apart by the message's id (S77); 0 =
  /// nobody.
  WallTime outcome_until = {};
};

struct Send {
  QueueId queue;
  /// All or nothing (S14).
  bool atomic = false;
  std::span<const SendItem> items;
};

struct Receive {
  QueueId queue;
  std::uint32_t max_messages = 1;
  std::uint64_t max_bytes = limits::receive_bytes_default;
  /// 0 = the queue's visibility timeout.
  std::int64_t visibility_ms = 0;
  /// At most once: hand out and remove (S69).
  bool erase = false;
  /// Empty = none (S21).
  Bytes attempt_id = {};
  /// The leases end with the session of the command's origin (S70).
  bool bind_to_session = false;
};

/// A queue of a receive from several, and its share.
struct WeightedQueue {
  QueueId queue;
  std::uint32_t weight = 1;
};

/// Receive from several queues of one shard: up to `max_messages` in all, by weight (S27).
struct ReceiveSeveral {
  std::span<const WeightedQueue> queues;
  std::uint32_t max_messages = 1;
  std::uint64_t max_bytes = limits::receive_bytes_default;
  std::int64_t visibility_ms = 0;
};

/// Which message of a queue, and which lease of it. Attempt 0 is a lease of a former receipt epoch: older
/// than every lease there is (S58).
struct LeaseRef {
  Sequence sequence;
  std::uint32_t attempt = 0;

  friend constexpr auto operator<=>(const LeaseRef&, const LeaseRef&) = default;
};

enum class Verb : std::uint8_t { erase, extend, nack, release, reject };

/// One receipt of a delete, extend, nack, release or reject.
struct SettleItem {
  LeaseRef lease;
  /// extend: duration in ms from now; nack: delay in ms, -1 = the queue's retry policy.
  std::int64_t value_ms = -1;
  /// nack, reject: why; up to 1 KiB, cut.
  Bytes reason = {};
  /// erase: what came of it, for who waits for the outcome (S77): a message's bytes, or empty.
  Bytes result = {};
};

struct Settle {
  QueueId queue;
  Verb verb = Verb::erase;
  std::span<const SettleItem> items;
};

/// Parked to ready (S67): the messages named, or when none are named up to `max_messages` from the front.
struct Kick {
  QueueId queue;
  std::span<const MessageId> ids;
  std::uint32_t max_messages = 0;
};

struct Purge {
  QueueId queue;
};

/// Takes out what is delayed, ready or parked (S66).
struct Cancel {
  QueueId queue;
  std::span<const MessageId> ids;
};

/// Deletes and sends in one shard: all or nothing (S76).
struct Transact {
  struct Part {
    QueueId queue;
    std::span<const SettleItem> erases;
    std::span<const SendItem> sends;
  };
  std::span<const Part> parts;
};

enum class GroupVerb : std::uint8_t {
  pause,   ///< deliveries stop
  resume,  ///< deliveries go on
  park,    ///< as if its head had used up its attempts under `park_group`
  unpark   ///< the receive count of its head starts anew
};

/// An operator's word on one group.
struct ChangeGroup {
  QueueId queue;
  GroupVerb verb = GroupVerb::pause;
  Bytes group_id;
};

/// Ready messages of a dead-letter queue back to their sources, or to `target` (S39). One task per queue.
struct StartRedrive {
  QueueId queue = {};
  /// 0 = each message's own source.
  QueueId target = {};
  /// Only what has one of these causes (bit n = Cause n); 0 = all.
  std::uint32_t causes = 0;
  /// Only what came from this queue; 0 = all.
  QueueId source = {};
  /// Messages a second at most; 0 = no limit.
  std::uint32_t rate = 0;
  /// At most so many; 0 = all that are there now.
  std::uint64_t max_messages = 0;
};

struct StopRedrive {
  QueueId queue;
};

/// A message that another shard dead-lettered or redrives (S41): arrives once, whatever is repeated.
struct Arrive {
  QueueId queue;
  MessageId id;
  /// Where it is counted until this is confirmed, and its number among what went from there to here: they
  /// arrive in order, without a gap, so that a repeated one is known.
  QueueId from;
  std::uint64_t transfer = 0;
  /// The number before this one; 0 = a chain begins.
  std::uint64_t after = 0;
  Bytes payload;
  const SharedBytes* own = nullptr;
  std::uint32_t counted_bytes = 0;
  std::uint8_t priority = limits::priority_default;
  std::uint32_t attempt = 0;
  WallTime first_sent;
  /// Time-to-live that starts anew at a redrive, ms; 0 = none.
  std::int64_t time_to_live_ms = 0;
  bool redriven = false;
  Bytes group_id;
  /// Encoded `NoteRow`.
  Bytes note;
};

/// The other shard's answer: the message is there, or `refused` says why it stays here.
struct Moved {
  QueueId queue;
  QueueId target = {};
  std::uint64_t transfer = 0;
  errc refused = errc::ok;
};

/// Opens the session, or keeps it alive (S18). The id is the opener's choice: 64 random bits.
struct OpenSession {
  SessionId session;
};

struct CloseSession {
  SessionId session;
};

/// What a recurring schedule sends, and when; runs are resolved by the proposer (S79).
struct PutSchedule {
  QueueId queue;
  std::string_view name;
  /// The specification as the user wrote it: for the proposer and for people.
  std::string_view specification;
  std::string_view zone;
  MissedRuns missed = MissedRuns::one;
  /// From when intervals count.
  WallTime anchor;
  SendItem item;
  /// The next runs in order; the proposer adds more before they are used up.
  std::span<const std::int64_t> runs_ms;
};

struct ExtendSchedule {
  QueueId queue;
  std::string_view name;
  /// Of the schedule that the runs were made for: an older one's are ignored.
  std::uint64_t version = 0;
  std::span<const std::int64_t> runs_ms;
};

struct RemoveSchedule {
  QueueId queue;
  std::string_view name;
};

/// When the queue's delivery windows open and close next, in turn, resolved by the proposer (S78).
struct SetWindow {
  QueueId queue;
  /// Of the queue's parameters that they were made for: an older one's are ignored.
  std::uint64_t version = 0;
  bool open = true;
  std::span<const std::int64_t> turns_ms;
};

/// The catalog's word on a queue, repeated until confirmed; idempotent by version.
struct Configure {
  QueueConfig config;
  /// The queue is deleted: its rows are reclaimed in slices.
  bool removed = false;
};

/// This shard may have lost the end of its log: numbers of new messages start at `number_floor` at least, and
/// receipts given before are stale (S58, S82).
struct NewEpoch {
  std::uint64_t number_floor = 0;
};

/// Nothing but the entry's stamps: makes due what is due.
struct Tick {};

// Commands of the catalog shard.

struct CreateQueue {
  std::string_view name;
  QueueOptions options;
};

struct UpdateQueue {
  std::string_view name;
  /// 0 = whatever has the name now; else must still be this incarnation.
  QueueId queue;
  QueueOptions options;
};

struct PauseQueue {
  std::string_view name;
  QueueId queue;
  bool paused = true;
};

struct DeleteQueue {
  std::string_view name;
  QueueId queue;
  bool force = false;
};

/// A data shard has applied `Configure(version)`.
struct Configured {
  QueueId queue;
  std::uint64_t version = 0;
};

using CommandBody =
    std::variant<Tick, Send, Receive, Settle, Kick, Purge, Configure, CreateQueue, UpdateQueue, PauseQueue,
                 DeleteQueue, Configured, NewEpoch, ReceiveSeveral, Cancel, Transact, ChangeGroup,
                 StartRedrive, StopRedrive, Arrive, Moved, OpenSession, CloseSession, PutSchedule,
                 ExtendSchedule, RemoveSchedule, SetWindow>;

struct Command {
  Origin origin;
  CommandBody body;
};

/// A decoded entry: views into `bytes`.
struct EntryView {
  EntryHeader header;
  std::span<const Command> commands;
  /// The entry's own bytes: rows that keep a payload share them. Empty for an entry that is never written.
  SharedBytes bytes;
};

}  // namespace v1
}  // namespace peerq::engine
