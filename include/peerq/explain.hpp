#pragma once
// Why a message is not handed out now.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "peerq/base/export.hpp"
#include "peerq/queue_views.hpp"

namespace peerq {

enum class HoldKind : std::uint8_t {
  queue_paused,
  window_closed,  ///< Until the next delivery window.
  in_flight_cap,  ///< `max_in_flight` of the queue is reached.
  rate,           ///< The queue's bucket has no whole token.
  delayed,
  in_flight,
  parked,
  expired,        ///< Its time is over: it goes with the next entry of the log.
  group_leased,   ///< FIFO: a message of its group is in flight.
  group_delayed,  ///< FIFO: the first message of its group waits for its retry.
  group_cap,      ///< `max_in_flight_per_group` is reached.
  group_rate,     ///< The group's bucket has no whole token.
  group_paused,
  group_parked,
  group_order,  ///< FIFO: others of its group come first.
};

/// One thing that keeps a message back.
struct Hold {
  HoldKind kind = HoldKind::delayed;
  /// Until when, as far as that is known: leases can be extended or end early.
  std::optional<std::chrono::system_clock::time_point> until = {};
  /// in_flight, group_leased: the receipt of the lease. Whoever has it can settle the message.
  std::string receipt = {};

  friend bool operator==(const Hold&, const Hold&) = default;
};

/// A message, and all that keeps it back; nothing = it can be handed out now, after those before it.
struct Explanation {
  MessageStatus status = MessageStatus::ready;
  std::string group_id = {};
  std::vector<Hold> holds = {};
};

/// One sentence for people, times in UTC: "delayed until 2026-01-31 12:00:00.000; its group 'a' is paused".
PEERQ_API std::string to_string(const Explanation& explanation);

}  // namespace peerq
