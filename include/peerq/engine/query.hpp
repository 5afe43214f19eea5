#pragma once
// Questions to a shard's state that change nothing, and their answers.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "peerq/base/ids.hpp"
#include "peerq/base/time.hpp"
#include "peerq/engine/queue_rows.hpp"
#include "peerq/engine/reply.hpp"
#include "peerq/engine/rows.hpp"

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

/// A queue's exact counters at one point of its log.
struct QueueFacts {
  QueueRow counters;
  /// First send time of the oldest message that is ready, else of the oldest live one; none when empty.
  std::optional<WallTime> oldest;
  /// Deliveries wait because of the in-flight cap (S24), or the pause.
  bool at_in_flight_cap = false;
  bool paused = false;
};

/// One message as an operator sees it.
struct MessageInfo {
  MessageId id;
  Sequence sequence;
  MessageState state = MessageState::fresh;
  std::uint32_t counted_bytes = 0;
  std::uint32_t attempt = 0;
  std::uint32_t receive_count = 0;
  WallTime first_sent;
  WallTime arrived;
  /// Delayed: when it falls due. In flight: how long the lease still lasts.
  WallTime due;
  WallTime expires;
  std::int64_t lease_left_ms = 0;
  NoteRow note;
  Payload payload;
};

/// Which messages: `peek` shows those that would be handed out next, in order; `list` shows every state.
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
