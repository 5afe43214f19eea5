#pragma once
// What a queue remembers of deduplication ids (S17). A row lives until its window ends, whatever becomes of
// the message; what is past its end does not exist for any operation, slices reclaim it.

#include <compare>
#include <string>

#include "peerq/base/ids.hpp"
#include "peerq/base/time.hpp"
#include "peerq/engine/rows.hpp"

namespace peerq::engine {
inline namespace v1 {

/// The message that was accepted under this id.
struct DeduplicationRow {
  struct Key {
    QueueId queue;
    std::string id;
    friend auto operator<=>(const Key&, const Key&) = default;
    static void layout(auto& archive, auto& key) {
      archive.field(key.queue);
      archive.rest(key.id);
    }
  };
  static constexpr TableId table = TableId::deduplication;
  static constexpr bool dense = false;

  MessageId message;
  WallTime until;

  friend bool operator==(const DeduplicationRow&, const DeduplicationRow&) = default;
  static void layout(auto& archive, auto& row) {
    archive.field(row.message.incarnation);
    archive.field(row.message.sequence);
    archive.field(row.until);
  }
};

/// The same by the end of its window, then by message: rows that come at the end of the table and go at its
/// front.
struct DeduplicationEndRow {
  struct Key {
    QueueId queue;
    WallTime until;
    Sequence message;
    friend constexpr auto operator<=>(const Key&, const Key&) = default;
    static void layout(auto& archive, auto& key) {
      archive.field(key.queue);
      archive.field(key.until);
      archive.field(key.message);
    }
  };
  static constexpr TableId table = TableId::deduplication_ends;
  static constexpr bool dense = false;

  std::string id;

  friend bool operator==(const DeduplicationEndRow&, const DeduplicationEndRow&) = default;
  static void layout(auto& archive, auto& row) { archive.text(row.id); }
};

/// The id of a message, while it lives in the queue it was sent to: a cancel forgets it.
struct MessageDeduplicationRow {
  using Key = MessageKey;
  static constexpr TableId table = TableId::message_deduplication;
  static constexpr bool dense = false;

  std::string id;

  friend bool operator==(const MessageDeduplicationRow&, const MessageDeduplicationRow&) = default;
  static void layout(auto& archive, auto& row) { archive.text(row.id); }
};

}  // namespace v1
}  // namespace peerq::engine
