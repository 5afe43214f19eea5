#include "api/consumer_turns.hpp"

#include <algorithm>
#include <iterator>

namespace peerq::detail {

void ConsumerTurns::add(HeldPtr held) {
  const GroupLease* lease = held->group_lease();
  if (lease == nullptr) return ready_.push_back(std::move(held));
  const auto [at, is_new] = groups_.try_emplace(std::string(held->delivery.group_id()));
  Group& group = at->second;
  if (group.newest != lease) group.newest_care = std::make_shared<LeaseCare>();
  group.newest = lease;
  held->shared_care = group.newest_care;
  group.waiting.push_back(std::move(held));
  if (is_new) advance(at);
}

HeldPtr ConsumerTurns::take() {
  PEERQ_ASSERT(!ready_.empty());
  HeldPtr held = std::move(ready_.front());
  ready_.pop_front();
  held->begun = true;
  return held;
}

void ConsumerTurns::left(const Held& held) {
  const auto group = group_of(held);
  if (group != groups_.end() && group->second.current.get() == &held) advance(group);
}

std::vector<HeldPtr> ConsumerTurns::drop_lease_of(const Held& held) {
  std::vector<HeldPtr> out;
  const auto at = group_of(held);
  if (at == groups_.end()) return out;
  Group& group = at->second;
  const auto shares = [&](const HeldPtr& other) { return other->group_lease() == held.group_lease(); };
  const bool head = !group.current->begun && shares(group.current);
  if (head) {
    out.push_back(group.current);
    std::erase(ready_, group.current);
  }
  std::copy_if(group.waiting.begin(), group.waiting.end(), std::back_inserter(out), shares);
  std::erase_if(group.waiting, shares);
  if (head) advance(at);
  return out;
}

std::vector<HeldPtr> ConsumerTurns::drop_all() {
  std::vector<HeldPtr> out(ready_.begin(), ready_.end());
  ready_.clear();
  for (auto at = groups_.begin(); at != groups_.end();) {
    Group& group = at->second;
    out.insert(out.end(), group.waiting.begin(), group.waiting.end());
    group.waiting.clear();
    at = group.current->begun ? std::next(at) : groups_.erase(at);
  }
  return out;
}

ConsumerTurns::Groups::iterator ConsumerTurns::group_of(const Held& held) {
  if (held.group_lease() == nullptr) return groups_.end();
  return groups_.find(std::string(held.delivery.group_id()));
}

void ConsumerTurns::advance(Groups::iterator group) {
  auto& [current, waiting, newest, care] = group->second;
  if (waiting.empty()) {
    groups_.erase(group);
    return;
  }
  current = std::move(waiting.front());
  waiting.pop_front();
  ready_.push_back(current);
}

}  // namespace peerq::detail
