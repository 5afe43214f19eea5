#pragma once
// Sessions: requests that are applied once, however often they are made (S18).

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "peerq/base/export.hpp"
#include "peerq/base/ids.hpp"
#include "peerq/base/limits.hpp"
#include "peerq/base/result.hpp"

namespace peerq {

class Queue;

namespace detail {
class NodeState;
struct Access;
}  // namespace detail

/// One request of a session. A default one is none: the call is made as often as it is made.
struct RequestId {
  SessionId session = {};
  /// 1 to 2^63 - 1; the caller's choice, and another for every request. Rising ones are remembered longest.
  std::uint64_t number = 0;

  friend bool operator==(const RequestId&, const RequestId&) = default;
};

/// A session: its requests are remembered in the log with their outcomes, the last 1,024 of each durability,
/// so that a caller who does not know what became of one makes it again: under the same number, also after
/// its process was killed and the node opened anew, and gets the first outcome.
///
///   auto session = node.open_session().value();          // keep to_string(session.id()) and the numbers
///   queue.in(session.request(7)).send("order 7");        // as often as it takes
///
/// The number names the request, not what it says: a second request under a number of the first gets the
/// first one's outcome, or invalid_argument where that cannot be told in its terms. Calls to the queues of
/// one session are applied in call order (S61).
///
/// Remembered are outcomes of calls that changed something, and refusals. Not remembered: a receive that got
/// nothing, and a send that a queue with `Overflow::block` had no room for: made again, they are made anew.
/// A receive that got messages gives them again as far as their leases live; a receive_and_delete cannot:
/// `outcome_unknown`.
///
/// A session is kept by each durability for itself: in its log, with the queues' messages. So after a crash
/// an `interval` queue's requests are forgotten with the messages that they sent, and a `memory` queue's
/// always; a session that an `interval` log lost answers `session_expired` there. It ends 10 minutes after
/// its last request or `keep_alive`, in time in which the node runs; requests of one durability keep it alive
/// for all, to the minute. A request of a session that has ended gets `session_expired` and is not made.
/// **Thread** any. A cheap handle: copies are the same session. Letting go of it does not end the session.
class PEERQ_API Session {
 public:
  SessionId id() const noexcept { return id_; }
  /// The request of this number, for `Queue::in`, `TransactOptions` and `ReceiveOptions`.
  RequestId request(std::uint64_t number) const noexcept { return {id_, number}; }
  /// Puts off its end. **Errors** session_expired.
  Result<void> keep_alive() const;
  /// A queue of the session's own, for replies: its name goes into `SendOptions::reply_to`, and
  /// `Delivery::reply` sends there. Made when it is first asked for; durable; deleted, with what it holds,
  /// when the session ends (S77). **Errors** session_expired, limit_exceeded, storage_full.
  Result<Queue> reply_queue() const;
  /// Ends it: what it remembers is forgotten, leases bound to it end as nacks without delay (S70).
  Result<void> close() const;

 private:
  friend struct detail::Access;
  Session(std::shared_ptr<detail::NodeState> node, SessionId id) noexcept : node_(std::move(node)), id_(id) {}

  std::shared_ptr<detail::NodeState> node_;
  SessionId id_;
};

/// 16 hex digits.
PEERQ_API std::string to_string(SessionId id);
/// **Errors** invalid_argument.
PEERQ_API Result<SessionId> parse_session_id(std::string_view text);

}  // namespace peerq
