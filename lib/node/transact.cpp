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
  for (auto& part : transact.parts) {
    if (!part.sends.items.empty() && has_line(shard, part.queue)) {
      return finish(request, Error(errc::queue_full, part.name + ", others wait for room"));
    }
    identify_by_content(shard, part.queue, part.sends);
    outdate(shard, part.queue, part.erases, part.epochs);
    bytes += part.sends.payload_bytes + 32 * part.sends.items.size() + 24 * part.erases.size();
    transact.views.push_back({part.queue, part.erases, part.sends.items});
  }
  push_pending(shard, request, bytes);
}

}  // namespace peerq::node
