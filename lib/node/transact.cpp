// Transactions at the gate (S76).

#include <algorithm>

#include "node/core.hpp"

namespace peerq::node {

void Core::admit_transact(const std::shared_ptr<Request>& request, Shard& shard) {
  auto& transact = static_cast<TransactRequest&>(*request);
  std::size_t bytes = command_bytes;
  bool sends = false;
  for (auto& part : transact.parts) {
    if (shard.queues->config(part.queue) == nullptr) {
      return has_stopped(shard) ? finish(request, shard.stopped)
                                : finish(request, Error(errc::queue_deleted, part.name));
    }
    if (Error error = check_sizes(shard, part.queue, part.sends, true); error.code != errc::ok) {
      return finish(request, std::move(error));
    }
    if (!part.sends.items.empty() && has_line(shard, part.queue)) {
      return finish(request, Error(errc::queue_full, part.name + ", others wait for room"));
    }
    identify_by_content(shard, part.queue, part.sends);
    outdate(shard, part.queue, part.erases, part.epochs);
    sends = sends || !part.sends.items.empty();
    bytes += part.sends.payload_bytes + 32 * part.sends.items.size() + 24 * part.erases.size();
    transact.views.push_back({part.queue, part.erases, part.sends.items});
  }
  if (sends && shard.keep != Keep::memory && !accepts_sends()) {
    return finish(request, Error(errc::storage_full));
  }
  push_pending(shard, request, bytes);
}

}  // namespace peerq::node
