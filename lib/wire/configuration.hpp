#pragma once
// The body of a configuration entry (EntryType::change): who is in the cluster. The bytes are those that
// libraft 0.22 writes and reads for RAFT_CHANGE, so that a log of one peer can become a Raft peer's log as it
// is. Format: docs/formats_wire.md, configuration.

#include <string>
#include <vector>

#include "peerq/base/bytes.hpp"
#include "peerq/base/ids.hpp"
#include "peerq/base/result.hpp"

namespace peerq::wire {

/// Numbers are bytes on disk and libraft's own.
enum class ServerRole : std::uint8_t {
  standby = 0,  ///< Gets the log, does not vote.
  voter = 1,
  spare = 2,  ///< Gets nothing.
};

struct Server {
  /// Not 0.
  PeerId id;
  /// Without NUL.
  std::string address;
  ServerRole role = ServerRole::voter;

  friend bool operator==(const Server&, const Server&) = default;
};

/// The servers, in the order that the cluster agreed on: at least one, ids and addresses distinct.
SharedBytes encode_configuration(const std::vector<Server>& servers);

/// **Errors** corrupt: not what `encode_configuration` could have written, to the last byte.
Result<std::vector<Server>> decode_configuration(Bytes bytes);

}  // namespace peerq::wire
