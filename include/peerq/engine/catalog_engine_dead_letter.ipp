#pragma once
// CatalogEngine: which queue may dead-letter into which (S11).

#include <algorithm>
#include <utility>

#include "peerq/engine/catalog_engine.hpp"

namespace peerq::engine {
inline namespace v1 {

/// What `options.dead_letter_queue` comes to for the queue `name` (`source` is 0 while it does not exist
/// yet).
template <Tables T>
typename CatalogEngine<T>::Target CatalogEngine<T>::check_dead_letter(std::string_view name, QueueId source,
                                                                      const QueueOptions& options) const {
  const std::string& wanted = options.dead_letter_queue;
  const auto refuse = [&](errc code, std::string why) {
    return Target{{code, "dead_letter_queue \"" + wanted + "\" " + std::move(why)}, {}, false};
  };
  if (wanted.empty()) return {};
  if (wanted == name) return refuse(errc::invalid_argument, "is the queue itself");
  const auto row = tables_->template find<CatalogQueueRow>(TextKey{wanted});
  if (!row) {
    const bool fits = source.value == 0 || hops_above(source, 0) < limits::dead_letter_chain_max;
    if (fits) return {{}, {}, true};
    return refuse(errc::invalid_argument, "makes a chain of more than 8");
  }
  const QueueOptions& target = row->config.options;
  if (target.type != options.type) return refuse(errc::invalid_argument, "has another type");
  if (target.durability > options.durability) return refuse(errc::invalid_argument, "has a lower durability");
  if (Error error = check_chain(source, *row); error.code != errc::ok)
    return refuse(error.code, error.detail);
  return {{}, row->config.id, false};
}

/// Follows the chain from the target; with what leads to the source it may have at most 8 hops and no cycle.
template <Tables T>
Error CatalogEngine<T>::check_chain(QueueId source, const CatalogQueueRow& target) const {
  std::size_t hops = 1;
  QueueId next = target.config.dead_letter;
  if (target.config.id == source) return {errc::invalid_argument, "makes a cycle"};
  while (next.value != 0) {
    if (next == source) return {errc::invalid_argument, "makes a cycle"};
    if (++hops > limits::dead_letter_chain_max) break;
    const auto row = by_id(next);
    if (!row) throw TablesFailure{Error(errc::corrupt, "the catalog lacks a dead-letter queue")};
    next = row->config.dead_letter;
  }
  if (source.value != 0) hops += hops_above(source, 0);
  if (hops > limits::dead_letter_chain_max) return {errc::invalid_argument, "makes a chain of more than 8"};
  return {};
}

/// The longest chain of sources that ends in this queue; it stops counting where it is too long anyway.
template <Tables T>
std::size_t CatalogEngine<T>::hops_above(QueueId queue, std::size_t hops) const {
  std::size_t most = hops;
  if (hops >= limits::dead_letter_chain_max) return most;
  QueueId after{0};
  while (const auto source = first_source(queue, after)) {
    most = std::max(most, hops_above(*source, hops + 1));
    after = *source;
  }
  return most;
}

/// The id of the dead-letter queue; a missing one is created with defaults first.
template <Tables T>
QueueId CatalogEngine<T>::settle_dead_letter(const Target& target, const QueueOptions& options,
                                             Reply& reply) {
  if (!target.missing) {
    const auto row = target.queue.value != 0 ? by_id(target.queue) : std::nullopt;
    if (row && row->confirmed < row->config.version) reply.to_configure.push_back({row->config, false});
    return target.queue;
  }
  QueueOptions defaults;
  defaults.type = options.type;
  defaults.durability = options.durability;
  const CatalogQueueRow row = insert_queue(options.dead_letter_queue, defaults, QueueId{0});
  reply.to_configure.push_back({row.config, false});
  return row.config.id;
}

template <Tables T>
void CatalogEngine<T>::link(QueueId source, QueueId target) {
  tables_->template insert<CatalogSourceRow>({target, source}, CatalogSourceRow{});
}

template <Tables T>
void CatalogEngine<T>::unlink(QueueId source, QueueId target) {
  tables_->template erase<CatalogSourceRow>({target, source});
}

/// The first source of the target with an id greater than `after`.
template <Tables T>
std::optional<QueueId> CatalogEngine<T>::first_source(QueueId target, QueueId after) const {
  const CatalogSourceRow::Key from{target, QueueId{after.value + 1}};
  const auto found = tables_->template first<CatalogSourceRow>(from, {QueueId{target.value + 1}, QueueId{0}});
  if (!found) return std::nullopt;
  return found->key.source;
}

/// A forced delete of a dead-letter queue: its sources lose the setting.
template <Tables T>
void CatalogEngine<T>::drop_sources(QueueId target, Reply& reply) {
  while (const auto source = first_source(target, QueueId{0})) {
    auto row = by_id(*source);
    if (!row)
      throw TablesFailure{Error(errc::corrupt, "the catalog lacks the source of a dead-letter queue")};
    row->config.options.dead_letter_queue.clear();
    row->config.dead_letter = QueueId{0};
    ++row->config.version;
    save(*row);
    unlink(*source, target);
    reply.to_configure.push_back({std::move(row->config), false});
  }
}

}  // namespace v1
}  // namespace peerq::engine
