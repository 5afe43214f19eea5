#pragma once
// The Replicator of a shard with one peer: always leading, no consensus, the same records as Raft writes.
// A log that came from a cluster goes on in its last term.

#include <memory>

#include "peerq/port/replicator.hpp"

namespace peerq::replication {

struct SingleReplicatorOptions {
  ShardId shard;
  /// Interval shards (S82): entries may be applied and acknowledged before they are durable.
  bool acknowledge_before_durable = false;
  /// Memory shards: nothing is written at all; entries are committed when proposed.
  bool volatile_log = false;
};

/// Goes on after `found`: what the log holds is committed.
std::unique_ptr<port::Replicator> make_single_replicator(const port::ShardLogState& found,
                                                         const SingleReplicatorOptions& options);

}  // namespace peerq::replication
