#pragma once
// A consumer: receives, runs a handler on each message, extends leases meanwhile, settles by the handler's
// outcome.

#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <type_traits>
#include <utility>

#include "peerq/base/export.hpp"
#include "peerq/queue.hpp"

namespace peerq {

namespace detail {
class ConsumerState;
}  // namespace detail

/// What a handler says about its message.
struct Outcome {
  enum class Kind : std::uint8_t { done, retry, reject, release };
  Kind kind = Kind::done;
  /// retry: how long to wait; negative = the queue's retry policy.
  Milliseconds delay{-1};
  std::string reason = {};
  /// done: for who waits for the outcome of the request (S77).
  std::string result = {};
};

/// Processed: delete the message.
inline const Outcome done{};
/// Processed, with a result for who waits for it (S77).
inline Outcome done_with(std::string result) {
  return {Outcome::Kind::done, Milliseconds(-1), {}, std::move(result)};
}
/// Give it back, not counted.
inline const Outcome release{.kind = Outcome::Kind::release};
/// Failed: try again after the queue's retry policy.
inline Outcome retry(std::string reason = {}) {
  return {Outcome::Kind::retry, Milliseconds(-1), std::move(reason)};
}
/// Failed: try again after `delay`.
inline Outcome retry_in(Milliseconds delay, std::string reason = {}) {
  return {Outcome::Kind::retry, delay, std::move(reason)};
}
/// Cannot succeed: to the dead-letter queue now.
inline Outcome reject(std::string reason = {}) {
  return {Outcome::Kind::reject, Milliseconds(-1), std::move(reason)};
}

struct ConsumerOptions {
  /// Handlers that run at once. 1 to 1,024. In a FIFO queue: groups that are worked on at once.
  std::uint32_t concurrency = 1;
  /// Messages received ahead, beyond those being handled; their leases are extended too. 0 to 1,000. In a
  /// FIFO queue most of them are the next ones of the groups in hand, which wait there for their turn.
  std::uint32_t prefetch = 0;
  /// Left out: the queue's visibility timeout.
  std::optional<Milliseconds> visibility_timeout = {};
  /// Extend leases while a handler runs, at half their time, by their own length.
  bool extend = true;
  /// Runs handlers; empty = threads of the consumer's own. Must run each task once, on any thread.
  std::function<void(Task)> executor = {};
  /// Told about errors of receiving and settling; may be empty. **Thread** any, one at a time.
  std::function<void(const Error&)> on_error = {};
};

struct ConsumerStatistics {
  std::uint64_t handled = 0;
  std::uint64_t failed = 0;
  std::uint64_t leases_lost = 0;
};

/// Runs a handler for each message of a queue until it is stopped or destroyed.
///
/// The handler gets the delivery and a token that is stopped when the lease is lost, or will be before it
/// could be extended (S65): another consumer may then have the message. An exception that leaves the handler
/// counts as `retry(what())`. The handler must not destroy or stop its own consumer.
///
/// Of a group of a FIFO queue one message is handled at a time, in order (S42): the next one when the delete
/// or reject of the one before is durable. When a message is retried or released, when its lease is lost or
/// it cannot be settled, those received behind it in its group are not handled: they go back, uncounted, and
/// come again after it (S44).
/// **Thread** any.
class PEERQ_API Consumer {
 public:
  using Handler = std::function<Outcome(const Delivery&, std::stop_token)>;

  /// Starts at once. `handler` takes (delivery, stop token) or (delivery) and returns an Outcome, or nothing
  /// (done).
  template <class F>
  Consumer(const Queue& queue, ConsumerOptions options, F handler)
      : Consumer(Adapted{}, queue, std::move(options), adapt(std::move(handler))) {}
  template <class F>
  Consumer(const Queue& queue, F handler) : Consumer(queue, ConsumerOptions{}, std::move(handler)) {}

  /// Stops receiving, tells running handlers to stop, waits for them, releases what was not handled. Does
  /// nothing in a fork of the process, as does `stop`.
  ~Consumer();
  Consumer(Consumer&&) noexcept;
  Consumer& operator=(Consumer&&) noexcept;

  /// Stops receiving; handlers may finish until `grace` has passed, then their tokens are stopped; waits for
  /// them. What was received and not begun is released. May be called twice.
  void stop(Milliseconds grace = std::chrono::seconds(30));

  ConsumerStatistics statistics() const;

  /// Success while it receives or was stopped; else what ended it: invalid_argument (its options; it never
  /// began), limit_exceeded (the system gave no thread at all; with fewer than asked for it goes on, and
  /// `on_error` is told), queue_deleted, closed, node_failed, corrupt, forked.
  Result<void> status() const;

 private:
  struct Adapted {};
  Consumer(Adapted, const Queue& queue, ConsumerOptions options, Handler handler);

  template <class F>
  static Handler adapt(F handler) {
    if constexpr (std::is_invocable_r_v<Outcome, F&, const Delivery&, std::stop_token>) {
      return Handler(std::move(handler));
    } else if constexpr (std::is_invocable_v<F&, const Delivery&, std::stop_token>) {
      return [handler = std::move(handler)](const Delivery& delivery, std::stop_token stop) mutable {
        handler(delivery, std::move(stop));
        return done;
      };
    } else if constexpr (std::is_invocable_r_v<Outcome, F&, const Delivery&>) {
      return [handler = std::move(handler)](const Delivery& delivery, const std::stop_token&) mutable {
        return handler(delivery);
      };
    } else {
      static_assert(std::is_invocable_v<F&, const Delivery&>,
                    "a handler takes (const Delivery&[, std::stop_token])");
      return [handler = std::move(handler)](const Delivery& delivery, const std::stop_token&) mutable {
        handler(delivery);
        return done;
      };
    }
  }

  std::shared_ptr<detail::ConsumerState> state_;
};

}  // namespace peerq
