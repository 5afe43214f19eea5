#pragma once
// A queue: send, receive under a visibility timeout, settle, look.

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "peerq/base/export.hpp"
#include "peerq/base/queue_options.hpp"
#include "peerq/base/result.hpp"
#include "peerq/base/unique_function.hpp"
#include "peerq/delivery.hpp"
#include "peerq/message.hpp"

namespace peerq {

namespace detail {
struct QueueHandle;
struct Access;
}  // namespace detail

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
  /// Ends a waiting receive with `cancelled`.
  std::stop_token stop = {};
  /// How long the call may take beyond `wait`.
  Milliseconds timeout = limits::timeout_default;
};

/// Where a completion handler runs.
enum class RunOn : std::uint8_t {
  callback_lane,  ///< One after the other on the node's callback thread, or the host's executor; may block.
  any_thread,     ///< On whatever thread finished the call; must be short, must not block, must not call the
                  ///< node.
};

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
  /// Bytes of bodies and attributes of all these.
  std::uint64_t bytes = 0;

  // Since the queue was created:
  std::uint64_t sent = 0;
  /// Came by dead-lettering.
  std::uint64_t arrived = 0;
  std::uint64_t received = 0;
  std::uint64_t redelivered = 0;
  std::uint64_t deleted = 0;
  std::uint64_t expired = 0;
  std::uint64_t dead_lettered = 0;
  std::uint64_t purged = 0;

  /// Age of the oldest message that is ready, else of the oldest there is; none when empty.
  std::optional<Milliseconds> oldest_age = {};
  bool paused = false;
  /// Deliveries wait because `max_in_flight` is reached (S24).
  bool at_in_flight_cap = false;
};

/// A durable queue. A cheap handle: copies name the same incarnation of the same queue.
///
/// Blocking calls return when the outcome is known: durable, refused, or unknown (`outcome_unknown`). Every
/// call may end with `closed` (the node was closed), `queue_deleted` (this incarnation is gone),
/// `node_failed`, `forked`. The `*_async` forms never block and call back exactly once, on the node's
/// callback lane, also when they refuse an argument. Inside the call itself they call back only where no lane
/// is left: in a fork, and when the node is closed.
/// **Thread** any.
class PEERQ_API Queue {
 public:
  const std::string& name() const noexcept;
  /// Its parameters as they are now.
  Result<QueueOptions> options() const;

  // Send. Durable when the call returns (S12), unless the queue's durability says otherwise.

  /// **Errors** invalid_argument, message_too_large, queue_full, storage_full, timeout, outcome_unknown.
  Result<Sent> send(std::string_view body, const SendOptions& options = {}) const;
  /// A result for each message, in order. **Errors** of the whole: batch_too_large (1,000 messages, 16 MiB),
  /// invalid_argument (no message); with `atomic` also those of single messages.
  Result<std::vector<Result<Sent>>> send(std::span<const Message> messages,
                                         const BatchOptions& options = {}) const;

  // Receive.

  /// Messages that nobody else gets until their visibility timeout ends; empty when there is none.
  Result<std::vector<Delivery>> receive(const ReceiveOptions& options = {}) const;
  /// Hands out and removes in one step: at most once (S69). A lost answer is `outcome_unknown`, the message
  /// is gone.
  Result<std::vector<Delivery>> receive_and_delete(const ReceiveOptions& options = {}) const;

  // Settle many at once: a result each, in order. At most 1,000; empty is invalid_argument.

  Result<std::vector<Result<Deleted>>> erase(std::span<const Delivery> deliveries) const;
  Result<std::vector<Result<Returned>>> nack(std::span<const Delivery> deliveries,
                                             const NackOptions& options = {}) const;
  Result<std::vector<Result<Returned>>> release(std::span<const Delivery> deliveries) const;
  Result<std::vector<Result<Deleted>>> reject(std::span<const Delivery> deliveries,
                                              std::string_view reason = {}) const;
  Result<std::vector<Result<Extended>>> extend(std::span<const Delivery> deliveries,
                                               Milliseconds duration) const;

  // Settle by receipt, from another process or time. **Errors** invalid_receipt besides those of `Delivery`.

  Result<Deleted> erase(std::string_view receipt) const;
  Result<Returned> nack(std::string_view receipt, const NackOptions& options = {}) const;
  Result<Returned> release(std::string_view receipt) const;
  Result<Deleted> reject(std::string_view receipt, std::string_view reason = {}) const;
  Result<Extended> extend(std::string_view receipt, Milliseconds duration) const;

  // Look, without lease or count.

  Result<QueueStatistics> statistics() const;
  /// The messages that would be handed out next, in order. Reads on until it has as many as asked for; so
  /// does `list`.
  Result<std::vector<MessageSummary>> peek(std::size_t max_messages = 1) const;
  Result<ListPage> list(const ListOptions& options = {}) const;
  /// **Errors** message_not_found.
  Result<MessageSummary> get(const MessageId& id) const;

  // Operate.

  /// Everything sent before is gone (S8). How many messages.
  Result<std::uint64_t> purge() const;
  /// Stops deliveries only; durable (S10).
  Result<void> pause() const;
  Result<void> resume() const;
  /// Parked to ready with a fresh count (S67). How many were parked. Ids that are not parked are skipped.
  Result<std::uint64_t> kick(std::span<const MessageId> ids) const;
  Result<std::uint64_t> kick_all(std::uint32_t max_messages = 1'000) const;

  // Without blocking: the same, `answer` is called exactly once.

  void send_async(std::string_view body, const SendOptions& options,
                  UniqueFunction<void(Result<Sent>)> answer, RunOn where = RunOn::callback_lane) const;
  void send_async(std::span<const Message> messages, const BatchOptions& options,
                  UniqueFunction<void(Result<std::vector<Result<Sent>>>)> answer,
                  RunOn where = RunOn::callback_lane) const;
  void receive_async(const ReceiveOptions& options,
                     UniqueFunction<void(Result<std::vector<Delivery>>)> answer,
                     RunOn where = RunOn::callback_lane) const;
  void receive_and_delete_async(const ReceiveOptions& options,
                                UniqueFunction<void(Result<std::vector<Delivery>>)> answer,
                                RunOn where = RunOn::callback_lane) const;
  void erase_async(const Delivery& delivery, UniqueFunction<void(Result<Deleted>)> answer,
                   RunOn where = RunOn::callback_lane) const;
  void nack_async(const Delivery& delivery, const NackOptions& options,
                  UniqueFunction<void(Result<Returned>)> answer, RunOn where = RunOn::callback_lane) const;
  void release_async(const Delivery& delivery, UniqueFunction<void(Result<Returned>)> answer,
                     RunOn where = RunOn::callback_lane) const;
  void reject_async(const Delivery& delivery, std::string_view reason,
                    UniqueFunction<void(Result<Deleted>)> answer, RunOn where = RunOn::callback_lane) const;
  void extend_async(const Delivery& delivery, Milliseconds duration,
                    UniqueFunction<void(Result<Extended>)> answer, RunOn where = RunOn::callback_lane) const;
  void erase_async(std::span<const Delivery> deliveries,
                   UniqueFunction<void(Result<std::vector<Result<Deleted>>>)> answer,
                   RunOn where = RunOn::callback_lane) const;
  void nack_async(std::span<const Delivery> deliveries, const NackOptions& options,
                  UniqueFunction<void(Result<std::vector<Result<Returned>>>)> answer,
                  RunOn where = RunOn::callback_lane) const;
  void release_async(std::span<const Delivery> deliveries,
                     UniqueFunction<void(Result<std::vector<Result<Returned>>>)> answer,
                     RunOn where = RunOn::callback_lane) const;
  void reject_async(std::span<const Delivery> deliveries, std::string_view reason,
                    UniqueFunction<void(Result<std::vector<Result<Deleted>>>)> answer,
                    RunOn where = RunOn::callback_lane) const;
  void extend_async(std::span<const Delivery> deliveries, Milliseconds duration,
                    UniqueFunction<void(Result<std::vector<Result<Extended>>>)> answer,
                    RunOn where = RunOn::callback_lane) const;

 private:
  friend struct detail::Access;
  explicit Queue(std::shared_ptr<const detail::QueueHandle> handle) noexcept : handle_(std::move(handle)) {}

  std::shared_ptr<const detail::QueueHandle> handle_;
};

}  // namespace peerq
