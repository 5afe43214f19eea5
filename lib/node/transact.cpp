// Transactions at the gate (S76).

#include <algorithm>

#include "node/core.hpp"

namespace peerq::node {

void Core::admit_transact(const std::shared_ptr<Request>& request, Shard& shard) {
  auto& transact = static_cast<TransactRequest&>(*request);
  // In the order of S60, each for all queues before the next: incarnation, size, storage, depth.
  for (const auto& part : transact.parts) {
    if (shard.queues->config(part.queue) != nullptr) continue;
    return has_stopped(shard) ? finish(request, shard.stopped)
                              : finish(request, Error(errc::queue_deleted, part.name));
  }
  std::size_t sent = 0;
  for (const auto& part : transact.parts) {
    Error error = check_sizes(shard, part.queue, part.sends, true);
    if (error.code != errc::ok) return finish(request, std::move(error));
    sent += part.sends.payload_bytes;
  }
  if (Error error = check_room(shard, sent); sent > 0 && error.code != errc::ok) {
    return finish(request, std::move(error));
  }
  std::size_t bytes = command_bytes;
  const std::string* full = nullptr;
  for (auto& part : transact.parts) {
    identify_by_content(shard, part.queue, part.sends);
    if (has_line(shard, part.queue) && has_new(shard, part.queue, part.sends)) full = &part.name;
    outdate(shard, part.queue, part.erases, part.epochs);
    bytes += part.sends.payload_bytes + 32 * part.sends.items.size() + 24 * part.erases.size();
    transact.views.push_back({part.queue, part.erases, part.sends.items});
  }
  if (full != nullptr) return finish(request, refusal_of(shard, transact, *full));
  push_pending(shard, request, bytes);
}

/// Others wait for room in the queue `full`, and nobody overtakes. A bad receipt comes before that (S60).
Error Core::refusal_of(Shard& shard, const TransactRequest& transact, const std::string& full) {
  const Stamps now = shard.stamper->peek();
  for (const auto& part : transact.parts) {
    for (const auto& item : part.erases) {
      if (auto live = shard.queues->lease_state(part.queue, item.lease, now); !live) return live.error();
    }
  }
  return {errc::queue_full, full + ", others wait for room"};
}

}  // namespace peerq::node
