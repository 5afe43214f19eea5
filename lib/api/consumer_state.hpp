#pragma once
// The working of a Consumer: one receive at a time is under way; what it brings waits in a buffer for a free
// runner; runners call the handler; a timed call extends leases that are half used, and stops the token of
// one that is about to be lost.
//
// Its mutex guards the plain members; it is never held while calling the handler, the core, or anything of
// the user.

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <stop_token>
#include <thread>
#include <unordered_set>
#include <vector>

#include "api/node_state.hpp"
#include "peerq/consumer.hpp"

namespace peerq::detail {

/// **Thread** any.
class ConsumerState : public std::enable_shared_from_this<ConsumerState> {
 public:
  ConsumerState(const Queue& queue, ConsumerOptions options, Consumer::Handler handler);

  void start();
  /// No more receives; what waits is released.
  void begin_stop();
  /// Waits for the handlers until `until`, then stops their tokens, then waits for them without limit.
  void stop(SteadyTime until);
  /// For a node that closes: as `stop`, but after `until` leases of running handlers are given back and
  /// nobody waits, for the handlers or for that.
  void end_for_node(SteadyTime until);
  /// The consumer goes: stops the tokens at once and waits for the handlers.
  static void destroy(std::shared_ptr<ConsumerState> consumer);

  ConsumerStatistics statistics() const;
  Result<void> status() const;
  SteadyTime now() const noexcept { return node_->core().clock().steady(); }

 private:
  /// A received message from its arrival to its settlement.
  struct Held {
    explicit Held(Delivery d) : delivery(std::move(d)) {}
    Delivery delivery;
    std::stop_source lost;
    bool extending = false;
    bool settled = false;
    /// No extension before this: the last one failed, or gave all that `max_lease_time` allows.
    SteadyTime extend_after{};
  };
  using HeldPtr = std::shared_ptr<Held>;

  /// When the leases want to be looked after; the earliest is armed.
  struct Looks {
    SteadyTime extend = SteadyTime::never();
    SteadyTime lose = SteadyTime::never();
    SteadyTime next() const noexcept { return std::min(extend, lose); }
  };

  Error check_options() const;
  Error start_threads();
  void receive_more();
  void received(Result<std::vector<Delivery>> result);
  void dispatch();
  void run_one(const HeldPtr& held);
  Outcome handle(const HeldPtr& held);
  void settle(const HeldPtr& held, const Outcome& outcome);
  void settled(const HeldPtr& held, const Error& error);
  void thread_main();
  Looks looks_of(const Held& held) const;
  void arm_look(SteadyTime at);
  void look_after_leases();
  void extend(const HeldPtr& held);
  void extended(const HeldPtr& held, const Result<Extended>& result);
  void lose(const HeldPtr& held);
  void report(const Error& error);
  void release_buffer();
  bool wait_for_handlers(SteadyTime until);
  void stop_tokens();
  void join();
  std::size_t room() const;

  const Queue queue_;
  const ConsumerOptions options_;
  const Consumer::Handler handler_;
  const std::shared_ptr<NodeState> node_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<HeldPtr> buffer_;
  std::unordered_set<HeldPtr> held_;
  std::size_t running_ = 0;
  std::size_t settling_ = 0;
  bool receiving_ = false;
  bool stopping_ = false;
  /// No look is to come earlier.
  SteadyTime armed_at_ = SteadyTime::never();
  std::stop_source stop_receive_;
  ConsumerStatistics statistics_;
  Error ended_;
  std::vector<std::thread> threads_;
  std::mutex report_mutex_;
};

}  // namespace peerq::detail
