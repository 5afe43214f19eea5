#pragma once
// The catalog shard as a function of its log: names, parameters, ids and versions of all queues. It decides;
// the queues' own shards are told by `Configure` and confirm with `Configured` (docs/architecture.md,
// shards).
//
// Invariants. A queue that dead-letters into another has a source row there; the other exists. An id is never
// given twice. A deleted queue's name is free at once; its removal is remembered until its shard has
// confirmed.
//
// Parts: catalog_engine_{apply,dead_letter}.ipp.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "peerq/engine/command.hpp"
#include "peerq/engine/query.hpp"
#include "peerq/engine/reply.hpp"
#include "peerq/engine/tables.hpp"
#include "peerq/engine/validate.hpp"

namespace peerq::engine {
inline namespace v1 {

/// The state machine of the catalog shard, over tables that it does not own.
///
/// **Errors** every member lets `TablesFailure` through; after one the engine and its tables must be dropped
/// (S55).
/// **Thread** one at a time.
template <Tables T>
class CatalogEngine {
 public:
  /// `first_queue` is the first id given by a catalog that has given none; later the tables know better.
  CatalogEngine(T& tables, QueueId first_queue) noexcept : tables_(&tables), first_queue_(first_queue) {}
  CatalogEngine(const CatalogEngine&) = delete;
  CatalogEngine& operator=(const CatalogEngine&) = delete;

  /// Applies one entry; `effects` is cleared first.
  /// **Errors** `TablesFailure{version_mismatch}` for an entry of a newer format, before any change (S53).
  void apply(LogIndex index, const EntryView& entry, Effects& effects);

  std::optional<QueueConfig> find(std::string_view name) const;
  std::optional<QueueConfig> find(QueueId queue) const;
  /// Up to `max` names greater than `after` that start with `prefix`.
  std::vector<QueueConfig> list(std::string_view prefix, std::string_view after, std::size_t max) const;
  /// What other shards have not confirmed yet, by name, then the removed ones by id.
  std::vector<Configure> unconfirmed() const;
  /// Nothing in a catalog falls due.
  NextDue next_due() const { return {}; }

 private:
  // apply
  void run(const Command& command, Reply& reply);
  void create(const CreateQueue& command, Reply& reply);
  void create_new(const CreateQueue& command, Reply& reply);
  void update(const UpdateQueue& command, Reply& reply);
  void change(CatalogQueueRow row, const QueueOptions& options, Reply& reply);
  void pause(const PauseQueue& command, Reply& reply);
  void remove(const DeleteQueue& command, Reply& reply);
  void configured(const Configured& command);
  std::optional<CatalogQueueRow> named(std::string_view name, QueueId queue, Reply& reply) const;
  CatalogQueueRow insert_queue(std::string_view name, const QueueOptions& options, QueueId dead_letter);
  void save(const CatalogQueueRow& row);
  CatalogCountersRow counters() const;
  void save_counters(const CatalogCountersRow& row);
  std::optional<CatalogQueueRow> by_id(QueueId queue) const;
  static void answer(const CatalogQueueRow& row, Reply& reply);
  static void fail(Reply& reply, Error error);

  // dead_letter
  struct Target {
    Error error;
    /// 0 = none, or to be created.
    QueueId queue;
    bool missing = false;
  };
  Target check_dead_letter(std::string_view name, QueueId source, const QueueOptions& options) const;
  Error check_chain(QueueId source, const CatalogQueueRow& target) const;
  std::size_t hops_above(QueueId queue, std::size_t hops) const;
  QueueId settle_dead_letter(const Target& target, const QueueOptions& options, Reply& reply);
  void link(QueueId source, QueueId target);
  void unlink(QueueId source, QueueId target);
  std::optional<QueueId> first_source(QueueId target, QueueId after) const;
  void drop_sources(QueueId target, Reply& reply);

  T* tables_;
  QueueId first_queue_;
  EntryHeader header_;
};

}  // namespace v1
}  // namespace peerq::engine

#include "peerq/engine/catalog_engine_apply.ipp"
#include "peerq/engine/catalog_engine_dead_letter.ipp"
