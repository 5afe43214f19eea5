#pragma once
// What a shard remembers of sessions (S18): which are open, and the replies of their last requests.

#include <compare>
#include <string>

#include "peerq/base/ids.hpp"
#include "peerq/base/time.hpp"
#include "peerq/engine/rows.hpp"

namespace peerq::engine {
inline namespace v1 {

struct SessionKey {
  SessionId session;

  friend constexpr auto operator<=>(const SessionKey&, const SessionKey&) = default;
  static void layout(auto& archive, auto& key) { archive.field(key.session); }
};

struct SessionRow {
  using Key = SessionKey;
  static constexpr TableId table = TableId::sessions;
  static constexpr bool dense = false;

  /// When its last request came.
  LeaseTime last;
  /// When the session is looked at again: a SessionTimerRow.
  LeaseTime timer;
  /// Requests up to this one are not remembered any more.
  std::uint64_t forgotten = 0;
  /// Replies kept.
  std::uint32_t kept = 0;

  friend bool operator==(const SessionRow&, const SessionRow&) = default;
  static void layout(auto& archive, auto& row) {
    archive.field(row.last);
    archive.field(row.timer);
    archive.field(row.forgotten);
    archive.field(row.kept);
  }
};

/// Encoded reply of a request (reply_layout.hpp).
struct SessionReplyRow {
  struct Key {
    SessionId session;
    std::uint64_t sequence = 0;
    friend constexpr auto operator<=>(const Key&, const Key&) = default;
    static void layout(auto& archive, auto& key) {
      archive.field(key.session);
      archive.field(key.sequence);
    }
  };
  static constexpr TableId table = TableId::session_replies;
  static constexpr bool dense = false;

  std::string reply;

  friend bool operator==(const SessionReplyRow&, const SessionReplyRow&) = default;
  static void layout(auto& archive, auto& row) { archive.rest(row.reply); }
};

struct SessionTimerRow {
  struct Key {
    LeaseTime at;
    SessionId session;
    friend constexpr auto operator<=>(const Key&, const Key&) = default;
    static void layout(auto& archive, auto& key) {
      archive.field(key.at);
      archive.field(key.session);
    }
  };
  static constexpr TableId table = TableId::session_timers;
  static constexpr bool dense = false;
  friend bool operator==(const SessionTimerRow&, const SessionTimerRow&) = default;
  static void layout(auto&, auto&) {}
};

/// A lease that ends with the session (S70).
struct SessionLeaseRow {
  struct Key {
    SessionId session;
    QueueId queue;
    Sequence sequence;
    friend constexpr auto operator<=>(const Key&, const Key&) = default;
    static void layout(auto& archive, auto& key) {
      archive.field(key.session);
      archive.field(key.queue);
      archive.field(key.sequence);
    }
  };
  static constexpr TableId table = TableId::session_leases;
  static constexpr bool dense = false;
  friend bool operator==(const SessionLeaseRow&, const SessionLeaseRow&) = default;
  static void layout(auto&, auto&) {}
};

/// How many sessions are open.
struct SessionCountRow {
  using Key = SingleKey;
  static constexpr TableId table = TableId::session_count;
  static constexpr bool dense = false;

  std::uint64_t open = 0;

  friend bool operator==(const SessionCountRow&, const SessionCountRow&) = default;
  static void layout(auto& archive, auto& row) { archive.field(row.open); }
};

}  // namespace v1
}  // namespace peerq::engine
