#pragma once
// How the queues of receives from several share what is handed out, over many calls (S27).
//
// A call that asks for few messages cannot give each queue its weight's part; so what a call may give is
// planned from where the calls before left off, smoothly: each message that is handed out gives every queue
// its weight in credit, and the one with most of it pays for all. What came otherwise than planned is put
// right when the call has ended. Kept in memory, for each set of queues and weights.

#include <cstdint>
#include <map>
#include <mutex>
#include <span>
#include <utility>
#include <vector>

#include "peerq/engine/command.hpp"

namespace peerq::detail {

/// **Thread** any.
class ReceiveShares {
 public:
  using Queues = std::vector<engine::WeightedQueue>;

  /// Parts of up to `max_messages`, as weights; who has most credit first, who has no part last.
  Queues plan(const Queues& queues, std::uint32_t max_messages);
  /// What a planned call gave, in the plan's order.
  void ended(const Queues& queues, const Queues& plan, std::span<const std::uint32_t> given);

 private:
  using Credits = std::map<QueueId, std::int64_t>;

  Credits& credits_of(const Queues& queues);

  std::mutex mutex_;
  std::map<std::vector<std::pair<QueueId, std::uint32_t>>, Credits> sets_;
};

}  // namespace peerq::detail
