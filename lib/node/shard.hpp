#pragma once
// One shard as the core drives it: what waits to become an entry, what is under way, who waits for messages.
//
// Invariants: entries are applied in the order of their indices, each once, only when committed; every
// request is in exactly one of pending, line of waiters, an entry under way; a waiter rides in at most one
// entry.

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "node/move_chains.hpp"
#include "node/request.hpp"
#include "node/stamper.hpp"
#include "node/waiters.hpp"
#include "peerq/port/codec.hpp"
#include "peerq/port/replicator.hpp"
#include "peerq/port/state_machine.hpp"

namespace peerq::node {

/// How a shard's entries become durable.
enum class Keep : std::uint8_t { durable, interval, memory };

/// An entry that was proposed and is not applied yet.
struct EntryUnderWay {
  LogIndex index;
  engine::EntryHeader header;
  /// Empty in a memory shard, whose entries are applied as soon as they are cut.
  SharedBytes bytes;
  SteadyTime stamped_at;
  LeaseTime stamped_lease;
  /// Who gets the reply of each command; null where nobody does.
  std::vector<std::shared_ptr<Request>> requests;
};

/// Who waits for room in a queue, and what was let go and is not applied yet.
struct SendLine {
  /// By place.
  std::map<std::uint64_t, std::shared_ptr<SendRequest>> waiting;
  std::uint64_t messages = 0;
  std::uint64_t bytes = 0;
};

/// Messages on their way to other shards (S41): one batch of one chain at a time.
struct Moves {
  /// Queues that have set some aside: their chains are to be listed.
  std::set<QueueId> begun;
  MoveChains chains;
  /// Read, and offered as soon as this entry is durable.
  std::vector<std::shared_ptr<MoveRequest>> held;
  LogIndex held_until;
  /// Of the batch that was offered: what has not ended yet.
  std::size_t under_way = 0;
  /// It is one message of a redrive that was stopped: if there is no room for it, it comes back with those
  /// behind it.
  bool gives_back = false;
  std::vector<engine::MovingMessage> behind;
};

/// State of one shard's traffic. A plain struct on purpose: the rules are in the Core's functions of one
/// concern each.
/// **Thread** the core.
struct Shard {
  ShardId id;
  Keep keep = Keep::durable;
  std::string name;
  port::StateMachine* machine = nullptr;
  /// Null for the catalog.
  port::QueueMachine* queues = nullptr;
  std::unique_ptr<port::Replicator> replicator;
  std::unique_ptr<port::EntryDecoder> decoder;
  std::optional<Stamper> stamper;

  std::deque<std::shared_ptr<Request>> pending;
  std::size_t pending_bytes = 0;
  std::deque<EntryUnderWay> under_way;
  std::size_t under_way_bytes = 0;
  LogIndex committed;
  LogIndex durable;

  Waiters waiters;
  /// Queues whose waiters are to be looked at when the next entry is cut.
  std::unordered_set<QueueId> hot;
  /// What riding waiters may take, per queue.
  std::unordered_map<QueueId, Supply> promised;

  Moves moves;
  /// Queues whose windows and schedules are to be resolved further.
  std::unordered_set<QueueId> calendars;
  /// Who waits for what becomes of a message.
  std::multimap<MessageId, std::shared_ptr<OutcomeRequest>> outcome_waiters;

  /// Senders that wait for room, per queue (S15).
  std::map<QueueId, SendLine> lines;
  /// Queues whose lines are to be looked at.
  std::set<QueueId> rooms;
  std::uint64_t last_place = 0;
  /// How many wait in all lines.
  std::size_t blocked = 0;

  /// A tick is to be logged although nobody asks for anything.
  bool tick_now = false;
  /// When the next tick is due; unknown after something was applied.
  SteadyTime due_at = SteadyTime::never();
  bool due_known = false;
  /// The last entry stopped at a bound.
  bool more_due = false;
  /// Something was applied since a checkpoint was last considered.
  bool changed = true;
  /// When the last entry was stamped.
  SteadyTime stamped_at;
  /// Log bytes since the last checkpoint began.
  std::size_t log_bytes = 0;
  /// For `interval`: by when what is queued must be written.
  SteadyTime write_by = SteadyTime::never();
  /// Nothing else is acknowledged before this entry of the interval shard is durable.
  LogIndex opened_at;
  /// Of the newest record found at open.
  port::EntryType last_record_type = port::EntryType::command;
  /// Set when the shard stopped: every request gets it.
  Error stopped;

  engine::Effects effects;
  /// Of the entry that is cut; in a memory shard also of the one that is applied.
  std::vector<engine::Command> commands;
  /// What the entry being cut sends, per queue.
  std::vector<std::pair<QueueId, Supply>> arriving;

  bool is_stopped() const noexcept { return stopped.code != errc::ok; }
};

}  // namespace peerq::node
