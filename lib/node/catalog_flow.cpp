// Creating, updating and deleting a queue: first the catalog's entry, then Configure in the queue's shard,
// then the answer, then the catalog's note that it was confirmed. A crash anywhere in between is repaired by
// `resume_catalog`.

#include <algorithm>
#include <functional>
#include <map>

#include "node/core.hpp"

namespace peerq::node {

void Core::catalog_applied(const std::shared_ptr<CatalogRequest>& request) {
  auto& reply = request->reply;
  request->configs.push_back(*reply.config);
  std::vector<engine::Configure> targets = std::move(reply.to_configure);
  // An existing queue whose first creator has not got that far yet.
  const auto named = [&reply](const engine::Configure& target) {
    return target.config.id == reply.config->id;
  };
  if (request->kind != Kind::delete_queue && std::none_of(targets.begin(), targets.end(), named) &&
      !is_configured(*reply.config)) {
    targets.push_back({*reply.config, false});
  }
  if (targets.empty()) return finish(request);
  request->unconfirmed = targets.size();
  for (const auto& target : targets) configure(target, request);
}

void Core::configure(const engine::Configure& what, std::shared_ptr<CatalogRequest> parent) {
  auto request = std::make_shared<ConfigureRequest>(Kind::configure);
  request->configure = what;
  request->queue = what.config.id;
  request->shard = engine::shard_of(what.config.options.durability);
  request->parent = std::move(parent);
  Shard& shard = this->shard(request->shard);
  if (shard.is_stopped()) return finish(request, shard.stopped);
  push_pending(shard, std::move(request), 1024);
}

void Core::configure_applied(const std::shared_ptr<ConfigureRequest>& request) {
  auto confirmation = std::make_shared<ConfigureRequest>(Kind::configured);
  confirmation->configure = request->configure;
  confirmation->queue = request->queue;
  confirmation->shard = catalog_shard;
  Shard& catalog = shard(catalog_shard);
  if (!catalog.is_stopped()) push_pending(catalog, std::move(confirmation), 64);
  if (request->shard == interval_shard) refresh_sync_interval();
  shard(request->shard).rooms.insert(request->queue);  // its limits may have changed
  if (!resolve_at_once(shard(request->shard), request->queue, request->parent)) confirmed(request->parent);
  finish(request);
}

/// One of the queues is as its creator wants it.
void Core::confirmed(const std::shared_ptr<CatalogRequest>& parent) {
  if (parent != nullptr && --parent->unconfirmed == 0) finish(parent);
}

/// A configuration that failed ends its creator's request too. The catalog's entry stands: the next open goes
/// on.
void Core::creator_failed(const std::shared_ptr<CatalogRequest>& parent, const Error& error) {
  if (parent == nullptr) return;
  const bool unknown = error.happened() == Happened::unknown;
  finish(parent, unknown ? error : Error(errc::outcome_unknown, error.detail));
}

/// After recovery: what the catalog decided and a queue's shard does not know yet. The memory shard knows
/// nothing.
void Core::resume_catalog() {
  auto& machine = parts_.store->catalog();
  std::map<QueueId, engine::Configure> targets;
  for (auto& target : machine.unconfirmed()) targets.emplace(target.config.id, std::move(target));
  std::string after;
  for (;;) {
    auto page = machine.list("", after, limits::page_max);
    if (page.empty()) break;
    after = page.back().name;
    for (auto& config : page) {
      const QueueId id = config.id;
      if (!is_configured(config)) targets.try_emplace(id, engine::Configure{std::move(config), false});
    }
  }
  // A queue comes after the one that gets its dead letters, which find no queue there otherwise.
  const std::function<void(QueueId)> tell = [&](QueueId id) {
    const auto target = targets.extract(id);
    if (target.empty()) return;
    tell(target.mapped().config.dead_letter);
    configure(target.mapped(), nullptr);
  };
  while (!targets.empty()) tell(targets.begin()->first);
}

void Core::refresh_sync_interval() {
  Shard& shard = this->shard(interval_shard);
  Milliseconds shortest = limits::sync_interval_max;
  for (const auto& [queue, version] : shard.queues->queues()) {
    const engine::QueueConfig* config = shard.queues->config(queue);
    if (config != nullptr) shortest = std::min(shortest, config->options.sync_interval);
  }
  sync_interval_ = shortest;
}

}  // namespace peerq::node
