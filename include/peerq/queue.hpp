#pragma once
// A queue: send, receive under a visibility timeout, settle, look.

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
#include "peerq/explain.hpp"
#include "peerq/message.hpp"
#include "peerq/queue_views.hpp"
#include "peerq/redrive.hpp"
#include "peerq/request.hpp"
#include "peerq/schedule.hpp"
#include "peerq/session.hpp"

namespace peerq {

namespace detail {
struct QueueHandle;
struct Access;
}  // namespace detail

/// Where a completion handler runs.
enum class RunOn : std::uint8_t {
  callback_lane,  ///< One after the other on the node's callback thread, or the host's executor; may block.
  any_thread,     ///< On whatever thread finished the call; must be short, must not block, must not call the
                  ///< node.
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
  /// A handle for one request of a session (S18): the call made on it that changes something (send, receive,
  /// settling by receipt or in a batch, cancel, kick, purge, a word on a group) is made once, however often
  /// it is repeated under this number. Deliveries that it receives are settled as usual. `pause` and `resume`
  /// of the queue are the same when repeated, and carry no request.
  Queue in(const RequestId& request) const;
  /// Its parameters as they are now.
  Result<QueueOptions> options() const;

  // Send. Durable when the call returns (S12), unless the queue's durability says otherwise.

  /// **Errors** invalid_argument (also: no group_id in a FIFO queue, S62), message_too_large, queue_full,
  /// storage_full, timeout, outcome_unknown.
  Result<Sent> send(std::string_view body, const SendOptions& options = {}) const;
  /// A result for each message, in order. **Errors** of the whole: batch_too_large (1,000 messages, 16 MiB),
  /// invalid_argument (no message); with `atomic` also those of single messages.
  Result<std::vector<Result<Sent>>> send(std::span<const Message> messages,
                                         const BatchOptions& options = {}) const;

  /// Sends and waits for what becomes of the message (S77). **Errors** those of send; cancelled: stopped
  /// before the message was sent; outcome_unknown: it was sent, and there is no outcome within `timeout`, or
  /// before the call was stopped or the node closed; ask again with `outcome`. It is `send_request` and
  /// `outcome` in one; who wants the message's id at once takes the two.
  Result<RequestOutcome> request(std::string_view body, const RequestOptions& options = {}) const;
  /// Sends a request and does not wait for its outcome, which is kept for `options.timeout`: ask for it with
  /// `outcome` and the id, as often as wanted, also in another life of the process. **Errors** those of send;
  /// cancelled.
  Result<Sent> send_request(std::string_view body, const RequestOptions& options = {}) const;
  /// Waits for the outcome of an earlier request, also of another life of the process.
  /// **Errors** timeout: there is none yet; cancelled; message_not_found: it was no request, or nobody waits
  /// for it any longer.
  Result<RequestOutcome> outcome(const MessageId& id, const OutcomeOptions& options = {}) const;

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
  /// As `Delivery::done`, for a worker in another process or time.
  Result<Deleted> done(std::string_view receipt, std::string_view result,
                       const Attributes& attributes = {}) const;

  // Look, without lease or count.

  Result<QueueStatistics> statistics() const;
  /// Ready messages: those of groups in the order of their sends, whatever holds their group; then those
  /// without a group as they would be handed out next. Reads on until it has as many as asked for; so does
  /// `list`.
  Result<std::vector<MessageSummary>> peek(std::size_t max_messages = 1) const;
  Result<ListPage> list(const ListOptions& options = {}) const;
  /// **Errors** message_not_found.
  Result<MessageSummary> get(const MessageId& id) const;
  /// What keeps a message from being handed out now. **Errors** message_not_found.
  Result<Explanation> explain(const MessageId& id) const;
  /// By name: groups that have messages, or are paused or parked. Reads on until it has as many as asked for.
  Result<GroupPage> list_groups(const ListGroupsOptions& options = {}) const;

  // Operate.

  /// Everything sent before is gone (S8). How many messages.
  Result<std::uint64_t> purge() const;
  /// Stops deliveries only; durable (S10).
  Result<void> pause() const;
  Result<void> resume() const;
  /// Parked to ready with a fresh count (S67). How many were parked. Ids that are not parked are skipped.
  Result<std::uint64_t> kick(std::span<const MessageId> ids) const;
  Result<std::uint64_t> kick_all(std::uint32_t max_messages = 1'000) const;
  /// Takes out a message that is delayed, ready or parked; its deduplication id is forgotten (S66).
  /// **Errors** lease_held: it is in flight.
  Result<Deleted> cancel(const MessageId& id) const;
  /// A result each, in order. At most 1,000; empty is invalid_argument.
  Result<std::vector<Result<Deleted>>> cancel(std::span<const MessageId> ids) const;

  // Of a dead-letter queue.

  /// Moves its ready messages back, in the background; durable, one at a time (S39). **Errors** in_use: one
  /// is under way; queue_not_found, invalid_argument.
  Result<void> redrive(const RedriveOptions& options = {}) const;
  /// How many messages `redrive` would move now.
  Result<std::uint64_t> redrive_dry_run(const RedriveOptions& options = {}) const;
  /// None: there never was one.
  Result<std::optional<RedriveStatus>> redrive_status() const;
  Result<void> stop_redrive() const;

  // Recurring schedules (S79): durable, and gone with their queue.

  /// Sets the schedule of this name, or replaces one that is different. **Errors** invalid_name,
  /// invalid_argument, limit_exceeded, message_too_large, storage_full.
  Result<void> put_schedule(std::string_view name, const ScheduleOptions& options) const;
  /// By name.
  Result<std::vector<ScheduleSummary>> schedules() const;
  /// Whether there was one.
  Result<bool> remove_schedule(std::string_view name) const;

  // One group, 1 to 128 bytes; it need not have messages. Durable. What is so already is so again.

  /// Stops deliveries of this group only.
  Result<void> pause_group(std::string_view group_id) const;
  Result<void> resume_group(std::string_view group_id) const;
  /// As if its first message had used up its attempts under `Poison::park_group` (S45).
  /// **Errors** not_supported: the queue is not FIFO.
  Result<void> park_group(std::string_view group_id) const;
  /// The receive count of its first message starts anew.
  Result<void> resume_parked_group(std::string_view group_id) const;

  // Without blocking: the same, `answer` is called exactly once.

  void send_async(std::string_view body, const SendOptions& options,
                  UniqueFunction<void(Result<Sent>)> answer, RunOn where = RunOn::callback_lane) const;
  void send_async(std::span<const Message> messages, const BatchOptions& options,
                  UniqueFunction<void(Result<std::vector<Result<Sent>>>)> answer,
                  RunOn where = RunOn::callback_lane) const;
  void request_async(std::string_view body, const RequestOptions& options,
                     UniqueFunction<void(Result<RequestOutcome>)> answer,
                     RunOn where = RunOn::callback_lane) const;
  void send_request_async(std::string_view body, const RequestOptions& options,
                          UniqueFunction<void(Result<Sent>)> answer,
                          RunOn where = RunOn::callback_lane) const;
  void outcome_async(const MessageId& id, const OutcomeOptions& options,
                     UniqueFunction<void(Result<RequestOutcome>)> answer,
                     RunOn where = RunOn::callback_lane) const;
  void done_async(const Delivery& delivery, std::string_view result, const Attributes& attributes,
                  UniqueFunction<void(Result<Deleted>)> answer, RunOn where = RunOn::callback_lane) const;
  void done_async(std::string_view receipt, std::string_view result, const Attributes& attributes,
                  UniqueFunction<void(Result<Deleted>)> answer, RunOn where = RunOn::callback_lane) const;
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
