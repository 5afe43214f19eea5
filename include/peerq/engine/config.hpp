#pragma once
// A queue's parameters as the engine holds them: the options, and what the catalog resolved.

#include <cstdint>
#include <string>

#include "peerq/base/ids.hpp"
#include "peerq/base/queue_options.hpp"

namespace peerq::engine {
inline namespace v1 {

/// One version of a queue's parameters. The catalog makes it; the data shard is told by `Configure`.
struct QueueConfig {
  QueueId id;
  /// Rises with every update, pause and resume; a `Configure` with an older one is ignored.
  std::uint64_t version = 0;
  std::string name;
  QueueOptions options;
  /// The queue that `options.dead_letter_queue` names, or 0.
  QueueId dead_letter = {};
  bool paused = false;

  friend bool operator==(const QueueConfig&, const QueueConfig&) = default;
};

/// The shard on which a queue of this durability lives.
constexpr ShardId shard_of(Durability durability) noexcept {
  switch (durability) {
    case Durability::sync: return data_shard;
    case Durability::interval: return interval_shard;
    case Durability::memory: return memory_shard;
  }
  return data_shard;
}

}  // namespace v1
}  // namespace peerq::engine
