#pragma once
// The reference model: docs/semantics.md said naively, in maps and linear scans. What the page leaves open
// becomes an OpenQuestion. Must not share any logic with the engine.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "peerq/engine/command.hpp"
#include "peerq/engine/query.hpp"
#include "peerq/engine/reply.hpp"
#include "support/model/open_questions.hpp"

namespace peerq::model {

struct ModelMessage {
  MessageId id;
  engine::MessageState state = engine::MessageState::ready;
  std::uint32_t counted_bytes = 0;
  std::uint32_t attempt = 0;
  std::uint32_t receive_count = 0;
  WallTime arrived;
  WallTime first_sent;
  WallTime due;      // 0 = never delayed
  WallTime expires;  // 0 = no time-to-live
  bool dead_lettered = false;
  LeaseTime deadline;
  LeaseTime latest;  // how far the lease can be extended: by the max_lease_time when it was given (S9, S35)
  std::string attempt_id;
  std::optional<engine::NoteRow> note;
  SharedBytes payload;
};

struct ModelQueue {
  engine::QueueConfig config;
  std::map<Sequence, ModelMessage> messages;
  engine::QueueRow totals;  // what counts since creation; the numbers by state are counted when asked for
  std::uint64_t next = 1;
};

/// All queues of one shard.
struct ReferenceModel {
  std::map<QueueId, ModelQueue> queues;
  Stamps now;
  bool halted = false;             // S64
  std::uint64_t number_floor = 1;  // S58
  std::vector<OpenQuestion> open;  // about the last entry

  engine::Effects apply(const engine::EntryView& entry);

  const engine::QueueConfig* config(QueueId queue) const;
  const ModelMessage* message(QueueId queue, Sequence position) const;

  std::uint64_t deliverable(QueueId queue) const;
  engine::QueueFacts facts(QueueId queue) const;
  /// By position: every live message whose time has not passed.
  std::vector<engine::MessageInfo> list(QueueId queue) const;
  /// Exact, also for the calendar.
  engine::NextDue next_due() const;
};

WallTime retention_end(const ModelQueue& queue, const ModelMessage& message);
WallTime life_end(const ModelMessage& message);
/// Why its time is over; none in flight, where the lease wins (S40, S63).
std::optional<engine::Cause> expiry(const ReferenceModel& model, const ModelQueue& queue,
                                    const ModelMessage& message);
std::uint64_t count(const ModelQueue& queue, engine::MessageState state);
std::uint64_t bytes(const ModelQueue& queue);
std::uint64_t room_in_flight(const ModelQueue& queue);

}  // namespace peerq::model
