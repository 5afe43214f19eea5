#pragma once
// The reference model: docs/semantics.md said naively, in maps and linear scans. What the page leaves open
// becomes an OpenQuestion. Must not share any logic with the engine.

#include <array>
#include <compare>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "peerq/engine/command.hpp"
#include "peerq/engine/query.hpp"
#include "peerq/engine/reply.hpp"
#include "support/model/open_questions.hpp"

namespace peerq::model {

/// What an operator sees of it, and the rest. `due` 0 = never delayed, `expires` 0 = no time-to-live.
struct ModelMessage : engine::MessageInfo {
  QueueId queue;
  LeaseTime deadline;
  LeaseTime latest;  // how far the lease can be extended: by the max_lease_time when it was given (S9, S35)
  std::string attempt_id;
  SessionId bound;  // the session that its lease ends with (S70)
  std::uint8_t priority = limits::priority_default;
  std::int64_t time_to_live_ms = 0;     // as it was sent, 0 = none: a redrive starts it anew (S39)
  std::string once;                     // its deduplication id, until it leaves the queue
  bool awaited = false;                 // somebody waits for what becomes of it (S77)
  std::string group;                    // empty = none
  std::uint64_t group_lease = 0;        // FIFO: the lease of its group in which it was last (S32)
  std::uint64_t handed_out = 0;         // when, among all deliveries of the queue
  std::optional<std::uint64_t> opened;  // the place that its group got when it came
};

/// S30: tokens in units of 1 / 1,000,000,000, as they were at a stamp.
struct ModelBucket {
  std::int64_t units = 0;
  LeaseTime at;
};

struct ModelGroup {
  std::uint64_t age = 0;
  std::optional<std::uint64_t> place;  // in the rings of its levels while it is open
  bool paused = false;
  bool parked = false;
  WallTime retry_until;                     // FIFO: held until then (S46); 0 = not
  LeaseTime looked_at{LeaseTime::never()};  // closed by its rate: when the bucket holds a whole token
  std::optional<ModelBucket> bucket;        // none = full
  std::uint64_t leases = 0;
};

/// S17: the first message of a deduplication id.
struct ModelMemory {
  MessageId first;
  WallTime until;
};

/// S18.
struct ModelSession {
  LeaseTime ends;
  std::map<std::uint64_t, engine::Reply> replies;
  std::uint64_t forgotten = 0;  // the last request whose reply is not kept
};

/// S78: open or closed, and when it changes.
struct ModelWindow {
  bool open = false;
  std::vector<WallTime> turns;
};

/// S39: what was asked, how far it is, and what is left of what was there when it began.
struct ModelRedrive : engine::RedriveRow {
  std::deque<Sequence> waiting;
  std::optional<ModelBucket> tokens;
  LeaseTime next{LeaseTime::never()};
};

/// S41: on its way to another shard.
struct ModelMoving {
  std::uint64_t after = 0;  // the number before it in its chain; 0 = the first
  bool redriven = false;
  std::uint64_t redrive = 0;  // which one
  ModelMessage message;
};

struct ModelQueue {
  engine::QueueConfig config;
  WallTime retention_since;  // nothing has ended before by a retention that was set then
  std::map<Sequence, ModelMessage> messages;
  engine::QueueRow totals;  // what counts since creation; the numbers by state are counted when asked for
  std::array<std::uint64_t, limits::lane_count> next{};  // last number given in each lane
  std::map<std::string, ModelGroup> groups;
  std::map<std::string, ModelMemory> memory;  // by deduplication id
  std::uint64_t ages = 0;
  std::uint64_t ages_before = 0;  // this entry
  std::uint64_t turn = 0;         // last place given in a ring
  bool had_groups = false;
  /// Of messages without a group, which stand before all others at first.
  std::array<std::uint64_t, limits::priority_count> plain_places{};
  std::array<std::uint64_t, limits::priority_count> credits{};
  std::optional<ModelBucket> bucket;
  std::optional<ModelWindow> window;
  std::optional<ModelRedrive> redrive;
  std::map<std::string, engine::ScheduleRow> schedules;
  std::map<QueueId, std::uint64_t> came;  // the last number that came from a queue of another shard
  std::uint64_t handed_out = 0;

  bool fifo() const { return config.options.type == QueueType::fifo; }
};

/// What a transaction can change.
struct ModelMessages {
  std::map<QueueId, ModelQueue> queues;
  std::map<engine::MovingRow::Key, ModelMoving> moving;
  std::map<std::pair<QueueId, QueueId>, std::uint64_t> went;  // the last number from a queue to another's
  std::map<MessageId, engine::OutcomeRow> outcomes;
};

/// All queues of one shard.
struct ReferenceModel : ModelMessages {
  std::map<SessionId, ModelSession> sessions;
  std::uint64_t schedule_versions = 0;
  Stamps now;
  bool halted = false;             // S64
  std::uint64_t number_floor = 1;  // S58
  std::vector<OpenQuestion> open;  // about the last entry

  engine::Effects apply(const engine::EntryView& entry);

  const engine::QueueConfig* config(QueueId queue) const;
  const ModelMessage* message(QueueId queue, Sequence position) const;

  /// What one receive without bounds of its own would get.
  std::uint64_t deliverable(QueueId queue) const;
  engine::QueueFacts facts(QueueId queue) const;
  /// By position: every live message whose time has not passed.
  std::vector<engine::MessageInfo> list(QueueId queue) const;
  engine::Explanation explain(QueueId queue, Sequence position) const;
  std::vector<engine::GroupInfo> groups(QueueId queue) const;
  /// Exact, also for the calendar.
  engine::NextDue next_due() const;
  /// When a bucket next lets something go, or a redrive goes on.
  LeaseTime next_token() const;
};

WallTime retention_base(const ModelMessage& message);
WallTime retention_end(const ModelQueue& queue, const ModelMessage& message);
WallTime life_end(const ModelMessage& message);
/// Why its time is over; none in flight, where the lease wins (S40, S63).
std::optional<engine::Cause> expiry(const ReferenceModel& model, const ModelQueue& queue,
                                    const ModelMessage& message);
/// Of all groups, or of one; "" are the messages without a group.
std::uint64_t count(const ModelQueue& queue, engine::MessageState state, const std::string* group = nullptr);
/// Ready messages of groups that are not open.
std::uint64_t held(const ModelQueue& queue);
std::uint64_t bytes(const ModelQueue& queue);
/// Whether so many more fit (S15); the numbers wrap when more goes than comes.
bool fits(const ModelQueue& queue, std::uint64_t count, std::uint64_t size);
std::int64_t units(const std::optional<ModelBucket>& bucket, const RateLimit& rate, LeaseTime now);
/// Whole tokens; as many as one likes without a rate (S30).
std::uint64_t tokens(const std::optional<ModelBucket>& bucket, const RateLimit& rate, LeaseTime now);
LeaseTime next_token(const std::optional<ModelBucket>& bucket, const RateLimit& rate, LeaseTime now);
void take_token(std::optional<ModelBucket>& bucket, const RateLimit& rate, LeaseTime now);
bool window_closed(const ModelQueue& queue);
/// S10, S24, S78; of the queue and of a group.
std::uint64_t room_in_flight(const ModelQueue& queue);
std::uint64_t room_in_flight(const ModelQueue& queue, const std::string& group);
/// The first message that is so, null when none is.
ModelMessage* find_if(ModelQueue& queue, auto is) {
  for (auto& [position, message] : queue.messages) {
    if (is(message)) return &message;
  }
  return nullptr;
}
/// A new one when there is none.
ModelGroup& group(ModelQueue& queue, const std::string& name);
/// Something happened to the group: it opens, or closes.
void look(ModelQueue& queue, const std::string& name, const Stamps& stamps);
void forget_groups(ModelQueue& queue, LeaseTime now);
ModelMessage* first_ready(ModelQueue& queue, const std::string& group);
void turn_window(ModelQueue& queue, WallTime now);
/// S15: the lowest priority first, of one the oldest first; none above `highest`.
std::vector<ModelMessage*> droppable(ModelQueue& queue, std::uint8_t highest);
engine::Grant grant_of(const ModelMessage& message);
engine::MovingMessage moving_of(const engine::MovingRow::Key& key, const ModelMoving& moving);
/// What the queue gives next, null when nothing; a round of credits may begin.
const ModelMessage* choose(ModelQueue& queue, WallTime now);

}  // namespace peerq::model
