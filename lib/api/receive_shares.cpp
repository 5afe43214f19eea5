#include "api/receive_shares.hpp"

#include <algorithm>

namespace peerq::detail {

namespace {

/// Then all begin anew: nobody has so many sets in use, only sets of queues that come and go.
constexpr std::size_t sets_max = 1'024;

std::int64_t sum_of(const ReceiveShares::Queues& queues) {
  std::int64_t sum = 0;
  for (const auto& one : queues) sum += one.weight;
  return sum;
}

}  // namespace

ReceiveShares::Queues ReceiveShares::plan(const Queues& queues, std::uint32_t max_messages) {
  struct Part {
    engine::WeightedQueue queue;
    std::uint32_t weight;
    std::int64_t credit;
    std::int64_t before;
  };
  const std::lock_guard lock(mutex_);
  Credits& credits = credits_of(queues);
  const std::int64_t sum = sum_of(queues);
  const auto rounds = static_cast<std::uint32_t>(max_messages / sum);
  std::vector<Part> parts;
  for (const auto& [queue, weight] : queues) {
    const std::int64_t credit = credits[queue];
    parts.push_back({{queue, weight * rounds}, weight, credit, credit});
  }
  for (std::int64_t left = max_messages % sum; left > 0; --left) {
    for (Part& part : parts) part.credit += part.weight;
    const auto less = [](const Part& a, const Part& b) { return a.credit < b.credit; };
    Part& most = *std::max_element(parts.begin(), parts.end(), less);
    most.credit -= sum;
    ++most.queue.weight;
  }
  for (const Part& part : parts) credits[part.queue.queue] = part.credit;
  const auto rank = [](const Part& part) {
    return std::pair(part.queue.weight == 0,
                     part.queue.weight == 0 ? -part.credit : -part.before - part.weight);
  };
  std::stable_sort(parts.begin(), parts.end(),
                   [&](const Part& a, const Part& b) { return rank(a) < rank(b); });
  Queues out;
  for (const Part& part : parts) out.push_back(part.queue);
  return out;
}

/// Credit stays within a round: whoever had nothing for long does not take everything when it has.
void ReceiveShares::ended(const Queues& queues, const Queues& plan, std::span<const std::uint32_t> given) {
  const std::lock_guard lock(mutex_);
  Credits& credits = credits_of(queues);
  const std::int64_t sum = sum_of(queues);
  std::int64_t missing = 0;
  for (std::size_t i = 0; i < plan.size(); ++i) {
    const std::int64_t unpaid = std::int64_t{plan[i].weight} - given[i];
    credits[plan[i].queue] += unpaid * sum;
    missing += unpaid;
  }
  for (const auto& [queue, weight] : queues) {
    std::int64_t& credit = credits[queue];
    credit = std::clamp(credit - weight * missing, -sum, sum);
  }
}

ReceiveShares::Credits& ReceiveShares::credits_of(const Queues& queues) {
  std::vector<std::pair<QueueId, std::uint32_t>> set;
  set.reserve(queues.size());
  for (const auto& one : queues) set.emplace_back(one.queue, one.weight);
  std::sort(set.begin(), set.end());
  if (sets_.size() >= sets_max && !sets_.contains(set)) sets_.clear();
  return sets_[std::move(set)];
}

}  // namespace peerq::detail
