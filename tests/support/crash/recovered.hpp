#pragma once
// What is in a data directory after recovery: by log and tables alone, or through a node.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "peerq/base/result.hpp"
#include "peerq/node.hpp"
#include "support/history/body.hpp"

namespace peerq::crash {

struct RecoveredMessage {
  MessageId id;
  std::optional<history::BodyTag> body;
  std::uint64_t body_size = 0;
  MessageStatus status = MessageStatus::ready;
  std::uint32_t attempt = 0;
};

struct RecoveredQueue {
  std::string name = {};
  Durability durability = Durability::sync;
  /// All that are listed.
  std::vector<RecoveredMessage> messages = {};
  /// As the queue counts them.
  std::uint64_t ready = 0;
  std::uint64_t delayed = 0;
  std::uint64_t in_flight = 0;
  std::uint64_t parked = 0;
};

/// A durable shard's log and tables.
struct RecoveredShard {
  std::uint64_t applied = 0;
  /// Over all rows that can be asked for.
  std::uint64_t digest = 0;
  /// Index and checksum of term, type and body.
  std::vector<std::pair<std::uint64_t, std::uint64_t>> records;
};

struct Recovered {
  /// In the catalog.
  std::vector<std::string> names;
  /// With messages.
  std::vector<RecoveredQueue> queues;
  /// Empty when seen through a node.
  std::map<std::uint32_t, RecoveredShard> shards;
};

/// Opens log and tables, reads every record, replays, reads every message. Nothing is written to a complete
/// directory.
Result<Recovered> recover_store(const std::string& directory);

/// Opens a node and lists what it has.
Result<Recovered> list_node(Node& node);

/// Opens a queue. Waits for one whose creation a crash cut in two: the node finishes it soon after it opened.
Result<Queue> open_soon(Node& node, const std::string& name);

/// Receives and deletes what is ready, until three polls are empty. **Errors** those of the calls.
Result<std::vector<RecoveredMessage>> drain(Node& node, const std::string& queue);

}  // namespace peerq::crash
