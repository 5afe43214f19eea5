#pragma once
// A data directory, opened: the log and the shards' state, recovered as far as the tables go.
// Implementations: the directory (lib/storage) and the test kit's simulated disk.

#include <array>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>

#include "peerq/base/bytes.hpp"
#include "peerq/base/ids.hpp"
#include "peerq/base/limits.hpp"
#include "peerq/base/result.hpp"
#include "peerq/port/entropy.hpp"
#include "peerq/port/file_system.hpp"
#include "peerq/port/log.hpp"
#include "peerq/port/observer.hpp"
#include "peerq/port/state_machine.hpp"

namespace peerq::port {

/// Who this directory is; written once, at creation.
struct Identity {
  ClusterId cluster;
  PeerId peer{1};
  /// Key of the receipts' seal.
  std::array<std::byte, 16> receipt_key{};
  /// First queue id of this directory: random, so that ids of two directories do not meet.
  QueueId first_queue;
};

struct StoreOptions {
  std::string directory;
  /// 0 = no limit but the disk.
  std::uint64_t max_disk_bytes = 0;
  std::size_t memory_budget = limits::memory_budget_default;
  /// Body of the configuration entry with which every durable shard's log begins; used at creation only.
  SharedBytes initial_configuration = {};
};

/// Bytes on disk, and whether new data may come in (S54).
struct StoreUsage {
  std::uint64_t log_bytes = 0;
  std::uint64_t state_bytes = 0;
  /// False from when only the reserve is left: sends get `storage_full`; the rest goes on.
  bool accepts_sends = true;
  /// More bytes at once than this find no room.
  std::uint64_t send_room = std::numeric_limits<std::uint64_t>::max();
};

/// **Thread** accessors any; what they return says its own.
class Store {
 public:
  virtual ~Store() = default;
  virtual const Identity& identity() const noexcept = 0;
  virtual Log& log() noexcept = 0;
  virtual CatalogMachine& catalog() noexcept = 0;
  /// data, interval or memory shard.
  virtual QueueMachine& queues(ShardId shard) noexcept = 0;
  virtual StoreUsage usage() = 0;
};

}  // namespace peerq::port
