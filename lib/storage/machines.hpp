#pragma once
// Makes the state machines of a store's shards. Each kind is compiled once, in a file of its own.

#include <memory>

#include "peerq/base/result.hpp"
#include "peerq/port/state_machine.hpp"
#include "storage/delta_budget.hpp"
#include "storage/state_store.hpp"

namespace peerq::storage {

/// A durable shard of queues, as far as `store` has it. **Errors** corrupt, node_failed. Store and budget
/// outlive it.
Result<std::unique_ptr<port::QueueMachine>> make_queue_machine(ShardId shard, StateStore& store,
                                                               DeltaBudget& budget);

/// A durable shard of queues whose state comes from `from`, in a store that has nothing of it. Its first
/// checkpoint makes it durable. **Errors** corrupt, version_mismatch, storage_full, node_failed; the store is
/// to be thrown away then.
Result<std::unique_ptr<port::QueueMachine>> receive_queue_machine(ShardId shard, StateStore& store,
                                                                  DeltaBudget& budget,
                                                                  port::StateStream& from);

/// The catalog. `first_queue` is the first id that a new one gives.
Result<std::unique_ptr<port::CatalogMachine>> make_catalog_machine(QueueId first_queue, StateStore& store,
                                                                   DeltaBudget& budget);

/// An empty shard of queues in memory.
std::unique_ptr<port::QueueMachine> make_memory_queue_machine();
/// One that another left. **Errors** corrupt, version_mismatch.
Result<std::unique_ptr<port::QueueMachine>> receive_memory_queue_machine(port::StateStream& from);

}  // namespace peerq::storage
