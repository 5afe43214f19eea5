#pragma once
// The reference model of the catalog: names, parameters, dead-letter settings (S5-S7, S9-S11, S83), said
// naively. Ranges of single parameters are not its business.

#include <map>
#include <string>

#include "peerq/engine/command.hpp"
#include "peerq/engine/reply.hpp"

namespace peerq::model {

/// S5.
bool valid_name(std::string_view name);

struct CatalogModel {
  struct Known {
    engine::QueueConfig config;
    std::uint64_t confirmed = 0;
  };

  std::map<std::string, Known, std::less<>> queues;
  /// Deleted and not yet confirmed by their shard, with the version that has to be confirmed.
  std::map<QueueId, std::uint64_t> removed;
  QueueId next;

  engine::Effects apply(const engine::EntryView& entry);
};

}  // namespace peerq::model
