#pragma once
// Questions to a shard's state that change nothing, and their answers.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "peerq/base/ids.hpp"
#include "peerq/base/time.hpp"
#include "peerq/engine/moving_rows.hpp"
#include "peerq/engine/outcome_rows.hpp"
#include "peerq/engine/queue_rows.hpp"
#include "peerq/engine/reply.hpp"
#include "peerq/engine/rows.hpp"
#include "peerq/engine/schedule_rows.hpp"

namespace peerq::engine {
inline namespace v1 {

/// When the shard next needs an entry although nobody asks for anything.
struct NextDue {
  /// Earliest lease deadline; `never()` = no lease is live. While one is, a stamp is logged every 10 s (S2).
  LeaseTime lease = LeaseTime::never();
  WallTime wall = WallTime::never();
  /// Rows wait to be reclaimed, or a bound was hit: as soon as there is nothing better to do.
  bool more = false;
};

/// What a finished checkpoint lets the log forget.
struct Checkpoint {
  LogIndex index;
  Term term;
  LogIndex configuration_index;
  std::string configuration;
};

/// What a queue's limits are about.
struct Depth {
  std::uint64_t messages = 0;
  std::uint64_t bytes = 0;
};

/// A queue's exact counters at one point of its log.
struct QueueFacts {
  QueueRow counters;
  /// First send time of the oldest message that is ready, else of the oldest live one; none when empty.
  std::optional<WallTime> oldest;
  /// Deliveries wait because of the in-flight cap (S24), or the pause.
  bool at_in_flight_cap = false;
  bool paused = false;
  /// Until the next delivery window (S78).
  bool window_closed = false;
  /// The queue's bucket has no whole token (S30).
  bool at_rate = false;
};

/// One message as an operator sees it.
struct MessageInfo {
  MessageId id;
  Sequence sequence;
  MessageState state = MessageState::fresh;
  std::uint32_t counted_bytes = 0;
  std::uint32_t attempt = 0;
  std::uint32_t receive_count = 0;
  std::uint8_t priority = limits::priority_default;
  /// Empty = none.
  std::string group_id;
  WallTime first_sent;
  WallTime arrived;
  /// Delayed: when it falls due. In flight: how long the lease still lasts.
  WallTime due;
  WallTime expires;
  std::int64_t lease_left_ms = 0;
  /// By this queue's source, and not redriven since: a redrive moves it (S39).
  bool dead_lettered = false;
  NoteRow note;
  Payload payload;
};

/// Why a message is not handed out now.
enum class HoldKind : std::uint8_t {
  paused,         ///< the queue
  window_closed,  ///< until the next delivery window
  in_flight_cap,  ///< of the queue
  rate,           ///< of the queue
  delayed,
  in_flight,
  parked,
  expired,        ///< its time is over: it goes with the next entry
  group_leased,   ///< FIFO: a message of its group is in flight
  group_delayed,  ///< FIFO: a message of its group waits for its retry
  group_cap,
  group_rate,
  group_paused,
  group_parked,
  group_order,  ///< FIFO: others of its group come first
};

struct Hold {
  HoldKind kind;
  /// Until when, by the calendar; 0 = open.
  WallTime until;
  /// Until when, in ms from now by lease time; 0 = open.
  std::int64_t left_ms = 0;
  /// in_flight, group_leased: which lease. group_order: the message at the head.
  LeaseRef lease{};
};

/// A message, and what holds it; nothing = it can be handed out now, after those before it.
struct Explanation {
  MessageState state = MessageState::fresh;
  std::string group_id;
  std::vector<Hold> holds;
};

/// A group as an operator sees it.
struct GroupInfo {
  std::string group_id;
  std::uint64_t live = 0;
  std::uint64_t ready = 0;
  std::uint64_t in_flight = 0;
  bool open = false;
  bool paused = false;
  bool parked = false;
  WallTime held_until = {};
};

struct GroupPage {
  std::vector<GroupInfo> groups;
  /// The name after which the next page starts; none = this was the last.
  std::optional<std::string> next;
};

/// A message on its way to another shard.
struct MovingMessage {
  MovingRow::Key key;
  MovingRow row;
  Payload payload;
};

struct ScheduleInfo {
  std::string name;
  ScheduleRow row;
};

/// Which messages: `peek` shows those that are ready (S28); `list` shows every state.
struct PageRequest {
  QueueId queue;
  bool deliverable_only = false;
  /// Only this state, for lists.
  std::optional<MessageState> state;
  /// Continue after this one; zero = from the start.
  Sequence after;
  std::size_t max_messages = limits::page_default;
  bool with_payload = true;
};

struct MessagePage {
  std::vector<MessageInfo> messages;
  /// Where the next page starts; none = this was the last. A page may be short or empty and still have a next
  /// one.
  std::optional<Sequence> next;
  LogIndex applied;
};

}  // namespace v1
}  // namespace peerq::engine
