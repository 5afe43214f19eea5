#pragma once
// The reference model of the catalog: names, parameters, dead-letter settings (S5-S7, S9-S11, S83), said
// naively.

#include <map>
#include <string>
#include <vector>

#include "peerq/engine/command.hpp"
#include "peerq/engine/reply.hpp"

namespace peerq::model {

struct CatalogModel {
  struct Known {
    engine::QueueConfig config;
    std::uint64_t confirmed = 0;
  };

  std::map<std::string, Known, std::less<>> queues;
  /// Deleted, and not yet confirmed by their shard; with the version that has to be confirmed.
  std::map<QueueId, engine::QueueConfig> removed;
  QueueId next;

  engine::Effects apply(const engine::EntryView& entry);
  /// What the other shards have not confirmed, by id.
  std::vector<engine::Configure> unconfirmed() const;
};

}  // namespace peerq::model
