#pragma once
// What happens to messages in the reference model, whoever asks for it: they fall due, return, are
// dead-lettered, go to other shards and come back. Commands are in reference_model.cpp.

#include <algorithm>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "peerq/base/limits.hpp"
#include "peerq/engine/layout.hpp"
#include "support/model/reference_model.hpp"

namespace peerq::model {

using engine::Cause;
using engine::EventKind;
using engine::Fate;
using engine::MessageState;
using engine::QueueRow;
using engine::Reply;

/// Ends a command, or one item of it, that is refused.
struct Refused {
  errc code;
};

inline void require(bool holds, errc code) {
  if (!holds) throw Refused{code};
}

inline bool within(auto value, auto least, auto most) { return value >= least && value <= most; }

inline void require_argument(bool holds) { require(holds, errc::invalid_argument); }

inline void require_batch(std::size_t size, std::size_t most) {
  require_argument(size > 0);
  require(size <= most, errc::batch_too_large);
}

/// One entry on its way through the model.
class ModelStep {
 public:
  explicit ModelStep(ReferenceModel& model) : model_(model) {}

 protected:
  ModelQueue* find(QueueId queue) const {
    const auto found = model_.queues.find(queue);
    return found == model_.queues.end() ? nullptr : &found->second;
  }

  ModelQueue& need(QueueId queue) const {
    require(find(queue) != nullptr, errc::queue_deleted);
    return *find(queue);
  }

  ModelMessage* find(QueueId queue, Sequence position) const {
    return const_cast<ModelMessage*>(model_.message(queue, position));
  }

  void event(EventKind kind, QueueId queue) { effects_.events.push_back({kind, queue, 1}); }

  void look(ModelQueue& queue, const std::string& name) const { model::look(queue, name, model_.now); }

  // What the stamps made due.

  void lapse_leases() {
    std::set<std::tuple<LeaseTime, QueueId, Sequence>> lapsed;
    for (const auto& [id, queue] : model_.queues) {
      for (const auto& [position, m] : queue.messages) {
        if (m.state == MessageState::in_flight && m.deadline <= model_.now.lease)
          lapsed.emplace(m.deadline, id, position);
      }
    }
    for (const auto& [deadline, queue, position] : lapsed) {
      auto* message = find(queue, position);
      if (message == nullptr || message->state != MessageState::in_flight) continue;  // gone with its group
      event(EventKind::lease_lapsed, queue);
      end_lease(*message, true, Milliseconds(0));
    }
  }

  /// Groups that have a token again.
  void open_by_rate() {
    std::set<std::tuple<LeaseTime, QueueId, std::uint64_t, std::string>> due;
    for (const auto& [id, queue] : model_.queues) {
      for (const auto& [name, group] : queue.groups) {
        if (group.looked_at <= model_.now.lease) due.emplace(group.looked_at, id, group.age, name);
      }
    }
    for (const auto& [time, id, age, name] : due) look(*find(id), name);
  }

  /// Redrives, after all else that is due.
  void go_on_redriving() {
    std::set<std::pair<LeaseTime, QueueId>> due;
    for (const auto& [id, queue] : model_.queues)
      if (queue.redrive && queue.redrive->next <= model_.now.lease) due.emplace(queue.redrive->next, id);
    for (const auto& [time, id] : due) go_on(*find(id), *find(id)->redrive);
  }

  void pass_wall_times() {
    enum Kind { delay, life, retention, retry };
    std::set<std::tuple<WallTime, QueueId, Sequence, Kind, Sequence, std::string>> passed;
    for (const auto& [id, queue] : model_.queues) {
      for (const auto& [position, m] : queue.messages) {
        if (m.state == MessageState::delayed && m.due <= model_.now.wall)
          passed.emplace(m.due, id, position, delay, position, "");
        if (!expiry(model_, queue, m)) continue;
        passed.emplace(life_end(m), id, position, life, position, "");
        passed.emplace(std::max(retention_end(queue, m), queue.retention_since), id, Sequence{}, retention,
                       position, "");
      }
      for (const auto& [name, group] : queue.groups) {
        if (group.retry_until.ms != 0 && group.retry_until <= model_.now.wall)
          passed.emplace(group.retry_until, id, Sequence{group.age}, retry, Sequence{}, name);
      }
    }
    passing_ = true;
    for (const auto& [time, id, place, kind, position, name] : passed) {
      auto& queue = *find(id);
      auto* message = find(id, position);
      if (kind == retry) {
        group(queue, name).retry_until = {};
        look(queue, name);
      } else if (message != nullptr && kind != delay) {
        dead_letter(*message, kind == life ? Cause::time_to_live : Cause::retention);
      } else if (message != nullptr) {
        message->state = MessageState::ready;
        look(queue, message->group);
      }
    }
    passing_ = false;
    for (auto& [id, queue] : model_.queues) turn_window(queue, model_.now.wall);
  }

  /// A message that a command names is judged by its times, however it came to be here; null when it is gone.
  ModelMessage* named(QueueId queue, Sequence position) {
    auto* message = find(queue, position);
    if (message != nullptr && message->state == MessageState::delayed && message->due <= model_.now.wall) {
      message->state = MessageState::ready;
      look(*find(queue), message->group);
    }
    const auto cause = message == nullptr ? std::nullopt : expiry(model_, *find(queue), *message);
    if (!cause) return message;
    dead_letter(*message, *cause);
    return find(queue, position);
  }

  /// Nacked, released (does not count, S20) or lapsed: a FIFO group's later ones return with it (S44).
  void end_lease(ModelMessage& message, bool counts, Milliseconds delay) {
    auto& queue = *find(message.queue);
    std::vector<ModelMessage*> later;
    for (auto& [position, m] : queue.messages) {
      const bool leased = m.state == MessageState::in_flight && m.group == message.group;
      if (queue.fifo() && leased && position > message.sequence) later.push_back(&m);
    }
    end_attempt(message, counts, delay);
    for (auto* other : later) end_attempt(*other, false, Milliseconds(0));
  }

  void end_attempt(ModelMessage& message, bool counts, Milliseconds delay) {
    auto& queue = *find(message.queue);
    const auto& options = queue.config.options;
    give_back(message);
    if (!counts) --message.receive_count;
    if (counts && options.max_receives > 0 && message.receive_count >= options.max_receives) {  // S37, S40
      if (!queue.fifo() || options.poison == Poison::block) return dead_letter(message, Cause::attempts);
      group(queue, message.group).parked = true;  // S45
      blame(message, Cause::attempts);
      tell(message, Fate::failed, Cause::attempts, message.note.last_error);
      event(EventKind::parked, message.queue);
      return look(queue, message.group);
    }
    if (const auto cause = expiry(model_, queue, message)) return dead_letter(message, *cause);  // S40
    if (delay.count() > 0) {
      message.due = model_.now.wall + delay;
      if (!queue.fifo()) message.state = MessageState::delayed;
      if (queue.fifo()) hold(group(queue, message.group), message.due);
    }
    look(queue, message.group);
  }

  static void hold(ModelGroup& group, WallTime until) {
    group.retry_until = std::max(group.retry_until, until);
  }

  static void blame(ModelMessage& message, Cause cause) {
    message.note.cause = cause;
    message.note.attempts = message.receive_count;
  }

  static void give_back(ModelMessage& message) {
    message.state = MessageState::ready;
    message.deadline = message.latest = {};
    message.attempt_id.clear();
    message.bound = {};
  }

  /// To the dead-letter queue; without one: parked (S37), or removed when it expired (S63) or was dropped.
  void dead_letter(ModelMessage& message, Cause cause) {
    auto& source = *find(message.queue);
    const QueueId dead = source.config.dead_letter;
    const bool by_time = cause == Cause::time_to_live || cause == Cause::retention;
    if (by_time && (dead.value == 0 || !source.config.options.dead_letter_expired)) {
      event(EventKind::expired, message.queue);
      tell(message, Fate::expired, cause);
      return remove(message, &QueueRow::expired);
    }
    if (cause == Cause::overflow) event(EventKind::dropped, message.queue);
    if (cause == Cause::overflow && dead.value == 0) {
      tell(message, Fate::cancelled, cause);
      return remove(message, &QueueRow::dropped);
    }
    blame(message, cause);
    tell(message, Fate::failed, cause, message.note.last_error);
    give_back(message);
    event(dead.value == 0 ? EventKind::parked : EventKind::dead_lettered, message.queue);
    if (dead.value == 0) {
      message.state = MessageState::parked;
      return look(source, message.group);
    }
    sign(message.note, source.config);
    auto* target = find(dead);
    if (passing_) {
      const bool both =
          life_end(message) <= model_.now.wall && retention_end(source, message) <= model_.now.wall;
      const auto kind = target == nullptr ? OpenQuestion::transfer : OpenQuestion::position;
      model_.open.push_back({kind, target == nullptr ? source.config.id : dead, message.id, {}, {}, both});
    }
    if (target == nullptr) return send_away(message, dead, false);
    arrive(*target, message, false);
    remove(message, &QueueRow::dead_lettered);
  }

  /// S72.
  void sign(engine::NoteRow& note, const engine::QueueConfig& source) const {
    if (note.origin.value == 0) {
      note.origin = source.id;
      note.origin_name = source.name;
    }
    note.source = source.id;
    note.source_name = source.name;
    note.dead_lettered_at = model_.now.wall;
  }

  /// S38, S39. The limits of a dead-letter queue do not count.
  void arrive(ModelQueue& target, ModelMessage message, bool redriven) const {
    give_back(message);
    message.arrived = model_.now.wall;
    message.receive_count = 0;
    message.due = message.expires = {};
    message.dead_lettered = !redriven;
    message.group_lease = 0;
    message.once.clear();
    const auto& life = target.config.options.time_to_live;
    const std::int64_t ms = message.time_to_live_ms > 0 ? message.time_to_live_ms : life ? life->count() : 0;
    if (redriven && ms > 0) message.expires = message.arrived + Milliseconds(ms);
    ++target.totals.arrived;
    put(target, std::move(message));
  }

  // Between shards (S41), and back (S39, S72-S74).

  /// Counted here until the other shard says that it has it.
  void send_away(ModelMessage& message, QueueId target, bool redriven) {
    auto& last = model_.went[{message.queue, target}];
    const std::uint64_t after = last < model_.number_floor ? 0 : last;  // numbers were lost (S58)
    last = std::max(last, model_.number_floor) + 1;
    const std::uint64_t redrive = redriven ? find(message.queue)->redrive->id : 0;
    message.arrived = std::max(message.arrived, message.due);  // S16, should it come back
    model_.moving[{message.queue, target, last}] = {after, redriven, redrive, message};
    find(message.queue)->totals.moving_bytes += message.counted_bytes;
    effects_.moving.push_back(message.queue);
    remove(message, &QueueRow::moving);
  }

  Reply run(const engine::Moved& moved) {
    auto node = model_.moving.extract({moved.queue, moved.target, moved.transfer});
    auto* queue = find(moved.queue);
    if (node.empty() || queue == nullptr) return {};
    auto& [after, redriven, redrive, message] = node.mapped();
    --queue->totals.moving;
    queue->totals.moving_bytes -= message.counted_bytes;
    if (moved.refused == errc::ok) {
      ++(redriven ? queue->totals.redriven : queue->totals.dead_lettered);
      return {};
    }
    message.state = redriven ? MessageState::ready : MessageState::parked;
    message.due = message.expires = {};
    message.dead_lettered = redriven;
    message.group_lease = 0;
    message.once.clear();
    if (redriven && queue->redrive && queue->redrive->id == redrive) {
      --queue->redrive->moved;
      ++queue->redrive->failed;
    }
    put(*queue, std::move(message));
    return {};
  }

  Reply run(const engine::Arrive& a) {
    auto& queue = need(a.queue);
    auto& last = queue.came[a.from];
    if (a.transfer <= last) return {};
    require_argument(last == 0 || a.after == 0 || a.after == last);
    ModelMessage message;
    require_argument(engine::decode_row(a.note, message.note));
    require(a.priority <= limits::priority_max && (!queue.fifo() || !a.group_id.empty()),
            errc::not_supported);
    require(!a.redriven || fits(queue, 1, a.counted_bytes), errc::queue_full);
    message.id = a.id;
    message.priority = a.priority;
    message.group = as_text(a.group_id);
    message.counted_bytes = a.counted_bytes;
    message.attempt = a.attempt;
    message.first_sent = a.first_sent;
    message.time_to_live_ms = a.time_to_live_ms;
    message.payload.bytes = SharedBytes::copy(a.payload);
    arrive(queue, std::move(message), a.redriven);
    last = a.transfer;
    return {};
  }

  Reply run(const engine::StartRedrive& start) {
    auto& queue = need(start.queue);
    require_argument(start.target != start.queue);
    require(!queue.redrive || queue.redrive->finished, errc::in_use);
    const std::uint64_t before = queue.redrive ? queue.redrive->id : 0;
    auto& redrive = queue.redrive.emplace();
    redrive.id = before + 1;
    redrive.target = start.target;
    redrive.source = start.source;
    redrive.causes = start.causes;
    redrive.rate = start.rate;
    redrive.left = start.max_messages > 0 ? start.max_messages : ~std::uint64_t{0};
    redrive.started = model_.now.wall;
    redrive.next = model_.now.lease;
    for (int lane = limits::lane_count; lane-- > 0;) {
      for (const auto& [position, message] : queue.messages)
        if (position.lane() == lane) redrive.waiting.push_back(position);
    }
    return {};
  }

  Reply run(const engine::StopRedrive& stop) {
    if (auto& redrive = need(stop.queue).redrive) finish(*redrive);
    return {};
  }

  static void finish(ModelRedrive& redrive) {
    redrive.finished = true;
    redrive.next = LeaseTime::never();
  }

  /// As far as its rate and the depth of its target let it.
  void go_on(ModelQueue& queue, ModelRedrive& redrive) {
    const RateLimit rate{std::uint64_t{redrive.rate} * 1000, std::max<std::uint32_t>(1, redrive.rate / 10)};
    const LeaseTime now = model_.now.lease;
    while (tokens(redrive.tokens, rate, now) > 0) {
      if (redrive.left == 0 || redrive.waiting.empty()) {
        if (queue.totals.moving == 0) return finish(redrive);
        redrive.next = now + Microseconds(limits::redrive_pause);
        return;
      }
      const Sequence position = redrive.waiting.front();
      auto* message = named(queue.config.id, position);
      const bool ready = message != nullptr && message->state == MessageState::ready;
      const bool wanted = ready && wants(redrive, *message);
      if (ready && !wanted) ++redrive.skipped;
      if (wanted) {
        const QueueId to = redrive.target.value != 0 ? redrive.target : message->note.source;
        auto* target = find(to);
        const bool full = target != nullptr && !fits(*target, 1, message->counted_bytes);
        const bool refused = target != nullptr && target->fifo() && message->group.empty();
        if (full && !refused) {
          redrive.next = now + Microseconds(limits::redrive_pause);
          return;
        }
        ++(refused ? redrive.failed : redrive.moved);
        if (!refused) {
          --redrive.left;
          take_token(redrive.tokens, rate, now);
          move_back(*message, to, target);
        }
      }
      redrive.waiting.pop_front();
    }
    redrive.next = next_token(redrive.tokens, rate, now);
  }

  static bool wants(const ModelRedrive& redrive, const ModelMessage& message) {
    const auto& note = message.note;
    return message.dead_lettered && note.source.value != 0 &&
           (redrive.source.value == 0 || redrive.source == note.source) &&
           (redrive.causes == 0 || (redrive.causes >> static_cast<unsigned>(note.cause)) % 2 == 1);
  }

  void move_back(ModelMessage& message, QueueId to, ModelQueue* target) {
    if (target == nullptr) return send_away(message, to, true);
    arrive(*target, message, true);
    remove(message, &QueueRow::redriven);
  }

  // Outcomes (S77).

  void await(ModelMessage& message, WallTime until) {
    if (until <= model_.now.wall) return;
    message.awaited = true;
    model_.outcomes[message.id].until = until;
  }

  /// What became of it; the first fate counts. False when nobody waits.
  bool tell(ModelMessage& message, Fate fate, Cause cause = Cause::none, const std::string& error = {},
            Bytes result = {}) {
    const auto at = model_.outcomes.find(message.id);
    if (!std::exchange(message.awaited, false) || at == model_.outcomes.end()) return false;
    at->second = {fate, cause, at->second.until, error, std::string(as_text(result))};
    effects_.outcomes.push_back(message.id);
    return true;
  }

  void forget_outcomes() {
    std::erase_if(model_.outcomes, [&](const auto& entry) {
      if (entry.second.until > model_.now.wall) return false;
      effects_.outcomes.push_back(entry.first);
      return true;
    });
  }

  void remove(const ModelMessage& message, std::uint64_t QueueRow::*total) const {
    auto& queue = *find(message.queue);
    ++(queue.totals.*total);
    const std::string name = message.group;
    queue.messages.erase(message.sequence);
    look(queue, name);
  }

  /// A lane for each priority, one for all messages that have a group.
  Sequence next_position(const ModelQueue& queue, std::uint8_t lane) const {
    return Sequence::make(lane, std::max(queue.next[lane] + 1, model_.number_floor));
  }

  ModelMessage& put(ModelQueue& queue, ModelMessage message) const {
    const Sequence at = next_position(queue, message.group.empty() ? message.priority : limits::group_lane);
    queue.next[at.lane()] = at.number();
    message.queue = queue.config.id;
    message.sequence = at;
    if (message.id == MessageId{}) message.id = {queue.config.id, at};
    auto& placed = queue.messages.emplace(at, std::move(message)).first->second;
    if (!placed.group.empty()) {
      queue.had_groups = true;
      const auto turn = queue.turn;
      const auto& its = group(queue, placed.group);
      if (placed.state == MessageState::ready) look(queue, placed.group);
      placed.opened = queue.turn > turn ? its.place : std::nullopt;
    }
    return placed;
  }

  ReferenceModel& model_;
  engine::Effects effects_;
  bool passing_ = false;  // what the calendar made due
};

}  // namespace peerq::model
