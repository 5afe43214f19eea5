#pragma once
// How entries of one shard become committed. Event in, update out: no I/O, no clock, no threads inside.
// Implementations: SingleReplicator (lib/replication); Raft comes behind the same port.

#include <vector>

#include "peerq/base/ids.hpp"
#include "peerq/base/result.hpp"
#include "peerq/port/log.hpp"

namespace peerq::port {

/// What the caller must carry out after an event, in this order.
struct ReplicatorUpdate {
  /// To be made durable, in order, together or not at all; then reported by `persisted`.
  std::vector<LogWrite> writes;
  /// Everything up to here may be applied once it is durable here; never falls.
  LogIndex committed;
};

/// Consensus of one shard. **Thread** one at a time (the core).
class Replicator {
 public:
  virtual ~Replicator() = default;

  virtual bool leading() const noexcept = 0;
  virtual Term term() const noexcept = 0;
  /// Index of the newest entry proposed or stored.
  virtual LogIndex last() const noexcept = 0;

  /// Takes an entry; it gets index `last() + 1`. **Errors** no_quorum when not leading (did not happen).
  virtual Result<LogIndex> propose(EntryType type, SharedBytes body, ReplicatorUpdate& update) = 0;

  /// Everything of this shard up to `index` is durable here.
  virtual void persisted(LogIndex index, ReplicatorUpdate& update) = 0;
};

}  // namespace peerq::port
