#pragma once
// A node: the durable queues of one data directory, inside this process.

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "peerq/base/export.hpp"
#include "peerq/base/queue_options.hpp"
#include "peerq/base/result.hpp"
#include "peerq/host_executor.hpp"
#include "peerq/observer.hpp"
#include "peerq/queue.hpp"
#include "peerq/transaction.hpp"

namespace peerq {

namespace detail {
class NodeState;
}  // namespace detail

struct NodeOptions {
  /// Directory of the queues' data; created when missing. One node at a time may have it open.
  std::string data_dir = {};
  /// Most bytes of disk, both files counted; 0 = what the disk has. At least 1 MiB. A reserve of it is kept
  /// for deletes and checkpoints: sends get `storage_full` before it is used up.
  std::uint64_t max_disk_bytes = 0;
  /// Memory for state that is not checkpointed yet. 4 MiB or more; what does not fit is on disk only.
  std::size_t memory_budget = limits::memory_budget_default;
  /// Told about events and log lines; may be null.
  std::shared_ptr<Observer> observer = {};
  /// Runs the node's work; null = threads of its own. A Consumer makes threads for its handlers all the same,
  /// unless `ConsumerOptions::executor` is set.
  std::shared_ptr<HostExecutor> executor = {};
};

struct DeleteOptions {
  /// Delete it although it is a dead-letter queue; its sources lose that setting (S11).
  bool force = false;
};

/// A queue as the catalog has it.
struct QueueDescription {
  std::string name = {};
  QueueOptions options = {};
  bool paused = false;
};

struct ListQueuesOptions {
  std::string prefix = {};
  /// Go on after this name.
  std::string after = {};
  /// 1 to 1,000.
  std::size_t max_queues = limits::page_max;
};

/// A queue of `Node::receive_from`, and its share.
struct WeightedQueue {
  Queue queue;
  /// 1 to 1,000.
  std::uint32_t weight = 1;
};

struct NodeStatistics {
  std::uint64_t log_bytes = 0;
  std::uint64_t state_bytes = 0;
  /// False while only the reserve of the disk is left.
  bool accepts_sends = true;
};

/// Owns the directory. Movable; must outlive neither its queues nor their deliveries (those then get
/// `closed`).
///
/// Destroying it without `close` is like a crash that loses nothing acknowledged: it returns within 100 ms,
/// also in a completion handler. A write or a handler that is still under way then keeps the directory until
/// it ends.
/// **Thread** any.
class PEERQ_API Node {
 public:
  /// Opens or creates the directory and recovers what it holds. Blocks on the disk.
  /// **Errors** invalid_argument, data_dir_unsupported, data_dir_locked, storage_full, corrupt,
  /// version_mismatch, node_failed.
  static Result<Node> open(const NodeOptions& options);

  Node(Node&&) noexcept;
  Node& operator=(Node&&) noexcept;
  ~Node();

  /// Creates the queue, or gives the existing one if its parameters are equal (S6).
  /// **Errors** invalid_name, invalid_argument, not_supported, queue_exists, limit_exceeded, storage_full.
  /// **Durable** on return.
  Result<Queue> create_queue(std::string_view name, const QueueOptions& options = {});
  /// **Errors** queue_not_found, invalid_name.
  Result<Queue> open_queue(std::string_view name);
  /// In the order of the names.
  Result<std::vector<QueueDescription>> list_queues(const ListQueuesOptions& options = {});
  /// Replaces all parameters (S9). **Errors** queue_not_found, invalid_argument (a fixed one differs),
  /// not_supported.
  Result<void> update_queue(std::string_view name, const QueueOptions& options);
  /// Deletes the queue and its messages (S7, S75). **Errors** queue_not_found, in_use.
  Result<void> delete_queue(std::string_view name, const DeleteOptions& options = {});

  /// Does all of it or nothing (S76): the sends in the order given, as an answer each. A duplicate is a
  /// success. Waits for no room: a full queue fails it.
  /// **Errors** invalid_argument, batch_too_large (1,000 deletes and sends, 16 MiB), cross_shard (queues of
  /// different durability), invalid_receipt, stale_receipt, lease_expired, message_not_found, queue_deleted,
  /// message_too_large, queue_full, storage_full, timeout, outcome_unknown. **Durable** on return.
  Result<std::vector<Sent>> transact(const Transaction& transaction, const TransactOptions& options = {});
  /// The same without blocking; calls back as the `*_async` members of `Queue` do.
  void transact_async(const Transaction& transaction, const TransactOptions& options,
                      UniqueFunction<void(Result<std::vector<Sent>>)> answer,
                      RunOn where = RunOn::callback_lane);

  /// Opens a new session, or takes up the one of this id, also of a process that ended (S18).
  /// **Errors** session_expired: it has ended; its unfinished requests were made or not, look. limit_exceeded
  /// (65,536 sessions). **Durable** on return, as far as the durability of each queue goes.
  Result<Session> open_session(std::optional<SessionId> id = {});

  /// Receives from 1 to 64 queues of this node, by weight (S27): while all have messages, each gives its
  /// weight's part of them, over many calls too, however few messages each asks for. A queue that has none,
  /// or is held by its pause, rate or caps, leaves its part to the others. Waits on all of them (S22).
  /// `Delivery::queue_name` tells which one gave a message.
  ///
  /// Queues of one durability are one step of the log, and their weights are exact. Those of several are
  /// asked in turn, each the first as often as its weights say.
  /// **Errors** as `Queue::receive`; invalid_argument: also an attempt id, which is not possible here.
  Result<std::vector<Delivery>> receive_from(std::span<const WeightedQueue> queues,
                                             const ReceiveOptions& options = {});
  /// The same without blocking; calls back as the `*_async` members of `Queue` do.
  void receive_from_async(std::span<const WeightedQueue> queues, const ReceiveOptions& options,
                          UniqueFunction<void(Result<std::vector<Delivery>>)> answer,
                          RunOn where = RunOn::callback_lane);

  Result<NodeStatistics> statistics();
  /// The calendar jumped by more than a day, and that is right: time-to-live and retention go on (S64).
  void confirm_clock();

  /// Stops consumers (their handlers get three quarters of `deadline`), releases what they did not finish,
  /// writes everything, closes the directory (S56). **Errors** timeout: closed all the same, the next open
  /// replays the log; the directory is free when the write or completion handler under way ends.
  /// invalid_argument: called in a completion handler of this node, which would wait for itself; the node
  /// stays open.
  Result<void> close(std::chrono::milliseconds deadline = std::chrono::seconds(10));

 private:
  friend struct detail::Access;
  explicit Node(std::shared_ptr<detail::NodeState> state) noexcept;

  std::shared_ptr<detail::NodeState> state_;
};

}  // namespace peerq
