#pragma once
// A shard's state: the engine over its tables, behind a seam, so that the node never sees tables or storage.
// Implementations (lib/storage): over DeltaTables and LMDB, and over MemoryTables.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "peerq/base/ids.hpp"
#include "peerq/base/result.hpp"
#include "peerq/engine/command.hpp"
#include "peerq/engine/config.hpp"
#include "peerq/engine/query.hpp"
#include "peerq/engine/reply.hpp"

namespace peerq::port {

/// The state of a shard at one moment, in chunks, for a place that lacks it (docs/formats.md, state chunks).
class StateStream {
 public:
  virtual ~StateStream() = default;
  /// The next chunk; an empty one after the last. **Errors** corrupt, node_failed; then there is no more.
  /// **Thread** core.
  virtual Result<SharedBytes> next() = 0;
};

/// State of one shard.
///
/// **Thread** all members on the core, except `write_checkpoint` (checkpoint lane) while one is frozen.
/// **Errors** after `corrupt` or `node_failed` the shard is poisoned: every member answers that error,
/// nothing more is written to its tables (S55).
class StateMachine {
 public:
  virtual ~StateMachine() = default;

  /// Applies the entry of this index: exactly `applied() + 1`. **Errors** corrupt, node_failed,
  /// version_mismatch.
  virtual Result<void> apply(LogIndex index, Term term, const engine::EntryView& entry,
                             engine::Effects& effects) = 0;
  /// Passes an entry that is not a command (barrier, configuration).
  virtual Result<void> pass(LogIndex index, Term term, bool configuration, Bytes body) = 0;

  /// What poisoned the shard; ok while it serves. Members that cannot answer an error find nothing then: ask
  /// here before their answer is given on.
  virtual const Error& damage() const noexcept = 0;

  virtual LogIndex applied() const noexcept = 0;
  virtual Stamps stamps() const noexcept = 0;
  virtual engine::NextDue next_due() = 0;

  // Checkpoint, one at a time: freeze (core) -> write_checkpoint (checkpoint lane) -> finish_checkpoint
  // (core).

  /// Whether one should start, by the size of the delta and the dirty pages it will cost.
  virtual bool checkpoint_due() const noexcept = 0;
  /// New entries have to wait: the delta is at its budget while a checkpoint still runs.
  virtual bool over_budget() const noexcept = 0;
  /// Sets aside the state at `applied()`; false when there is nothing new. `durable` is what the log holds:
  /// a checkpoint never holds more, so it must be at least `applied()`.
  virtual bool freeze(LogIndex durable) = 0;
  /// Writes what was frozen. **Durable** on return. **Errors** storage_full: nothing happened, try again;
  /// node_failed. **Thread** checkpoint lane; blocks on the disk.
  virtual Result<void> write_checkpoint() = 0;
  /// Switches to the written state. What the log may now trim up to, and with what metadata.
  virtual Result<engine::Checkpoint> finish_checkpoint() = 0;

  /// The state in chunks of about `chunk_bytes`: of a durable shard as the last checkpoint left it, whatever
  /// is applied meanwhile; of one in memory as it is, until the next `apply`. Not longer than the machine
  /// lives.
  virtual std::unique_ptr<StateStream> stream(std::size_t chunk_bytes) = 0;
};

/// A shard of queues.
class QueueMachine : public StateMachine {
 public:
  /// The queue's parameters, or null when this shard does not know it. Valid until the next `apply`.
  virtual const engine::QueueConfig* config(QueueId queue) = 0;
  /// How many messages a receive at `now` could get at once: ready, unless paused or at the in-flight cap.
  virtual std::uint64_t deliverable(QueueId queue) = 0;
  /// Groups of a FIFO queue that may give something now, as far as `max`.
  virtual std::uint64_t open_groups(QueueId queue, std::uint64_t max) = 0;
  /// The message under whose deduplication id a send at `now` would be a duplicate (S17).
  virtual std::optional<MessageId> sent_as(QueueId queue, const engine::SendItem& item, WallTime now) = 0;
  /// Whether a transaction at `now` would take this receipt (S76). **Errors** why not.
  virtual Result<void> lease_state(QueueId queue, const engine::LeaseRef& lease, Stamps now) = 0;
  /// What counts against its limits.
  virtual engine::Depth depth(QueueId queue) = 0;
  /// Whether leases of a receive with this attempt id may be live (S21).
  virtual bool remembers(QueueId queue, std::string_view attempt_id) = 0;
  /// Whether the session's request was answered, so that its repetition gets that answer (S18).
  virtual bool remembers(const engine::Origin& origin) = 0;
  virtual bool has_session(SessionId session) = 0;
  /// Epoch of the receipts now given (S58).
  virtual std::uint32_t receipt_epoch(QueueId queue) = 0;
  virtual Result<engine::QueueFacts> facts(QueueId queue, Stamps now) = 0;
  virtual Result<engine::MessagePage> page(const engine::PageRequest& request, Stamps now) = 0;
  virtual Result<engine::MessageInfo> get(QueueId queue, MessageId id, Stamps now) = 0;
  virtual Result<engine::Explanation> explain(QueueId queue, MessageId id, Stamps now) = 0;
  /// Up to `max` groups with names greater than `after`.
  virtual Result<engine::GroupPage> groups(QueueId queue, std::string_view after, std::size_t max) = 0;
  virtual Result<std::optional<engine::RedriveRow>> redrive(QueueId queue) = 0;
  /// Messages for other shards, in the order of their chains; queues that have some (S41).
  virtual std::vector<engine::MovingMessage> moving(QueueId queue, std::size_t max) = 0;
  virtual std::vector<engine::MovingMessage> moving(QueueId queue, QueueId target, std::size_t max) = 0;
  virtual std::vector<QueueId> targets_moving(QueueId queue) = 0;
  virtual std::vector<QueueId> queues_moving() = 0;
  virtual Result<engine::OutcomeRow> outcome(MessageId message) = 0;
  virtual Result<std::vector<engine::ScheduleInfo>> schedules(QueueId queue, std::string_view after,
                                                              std::size_t max) = 0;
  /// Every queue of the shard with the version it has (recovery compares it with the catalog).
  virtual std::vector<std::pair<QueueId, std::uint64_t>> queues() = 0;
};

/// The catalog shard.
class CatalogMachine : public StateMachine {
 public:
  virtual std::optional<engine::QueueConfig> find(std::string_view name) = 0;
  virtual std::optional<engine::QueueConfig> find(QueueId queue) = 0;
  /// Up to `max` names greater than `after` that start with `prefix`.
  virtual std::vector<engine::QueueConfig> list(std::string_view prefix, std::string_view after,
                                                std::size_t max) = 0;
  /// What data shards have not confirmed yet: to be configured again after a crash.
  virtual std::vector<engine::Configure> unconfirmed() = 0;
};

}  // namespace peerq::port
