#pragma once
// Of the messages that a consumer holds: whose turn it is. Without order, whoever came first. Of a group of a
// FIFO queue one at a time, in order (S42): the next one's turn comes when the one before has left.

#include <cstddef>
#include <deque>
#include <memory>
#include <stop_token>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "api/node_state.hpp"

namespace peerq::detail {

/// How a lease is looked after.
struct LeaseCare {
  bool extending = false;
  /// No extension before this: the last one failed, or gave all that `max_lease_time` allows.
  SteadyTime extend_after{};
};

/// A received message from its arrival to its settlement.
struct Held {
  explicit Held(Delivery d) : delivery(std::move(d)) {}

  /// The lease that it shares with others of its group, or null.
  const GroupLease* group_lease() const noexcept { return Access::state(delivery)->group_lease.get(); }
  LeaseCare& care() noexcept { return shared_care == nullptr ? own_care : *shared_care; }
  const LeaseCare& care() const noexcept { return shared_care == nullptr ? own_care : *shared_care; }

  Delivery delivery;
  std::stop_source lost;
  /// A handler has it.
  bool begun = false;
  bool settled = false;
  LeaseCare own_care;
  std::shared_ptr<LeaseCare> shared_care;
};
using HeldPtr = std::shared_ptr<Held>;

/// **Thread** one at a time: guarded by its consumer's mutex.
class ConsumerTurns {
 public:
  /// Received; those of a group in their order.
  void add(HeldPtr held);
  bool empty() const noexcept { return ready_.empty(); }
  /// The next to be handled. There is one.
  HeldPtr take();
  /// It was handled and has left: the next of its group is up.
  void left(const Held& held);
  /// Takes out what shares `held`'s lease and was not begun; in order.
  std::vector<HeldPtr> drop_lease_of(const Held& held);
  /// Takes out everything that was not begun; those of one lease in order.
  std::vector<HeldPtr> drop_all();
  /// Groups of which something is held.
  std::size_t groups() const noexcept { return groups_.size(); }

 private:
  struct Group {
    /// Whose turn it is, begun or not.
    HeldPtr current;
    std::deque<HeldPtr> waiting;
    /// Of the last that was added.
    const GroupLease* newest = nullptr;
    std::shared_ptr<LeaseCare> newest_care;
  };
  using Groups = std::unordered_map<std::string, Group>;

  Groups::iterator group_of(const Held& held);
  void advance(Groups::iterator group);

  std::deque<HeldPtr> ready_;
  Groups groups_;
};

}  // namespace peerq::detail
