#pragma once
// What a producer sends, and how messages are named.

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "peerq/base/export.hpp"
#include "peerq/base/ids.hpp"
#include "peerq/base/limits.hpp"
#include "peerq/base/result.hpp"
#include "peerq/base/time.hpp"

namespace peerq {

/// Keys printable ASCII, 1 to 128 B; values any bytes; at most 64.
using Attributes = std::map<std::string, std::string, std::less<>>;

/// How one message is sent. Every field may be left out.
struct SendOptions {
  /// How long it stays invisible: 0 to 10 years, precise to the millisecond. Left out: the queue's delay.
  std::optional<Milliseconds> delay = {};
  /// Instead of `delay`: when it becomes visible; the past means now (S16).
  std::optional<std::chrono::system_clock::time_point> deliver_at = {};
  /// 1 ms to 10 years, counted from when it becomes visible. Left out: the queue's.
  std::optional<Milliseconds> time_to_live = {};
  Attributes attributes = {};
  /// Name of a queue for answers; carried, not interpreted.
  std::string reply_to = {};
  /// Up to 128 bytes; carried, not interpreted.
  std::string correlation_id = {};
  /// 0-9; 9 is handed out first (S26).
  std::uint8_t priority = limits::priority_default;
  /// Up to 128 bytes of any value; empty = none. A FIFO queue needs one (S62): order is kept inside a group
  /// (S42). In a standard queue, groups share the deliveries fairly (S29).
  std::string group_id = {};
  /// Up to 128 bytes of any value; empty = none, or made of the body where the queue says so. A message sent
  /// with the same id inside the queue's window is not sent again (S17).
  std::string deduplication_id = {};
  /// How long the call may take. At least 1 ms.
  Milliseconds timeout = limits::timeout_default;
};

/// One message of a batch: any bytes (S13), and how it is sent (`timeout` of the batch counts, not this
/// one's).
struct Message {
  std::string body = {};
  SendOptions options = {};
};

/// How a batch is sent.
struct BatchOptions {
  /// All messages or none (S14).
  bool atomic = false;
  Milliseconds timeout = limits::timeout_default;
};

/// What an acknowledged send got.
struct Sent {
  MessageId id = {};
  /// A message with this deduplication id was there already; `id` is its (S17).
  bool deduplicated = false;
};

/// 32 hex digits.
PEERQ_API std::string to_string(const MessageId& id);
/// **Errors** invalid_argument.
PEERQ_API Result<MessageId> parse_message_id(std::string_view text);

}  // namespace peerq
