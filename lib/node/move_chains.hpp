#pragma once
// Whose turn it is among the chains of messages that a shard has set aside for others (S41).
//
// A chain is what goes from one queue to another: it keeps its order, and knows nothing of the others. One
// that waits for its target has its own pause, and holds up nobody.

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "peerq/base/ids.hpp"
#include "peerq/base/time.hpp"

namespace peerq::node {

struct MoveChain {
  QueueId queue;
  QueueId target;
  friend constexpr auto operator<=>(const MoveChain&, const MoveChain&) = default;
};

/// **Thread** the core.
class MoveChains {
 public:
  /// A chain may have messages; nothing new when it is known.
  void add(MoveChain chain, SteadyTime now) {
    if (!places_.contains(chain)) put(chain, now);
  }

  /// The one whose turn it is, or none: all wait.
  std::optional<MoveChain> next(SteadyTime now) const {
    if (order_.empty() || order_.begin()->first.at > now) return std::nullopt;
    return order_.begin()->second;
  }

  /// The others come first now; not before `at` is it looked at again.
  void put_off(MoveChain chain, SteadyTime at) {
    remove(chain);
    put(chain, at);
  }

  void remove(MoveChain chain) {
    const auto place = places_.find(chain);
    if (place == places_.end()) return;
    order_.erase({place->second, chain});
    places_.erase(place);
  }

  SteadyTime next_at() const noexcept {
    return order_.empty() ? SteadyTime::never() : order_.begin()->first.at;
  }

 private:
  struct Place {
    SteadyTime at;
    std::uint64_t turn = 0;
    friend constexpr auto operator<=>(const Place&, const Place&) = default;
  };

  void put(MoveChain chain, SteadyTime at) {
    const Place place{at, ++last_turn_};
    places_.emplace(chain, place);
    order_.emplace(place, chain);
  }

  std::map<MoveChain, Place> places_;
  std::set<std::pair<Place, MoveChain>> order_;
  std::uint64_t last_turn_ = 0;
};

}  // namespace peerq::node
