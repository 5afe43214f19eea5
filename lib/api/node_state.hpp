#pragma once
// What the facade's handles share: the node's core and what belongs to it, and the states behind the handles.

#include <sys/types.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "api/receive_shares.hpp"
#include "node/core.hpp"
#include "node/request.hpp"
#include "peerq/consumer.hpp"
#include "peerq/delivery.hpp"
#include "peerq/node.hpp"
#include "peerq/port/entropy.hpp"
#include "peerq/port/receipt.hpp"
#include "peerq/queue.hpp"

namespace peerq::detail {

/// What a node is made of. Built by the composition root (open.cpp) and by the test kit.
struct NodeParts {
  std::shared_ptr<node::Core> core;
  std::shared_ptr<port::Executor> executor;
  std::unique_ptr<port::ReceiptSealer> sealer;
  std::shared_ptr<port::Entropy> entropy;
  /// A host's executor, for as long as handles live.
  std::shared_ptr<void> keep_alive;
  /// See OpenParts.
  bool real_time = false;
};

/// Shared by all handles of a node; the core is shut when the `Node` goes, this goes with the last handle.
/// **Thread** any.
class NodeState : public std::enable_shared_from_this<NodeState> {
 public:
  explicit NodeState(NodeParts parts);
  ~NodeState();

  node::Core& core() const noexcept { return *parts_.core; }
  const port::ReceiptSealer& sealer() const noexcept { return *parts_.sealer; }

  /// Blocks until the request is finished; `request->error` is the outcome.
  void call(const std::shared_ptr<node::Request>& request, Milliseconds timeout);
  /// Hands the request over; `on_done` runs once.
  void submit(std::shared_ptr<node::Request> request, Milliseconds timeout, RunOn where);
  void cancel(std::shared_ptr<node::Request> request);
  /// Runs `task` at `at`, or now if that has passed, where completion handlers run. Dropped when the node
  /// ends before that.
  void call_at(SteadyTime at, UniqueFunction<void(node::Request&)> task, RunOn where);
  /// Answers a call that was refused before it became a request, where its answer would have come.
  template <class T>
  void refuse(UniqueFunction<void(Result<T>)> answer, Error error, RunOn where) {
    auto answer_now = [answer = std::move(answer), error = std::move(error)](node::Request&) mutable {
      answer(std::move(error));
    };
    call_at(SteadyTime{}, std::move(answer_now), where);
  }
  void confirm_clock();
  /// One that no session has had.
  SessionId new_session_id();
  ReceiveShares& shares() noexcept { return shares_; }

  Result<void> close(std::chrono::milliseconds timeout);
  /// After a recovery that failed: nothing ever ran.
  void discard() { shut(); }
  /// Within 100 ms: whatever is under way then ends on a thread of its own.
  void abandon() noexcept;

  void add(const std::shared_ptr<ConsumerState>& consumer);
  /// Whether this process is a fork of the one that opened the node: it has neither its threads nor its
  /// locks.
  bool forked() const noexcept;

 private:
  Error refused(const node::Request& request) const;
  void stop_consumers(SteadyTime until);
  bool end(SteadyTime until) noexcept;
  bool end_elsewhere(SteadyTime until);
  void end_here() noexcept;
  void shut();

  NodeParts parts_;
  const pid_t owner_;
  std::atomic<bool> ended_{false};
  ReceiveShares shares_;
  /// Guards `consumers_` and the use of `entropy`; never held while calling anything (docs/decisions.md,
  /// mutexes).
  std::mutex mutex_;
  std::vector<std::weak_ptr<ConsumerState>> consumers_;
};

inline engine::Origin origin_of(const RequestId& request) noexcept {
  return {.session = request.session, .sequence = request.number, .principal = {}};
}

/// Behind `Queue`.
struct QueueHandle {
  QueueHandle() = default;
  /// The same queue for one request of a session.
  QueueHandle(const QueueHandle& other, const RequestId& request, std::shared_ptr<const QueueHandle> plain)
      : node(other.node),
        id(other.id),
        shard(other.shard),
        name(other.name),
        fifo(other.fifo),
        content_based(other.content_based.load(std::memory_order_relaxed)),
        max_message_size(other.max_message_size),
        max_messages(other.max_messages),
        max_bytes(other.max_bytes),
        origin(origin_of(request)),
        plain_handle(std::move(plain)) {}

  std::shared_ptr<NodeState> node;
  QueueId id;
  ShardId shard;
  std::string name;
  /// Fixed at creation.
  bool fifo = false;
  /// Whether the queue makes deduplication ids of bodies, as far as this handle was told: with it, the ids of
  /// a send are made before the core, which knows for sure, has to do it.
  mutable std::atomic<bool> content_based{false};
  /// As they were when the handle was made: for texts only.
  std::uint64_t max_message_size = 0;
  std::optional<std::uint64_t> max_messages;
  std::optional<std::uint64_t> max_bytes;
  /// The request of a session that its calls are; none by default.
  engine::Origin origin;
  /// The same queue without it: for deliveries. Null = this one.
  std::shared_ptr<const QueueHandle> plain_handle;
};

using HandlePointer = std::shared_ptr<const QueueHandle>;

inline const HandlePointer& plain(const HandlePointer& handle) noexcept {
  return handle->plain_handle == nullptr ? handle : handle->plain_handle;
}

/// What every request to a queue has.
inline void address(node::Request& request, const QueueHandle& queue) {
  request.queue = queue.id;
  request.shard = queue.shard;
}

/// The same, of a call that changes something: once, if it is a session's (S18).
inline void address_once(node::Request& request, const QueueHandle& queue) {
  address(request, queue);
  request.origin = queue.origin;
}

/// The lease that what one receive brought of a group shares in a FIFO queue: extend of one extends all
/// (S44).
struct GroupLease {
  std::atomic<std::int64_t> deadline_ns{0};
};

/// Behind `Delivery`. Constant but for the deadline, which extends move.
struct DeliveryState {
  std::shared_ptr<const QueueHandle> queue;
  SharedBytes message;
  Bytes body;
  MessageId id;
  engine::LeaseRef lease;
  std::uint32_t epoch = 0;
  std::uint32_t receive_count = 0;
  WallTime first_sent;
  std::string group_id;
  std::uint8_t priority = limits::priority_default;
  /// Counts while there is no `group_lease`, whose deadline is all its messages'.
  std::atomic<std::int64_t> own_deadline_ns{0};
  std::shared_ptr<GroupLease> group_lease;
  Failure failure;
  /// What the receive was granted.
  Milliseconds lease_length{0};

  /// By this process's clock, never later than the log's.
  SteadyTime deadline() const noexcept {
    const auto& at = group_lease == nullptr ? own_deadline_ns : group_lease->deadline_ns;
    return {at.load(std::memory_order_relaxed)};
  }
  void set_deadline(SteadyTime time) noexcept {
    auto& at = group_lease == nullptr ? own_deadline_ns : group_lease->deadline_ns;
    at.store(time.ns, std::memory_order_relaxed);
  }
};

/// The way from handles to their states, and back.
struct Access {
  static const std::shared_ptr<DeliveryState>& state(const Delivery& delivery) noexcept {
    return delivery.state_;
  }
  static const std::shared_ptr<const QueueHandle>& handle(const Queue& queue) noexcept {
    return queue.handle_;
  }
  static Delivery delivery(std::shared_ptr<DeliveryState> state) { return Delivery(std::move(state)); }
  static Queue queue(std::shared_ptr<const QueueHandle> handle) { return Queue(std::move(handle)); }
  static const auto& erases(const Transaction& transaction) noexcept { return transaction.erases_; }
  static const auto& sends(const Transaction& transaction) noexcept { return transaction.sends_; }
  static Session session(std::shared_ptr<NodeState> node, SessionId id) {
    return Session(std::move(node), id);
  }
  static Node node(std::shared_ptr<NodeState> state) { return Node(std::move(state)); }
  static const std::shared_ptr<NodeState>& state(const Node& node) noexcept { return node.state_; }
};

Queue handle_of(const std::shared_ptr<NodeState>& state, const engine::QueueConfig& config);
Failure failure_of(const engine::NoteRow& note);
MessageStatus status_of(engine::MessageState state) noexcept;

inline std::chrono::system_clock::time_point to_time_point(WallTime time) noexcept {
  return std::chrono::system_clock::time_point(Milliseconds(time.ms));
}

}  // namespace peerq::detail
