#pragma once
// What a command gets back, and what an entry causes outside: plain records, filled by the engine, used by
// the node.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "peerq/base/bytes.hpp"
#include "peerq/base/errc.hpp"
#include "peerq/base/ids.hpp"
#include "peerq/base/result.hpp"
#include "peerq/base/time.hpp"
#include "peerq/engine/command.hpp"
#include "peerq/engine/rows.hpp"

namespace peerq::engine {
inline namespace v1 {

/// A payload in memory, or still in the base tables and to be fetched off the core.
class PayloadSource {
 public:
  virtual ~PayloadSource() = default;
  /// Reads and checks the payload. **Errors** corrupt, node_failed. **Thread** any one; may wait for the
  /// disk.
  virtual Result<SharedBytes> fetch() = 0;
};

struct Payload {
  SharedBytes bytes;
  /// Set when the bytes are cold; `bytes` is empty then.
  std::shared_ptr<PayloadSource> cold;
};

/// One message handed out.
struct Grant {
  /// The queue that gave it.
  QueueId queue;
  LeaseRef lease;
  MessageId id;
  std::uint32_t receive_count = 0;
  /// Zero for `Receive::erase`.
  LeaseTime deadline;
  WallTime first_sent;
  Payload payload;
  /// Encoded `NoteRow` of a message that failed before or was dead-lettered, else empty.
  std::string note;
  std::uint8_t priority = limits::priority_default;
  QueueId source;
  std::string group_id;
};

/// One entry of a batch: a send's or a settle's.
struct ItemReply {
  errc code = errc::ok;
  /// Send: the id given. Settle: unused.
  MessageId id{};
  /// Extend: the time granted, in ms from the entry's stamp.
  std::int64_t granted_ms = 0;
  bool already_gone = false;
  bool already_returned = false;
  bool deduplicated = false;
  /// Erase with a result: nobody waits for it any more (S77).
  bool requester_gone = false;
};

/// The answer to the command of the same position in the entry.
struct Reply {
  errc code = errc::ok;
  /// Names the field, limit or queue at fault; empty when the code says all.
  std::string detail;
  std::vector<ItemReply> items;
  std::vector<Grant> grants;
  /// A receive used up its skip budget: more may be deliverable in a later entry.
  bool skipped = false;
  /// Kick, purge: messages touched.
  std::uint64_t count = 0;
  /// Catalog commands that succeeded: the queue as it is now.
  std::optional<QueueConfig> config;
  /// Catalog: queues whose data shard must be told (the created, updated, deleted one; its dead-letter queue;
  /// sources).
  std::vector<Configure> to_configure;
};

enum class EventKind : std::uint8_t { expired, dead_lettered, parked, lease_lapsed, dropped };

/// Something that happened to messages on its own; counted and shown to the observer.
struct Event {
  EventKind kind;
  QueueId queue;
  std::uint64_t count = 0;
};

/// What applying one entry caused.
struct Effects {
  /// One per command.
  std::vector<Reply> replies;
  /// Queues in which messages may have become deliverable.
  std::vector<QueueId> ready;
  /// Queues in which there is more room than before (S15, `block`).
  std::vector<QueueId> room;
  /// Queues with messages that wait to be taken over by another shard (S41).
  std::vector<QueueId> moving;
  /// Messages of which somebody waits for the outcome: it is there (S77).
  std::vector<MessageId> outcomes;
  /// Sessions that ended.
  std::vector<SessionId> sessions;
  /// Queues whose windows or schedules are to be resolved further (S78, S79).
  std::vector<QueueId> calendars;
  /// Queues that were deleted, or are unknown to the shard from now on.
  std::vector<QueueId> deleted;
  std::vector<Event> events;
  /// The entry stopped at a bound (due rows, reclaim slice): log another tick soon.
  bool more_due = false;

  void clear() {
    replies.clear();
    ready.clear();
    room.clear();
    moving.clear();
    outcomes.clear();
    sessions.clear();
    calendars.clear();
    deleted.clear();
    events.clear();
    more_due = false;
  }
};

}  // namespace v1
}  // namespace peerq::engine
