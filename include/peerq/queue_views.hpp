#pragma once
// What a look at a queue shows: messages, groups, counters.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "peerq/base/limits.hpp"
#include "peerq/base/time.hpp"
#include "peerq/delivery.hpp"
#include "peerq/message.hpp"

namespace peerq {

/// States of a message in a queue.
enum class MessageStatus : std::uint8_t { ready, delayed, in_flight, parked };

/// A message as an operator sees it: no lease, no count (S28).
struct MessageSummary {
  MessageId id = {};
  MessageStatus status = MessageStatus::ready;
  std::string body = {};
  Attributes attributes = {};
  /// Body and attributes in bytes.
  std::uint64_t size = 0;
  std::uint32_t attempt = 0;
  std::uint32_t receive_count = 0;
  int priority = limits::priority_default;
  /// Empty = none.
  std::string group_id = {};
  std::chrono::system_clock::time_point sent_at = {};
  /// Delayed: when it becomes visible.
  std::optional<std::chrono::system_clock::time_point> due_at = {};
  /// When its time-to-live ends.
  std::optional<std::chrono::system_clock::time_point> expires_at = {};
  /// In flight: how long the lease still lasts.
  Milliseconds lease_left{0};
  Failure failure = {};
};

struct ListOptions {
  /// Only messages in this state.
  std::optional<MessageStatus> status = {};
  /// Where to go on: `ListPage::next`.
  std::uint64_t after = 0;
  /// 1 to 1,000.
  std::size_t max_messages = limits::page_default;
  bool with_body = true;
};

struct ListPage {
  std::vector<MessageSummary> messages = {};
  /// Continue from here; none = this was the last page. A page is short and has a next one only when the
  /// search for more took longer than a call may (30 s).
  std::optional<std::uint64_t> next = {};
};

/// Exact counters of a queue at one point (all but `oldest_age` and the flags are exact sums of its log).
struct QueueStatistics {
  std::uint64_t ready = 0;
  std::uint64_t delayed = 0;
  std::uint64_t in_flight = 0;
  std::uint64_t parked = 0;
  /// Those of the ready ones that their group keeps back: leased, in retry delay, parked, paused, at its cap
  /// or rate.
  std::uint64_t held = 0;
  /// On their way to a dead-letter queue of another durability (S41); listed nowhere.
  std::uint64_t moving = 0;
  /// Bytes of bodies and attributes of all these.
  std::uint64_t bytes = 0;

  // Since the queue was created:
  std::uint64_t sent = 0;
  /// Came by dead-lettering or a redrive.
  std::uint64_t arrived = 0;
  std::uint64_t received = 0;
  std::uint64_t redelivered = 0;
  std::uint64_t deleted = 0;
  std::uint64_t expired = 0;
  std::uint64_t dead_lettered = 0;
  std::uint64_t purged = 0;
  /// Taken out by `Queue::cancel`.
  std::uint64_t cancelled = 0;
  /// Pushed out by newer ones (`drop_oldest`), where there is no dead-letter queue.
  std::uint64_t dropped = 0;
  /// Of a dead-letter queue: left it by a redrive. `sent` + `arrived` are what is there and all that left.
  std::uint64_t redriven = 0;

  /// Age of the oldest message that is ready, else of the oldest there is; none when empty.
  std::optional<Milliseconds> oldest_age = {};
  bool paused = false;
  /// Deliveries wait because `max_in_flight` is reached (S24).
  bool at_in_flight_cap = false;
  /// Deliveries wait for the next delivery window (S78).
  bool window_closed = false;
  /// Deliveries wait for the next token of the queue's rate (S30).
  bool at_rate_limit = false;
};

/// A group of messages as an operator sees it.
struct GroupSummary {
  std::string group_id = {};
  /// Messages of the group, whatever their state.
  std::uint64_t messages = 0;
  std::uint64_t ready = 0;
  std::uint64_t in_flight = 0;
  /// Something of it can be handed out now, as far as the group goes.
  bool open = false;
  /// By `Queue::pause_group`.
  bool paused = false;
  /// By its poison message, or by `Queue::park_group` (S45).
  bool parked = false;
  /// FIFO: its first message waits for its retry until then.
  std::optional<std::chrono::system_clock::time_point> held_until = {};
};

struct ListGroupsOptions {
  /// Go on after this group: `GroupPage::next`.
  std::string after = {};
  /// 1 to 1,000.
  std::size_t max_groups = limits::page_default;
};

struct GroupPage {
  std::vector<GroupSummary> groups = {};
  /// Continue from here; none = this was the last page. A page is short and has a next one only when the
  /// search for more took longer than a call may (30 s).
  std::optional<std::string> next = {};
};

}  // namespace peerq
