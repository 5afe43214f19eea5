#pragma once
// A message in the hands of a consumer, under a lease.

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "peerq/base/bytes.hpp"
#include "peerq/base/export.hpp"
#include "peerq/base/limits.hpp"
#include "peerq/base/result.hpp"
#include "peerq/message.hpp"
#include "peerq/session.hpp"

namespace peerq {

namespace detail {
struct DeliveryState;
struct Access;
}  // namespace detail

/// How messages are received.
struct ReceiveOptions {
  /// 1 to 1,000.
  std::uint32_t max_messages = 1;
  /// 1 B to 64 MiB; the first message always fits.
  std::uint64_t max_bytes = limits::receive_bytes_default;
  /// How long to wait for a first message; 0 = do not wait.
  Milliseconds wait{0};
  /// 1 ms to 12 h. Left out: the queue's visibility timeout.
  std::optional<Milliseconds> visibility_timeout = {};
  /// Up to 128 bytes: repeating a receive with the same id gives the same live leases (S21). Not for
  /// receive_and_delete.
  std::string attempt_id = {};
  /// The request of a session that this is (S18), as by `Queue::in`.
  RequestId request = {};
  /// The leases end with the request's session, as nacks without delay (S70). Only in a session.
  bool bind_to_session = false;
  /// Ends a waiting receive with `cancelled`.
  std::stop_token stop = {};
  /// How long the call may take beyond `wait`.
  Milliseconds timeout = limits::timeout_default;
};

/// Why a message is in a dead-letter queue, or failed before.
enum class FailureCause : std::uint8_t { none, attempts, rejected, time_to_live, retention, overflow };

/// What went wrong with a message so far (S36, S38).
struct Failure {
  /// Why it was dead-lettered or parked; `none` if it was not.
  FailureCause cause = FailureCause::none;
  /// The last reason given by a nack or reject.
  std::string last_error = {};
  /// The queue that dead-lettered it last, and the first one; empty if none did (S72).
  std::string source = {};
  std::string origin = {};
  /// Receives counted when it was dead-lettered last.
  std::uint32_t attempts = 0;
};

/// What a successful delete or reject tells.
struct Deleted {
  /// It was gone already (S34): another consumer deleted it, or it expired or was purged.
  bool already_gone = false;
  /// `Delivery::done`: nobody waits for the result, or not any more (S77).
  bool requester_gone = false;
};

/// What a successful reply tells.
struct Replied {
  /// Of the reply.
  MessageId id = {};
  /// The session that asked has ended, and its reply queue with it: nothing was sent (S77).
  bool requester_gone = false;
};

/// What a successful nack or release tells.
struct Returned {
  /// The lease had ended and the message was back already (S36).
  bool already_returned = false;
};

/// What a successful extend tells.
struct Extended {
  /// The lease ends this long after the call; may be less than asked for (`max_lease_time`, S35).
  Milliseconds granted{0};
};

struct NackOptions {
  /// 0 to 10 years. Left out: the queue's retry policy.
  std::optional<Milliseconds> delay = {};
  /// Kept with the message and shown in the dead-letter queue; cut at 1 KiB.
  std::string reason = {};
};

/// One received message. A cheap handle to shared state: copies are the same delivery.
///
/// It owns its bytes: it may outlive queue, lease and node. Destroying it does nothing; the lease then
/// lapses. Calls that settle it block until the outcome is durable; use `Queue`'s batch forms to settle many
/// at once.
/// **Thread** any.
class PEERQ_API Delivery {
 public:
  /// The body's bytes. **Ownership** the delivery's.
  std::string_view body() const noexcept;
  Bytes bytes() const noexcept;
  /// All attributes; empty when there are none.
  Attributes attributes() const;
  std::string reply_to() const;
  std::string correlation_id() const;

  MessageId id() const noexcept;
  /// Number of this lease: rises with every lease of the message, never falls; the fencing token.
  std::uint32_t attempt() const noexcept;
  /// Receives that counted, this one included: 1 on the first delivery (S20).
  std::uint32_t receive_count() const noexcept;
  /// When it was first sent.
  std::chrono::system_clock::time_point sent_at() const noexcept;
  /// Token of this lease for another process or a later time: at most 128 printable characters (S59).
  std::string receipt() const;
  /// The group that it was sent with; empty if none. **Ownership** the delivery's.
  std::string_view group_id() const noexcept;
  /// 0 to 9, as it was sent.
  int priority() const noexcept;
  /// Name of the queue it came from.
  const std::string& queue_name() const noexcept;
  /// How long the lease still lasts, by this process's clock: never more than it really does; 0 when it ended
  /// (S65).
  std::chrono::milliseconds lease_left() const noexcept;
  /// What went wrong with it before.
  const Failure& failure() const noexcept;

  /// Done: removes the message. **Errors** stale_receipt, queue_deleted, outcome_unknown, closed, ...
  Result<Deleted> erase() const;
  /// The same as `erase`.
  Result<Deleted> ack() const { return erase(); }
  /// Done, with a result for who waits for the outcome of the request (S77). Body and attributes of the
  /// result count together up to 16 MiB.
  Result<Deleted> done(std::string_view result, const Attributes& attributes = {}) const;
  /// Sends a message to the queue that `reply_to` names, under this message's correlation id unless `options`
  /// has one. This message stays as it is. **Errors** invalid_argument: it has no reply_to; queue_not_found;
  /// those of `Queue::send`.
  Result<Replied> reply(std::string_view body, const SendOptions& options = {}) const;
  /// Gives it back, counted (S36). **Errors** stale_receipt, message_not_found, ...
  Result<Returned> nack(const NackOptions& options = {}) const;
  /// Gives it back, not counted.
  Result<Returned> release() const;
  /// To the dead-letter queue now, or parked without one.
  Result<Deleted> reject(std::string_view reason = {}) const;
  /// The lease ends `duration` from now (S35). **Errors** lease_expired, stale_receipt, message_not_found,
  /// ...
  Result<Extended> extend(Milliseconds duration) const;

 private:
  friend struct detail::Access;
  explicit Delivery(std::shared_ptr<detail::DeliveryState> state) noexcept : state_(std::move(state)) {}

  std::shared_ptr<detail::DeliveryState> state_;
};

}  // namespace peerq
