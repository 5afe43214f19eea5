// Who waits for what becomes of a message (S77). The outcome is durable; the waiting is not: after a restart
// it is asked for again.

#include <algorithm>

#include "node/core.hpp"

namespace peerq::node {

void Core::admit_outcome(const std::shared_ptr<Request>& request, Shard& shard) {
  auto outcome = std::static_pointer_cast<OutcomeRequest>(request);
  if (answer_outcome(shard, *outcome)) return finish(request, std::move(outcome->failure));
  if (shard.outcome_waiters.size() >= limits::waiters_max) {
    return finish(
        request, Error(errc::limit_exceeded, "waiters, the limit is " + std::to_string(limits::waiters_max)));
  }
  request->stage = Stage::waiting;
  shard.outcome_waiters.emplace(outcome->id, std::move(outcome));
}

/// False while it is open.
bool Core::answer_outcome(Shard& shard, OutcomeRequest& request) {
  auto found = shard.queues->outcome(request.id);
  if (found && found->fate == engine::Fate::open) return false;
  if (!found) {
    request.failure = found.error();
    return true;
  }
  request.outcome = std::move(*found);
  return true;
}

/// An entry has settled these.
void Core::wake_outcomes(Shard& shard) {
  for (const MessageId id : shard.effects.outcomes) {
    const auto [first, last] = shard.outcome_waiters.equal_range(id);
    for (auto at = first; at != last;) {
      const auto request = at->second;
      if (!answer_outcome(shard, *request)) {
        ++at;
        continue;
      }
      at = shard.outcome_waiters.erase(at);
      finish(request, std::move(request->failure));
    }
  }
}

void Core::expire_outcomes(Shard& shard) {
  for (auto at = shard.outcome_waiters.begin(); at != shard.outcome_waiters.end();) {
    const auto request = at->second;
    if (request->deadline > now_ && !request->cancelled) {
      next_deadline_ = std::min(next_deadline_, request->deadline);
      ++at;
      continue;
    }
    at = shard.outcome_waiters.erase(at);
    finish(request, Error(request->cancelled ? errc::cancelled : errc::timeout));
  }
}

void Core::end_outcomes(Shard& shard, const Error& error) {
  for (const auto& [id, request] : shard.outcome_waiters) finish(request, error);
  shard.outcome_waiters.clear();
}

}  // namespace peerq::node
