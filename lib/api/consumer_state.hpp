#pragma once
// The working of a Consumer: one receive at a time is under way; what it brings waits for its turn and a free
// runner; runners call the handler; a timed call extends leases that are half used, and stops the token of
// one that is about to be lost.
//
// Of a group of a FIFO queue, what was received together shares a lease. Its turns come one after the other,
// the next when the delete of the one before is durable. Whatever gives one back, or loses the lease, takes
// the turns of all behind it (S44).
//
// Its mutex guards the plain members; it is never held while calling the handler, the core, or anything of
// the user.

#include <algorithm>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <unordered_set>
#include <vector>

#include "api/consumer_turns.hpp"
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
  void settled(const HeldPtr& held, const Error& error, HeldPtr behind, bool was_gone);
  std::vector<HeldPtr> drop_lease_of(const Held& held);
  void give_back(const HeldPtr& held);
  void turn_came();
  void thread_main();
  Looks looks_of(const Held& held) const;
  Looks looks_of_lease(const Held& held) const;
  void arm_look(SteadyTime at);
  void look_after_leases();
  void extend(const HeldPtr& held);
  void extended(const HeldPtr& held, const Result<Extended>& result);
  void lose(const HeldPtr& held);
  std::vector<HeldPtr> sharers_of(const HeldPtr& held) const;
  void report(const Error& error);
  void release_unbegun();
  bool wait_for_handlers(SteadyTime until);
  void stop_tokens();
  void join();
  std::size_t room() const;
  std::size_t wanted() const;

  const Queue queue_;
  const ConsumerOptions options_;
  const Consumer::Handler handler_;
  const std::shared_ptr<NodeState> node_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  ConsumerTurns turns_;
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
