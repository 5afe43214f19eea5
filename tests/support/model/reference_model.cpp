#include "support/model/reference_model.hpp"

#include <algorithm>
#include <cmath>
#include <set>
#include <tuple>
#include <utility>
#include <variant>

#include "peerq/base/limits.hpp"
#include "peerq/engine/layout.hpp"

namespace peerq::model {

using engine::Cause;
using engine::EventKind;
using engine::ItemReply;
using engine::MessageState;
using engine::QueueRow;
using engine::Reply;
using engine::Verb;

static WallTime retention_base(const ModelMessage& message) {
  return std::max(message.arrived, message.due);
}  // S16

WallTime retention_end(const ModelQueue& queue, const ModelMessage& message) {
  const auto& retention = queue.config.options.retention;
  return retention ? retention_base(message) + *retention : WallTime::never();
}

WallTime life_end(const ModelMessage& message) {
  return message.expires.ms == 0 || message.dead_lettered ? WallTime::never() : message.expires;  // S38
}

std::optional<Cause> expiry(const ReferenceModel& model, const ModelQueue& queue,
                            const ModelMessage& message) {
  if (model.halted || message.state == MessageState::in_flight) return std::nullopt;
  if (life_end(message) <= model.now.wall) return Cause::time_to_live;
  if (retention_end(queue, message) <= model.now.wall) return Cause::retention;
  return std::nullopt;
}

/// S10, S24.
std::uint64_t room_in_flight(const ModelQueue& queue) {
  const std::uint64_t cap = queue.config.options.max_in_flight;
  if (queue.config.paused) return 0;
  if (cap == 0) return queue.messages.size();
  return cap - std::min(cap, count(queue, MessageState::in_flight));
}

namespace {

bool within(auto value, auto least, auto most) { return value >= least && value <= most; }

/// One entry on its way through the model.
class Entry {
 public:
  explicit Entry(ReferenceModel& model) : model_(model) {}

  /// Stamps, what they made due, then the commands (S3).
  engine::Effects apply(const engine::EntryView& entry) {
    std::map<QueueId, std::uint64_t> before;
    for (const auto& [id, queue] : model_.queues) before[id] = model_.deliverable(id);
    lapse_leases();
    pass_wall_times();
    if (expired_some_) model_.open = arrivals_;
    sweeping_ = false;
    for (const auto& command : entry.commands) {
      effects_.replies.push_back(std::visit([this](const auto& body) { return run(body); }, command.body));
    }
    for (const auto& [id, queue] : model_.queues) {
      if (model_.deliverable(id) > before[id]) effects_.ready.push_back(id);
    }
    return std::move(effects_);
  }

 private:
  struct Place {
    QueueId queue;
    Sequence position;
  };

  ModelQueue* find(QueueId queue) const {
    const auto found = model_.queues.find(queue);
    return found == model_.queues.end() ? nullptr : &found->second;
  }

  ModelMessage* find(Place place) const {
    return const_cast<ModelMessage*>(model_.message(place.queue, place.position));
  }

  static Reply fail(errc code) {
    Reply reply;
    reply.code = code;
    return reply;
  }

  void event(EventKind kind, QueueId queue) { effects_.events.push_back({kind, queue, 1}); }

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
      event(EventKind::lease_lapsed, queue);
      end_attempt({queue, position}, true, Milliseconds(0));
    }
  }

  void pass_wall_times() {
    enum Kind { delay, life, retention };
    std::set<std::tuple<WallTime, QueueId, Sequence, Kind>> passed;
    for (const auto& [id, queue] : model_.queues) {
      for (const auto& [position, m] : queue.messages) {
        if (m.state == MessageState::delayed && m.due <= model_.now.wall)
          passed.emplace(m.due, id, position, delay);
        if (!expiry(model_, queue, m)) continue;
        passed.emplace(life_end(m), id, position, life);
        passed.emplace(retention_end(queue, m), id, position, retention);
      }
    }
    for (const auto& [time, queue, position, kind] : passed) {
      auto* message = find(Place{queue, position});
      if (message == nullptr) continue;
      if (kind == delay) message->state = MessageState::ready;
      if (kind != delay)
        dead_letter({queue, position}, kind == life ? Cause::time_to_live : Cause::retention);
    }
  }

  /// A message that a command names is judged by its times, however it came to be here.
  void pass_wall_times(Place place) {
    const auto* message = find(place);
    const auto cause = message == nullptr ? std::nullopt : expiry(model_, *find(place.queue), *message);
    if (cause) dead_letter(place, *cause);
  }

  /// A lease ends without a delete: nacked, released (does not count, S20) or lapsed.
  void end_attempt(Place place, bool counts, Milliseconds delay) {
    auto& message = *find(place);
    const auto& queue = *find(place.queue);
    give_back(message);
    if (!counts) --message.receive_count;
    const auto most = queue.config.options.max_receives;
    if (counts && most > 0 && message.receive_count >= most)
      return dead_letter(place, Cause::attempts);                                              // S37, S40
    if (const auto cause = expiry(model_, queue, message)) return dead_letter(place, *cause);  // S40
    if (delay.count() == 0) return;
    message.state = MessageState::delayed;
    message.due = model_.now.wall + delay;
  }

  static void give_back(ModelMessage& message) {
    message.state = MessageState::ready;
    message.deadline = message.latest = {};
    message.attempt_id.clear();
  }

  /// To the dead-letter queue; without one: parked (S37), or removed when it expired (S63).
  void dead_letter(Place place, Cause cause) {
    auto& source = *find(place.queue);
    auto& message = *find(place);
    const bool by_time = cause == Cause::time_to_live || cause == Cause::retention;
    auto* target = find(source.config.dead_letter);
    if (by_time && (target == nullptr || !source.config.options.dead_letter_expired)) {
      event(EventKind::expired, place.queue);
      return remove(place, &QueueRow::expired);
    }
    if (!message.note) message.note.emplace();
    message.note->cause = cause;
    message.note->attempts = message.receive_count;
    if (target == nullptr) {
      event(EventKind::parked, place.queue);
      message.state = MessageState::parked;
      return;
    }
    if (sweeping_) {
      expired_some_ = expired_some_ || by_time;
      const bool both =
          life_end(message) <= model_.now.wall && retention_end(source, message) <= model_.now.wall;
      arrivals_.push_back({target->config.id, message.id, false, {}, {}, by_time && both});
    }
    arrive(*target, source.config, message);
    event(EventKind::dead_lettered, place.queue);
    remove(place, &QueueRow::dead_lettered);
  }

  /// S38, S72. The limits of the dead-letter queue do not count.
  void arrive(ModelQueue& target, const engine::QueueConfig& source, ModelMessage message) {
    auto& note = *message.note;
    if (note.origin.value == 0) {
      note.origin = source.id;
      note.origin_name = source.name;
    }
    note.source = source.id;
    note.source_name = source.name;
    note.dead_lettered_at = message.arrived = model_.now.wall;
    give_back(message);
    message.receive_count = 0;
    message.due = {};
    message.dead_lettered = true;
    ++target.totals.arrived;
    target.messages.emplace(new_position(target), std::move(message));
  }

  void remove(Place place, std::uint64_t QueueRow::*total) {
    auto& queue = *find(place.queue);
    ++(queue.totals.*total);
    queue.messages.erase(place.position);
  }

  Sequence new_position(ModelQueue& queue) const {
    queue.next = std::max(queue.next, model_.number_floor);
    return Sequence::make(limits::priority_default, queue.next++);
  }

  // Send (S12-S16).

  Reply run(const engine::Send& send) {
    if (send.items.empty()) return fail(errc::invalid_argument);
    if (send.items.size() > limits::send_entries_max) return fail(errc::batch_too_large);
    auto* queue = find(send.queue);
    if (queue == nullptr) return fail(errc::queue_deleted);
    std::uint64_t all = 0;
    for (const auto& i : send.items) {
      all += i.counted_bytes;
      if (const errc code = check_item(*queue, i); send.atomic && code != errc::ok) return fail(code);
    }
    if (send.atomic && !fits(*queue, send.items.size(), all)) return fail(errc::queue_full);
    Reply reply;
    for (const auto& i : send.items) {
      ItemReply result{.code = check_item(*queue, i)};
      if (result.code == errc::ok && !fits(*queue, 1, i.counted_bytes)) result.code = errc::queue_full;
      if (result.code == errc::ok) result.id = add(*queue, i);
      reply.items.push_back(result);
    }
    return reply;
  }

  errc check_item(const ModelQueue& queue, const engine::SendItem& i) const {
    if (i.priority > limits::priority_max) return errc::invalid_argument;
    const WallTime latest = model_.now.wall + limits::delay_max;
    if (!within(i.time_to_live_ms, -1, limits::expiry_max.count())) return errc::invalid_argument;
    if (!within(i.due.ms, -limits::delay_max.count(), latest.ms)) return errc::invalid_argument;
    if (i.priority != limits::priority_default) return errc::not_supported;
    if (!i.group_id.empty() || !i.deduplication_id.empty()) return errc::not_supported;
    return i.counted_bytes > queue.config.options.max_message_size ? errc::message_too_large : errc::ok;
  }

  static bool fits(const ModelQueue& queue, std::uint64_t messages, std::uint64_t more_bytes) {
    const auto& options = queue.config.options;
    if (options.max_messages && queue.messages.size() + messages > *options.max_messages) return false;
    return !options.max_bytes || bytes(queue) + more_bytes <= *options.max_bytes;
  }

  MessageId add(ModelQueue& queue, const engine::SendItem& i) {
    const auto& options = queue.config.options;
    const Sequence position = new_position(queue);
    ModelMessage message;
    message.id = {queue.config.id, position};
    message.counted_bytes = i.counted_bytes;
    message.arrived = message.first_sent = model_.now.wall;
    WallTime due = i.due;
    if (due.ms <= 0) due = model_.now.wall + (due.ms == 0 ? options.delay : Milliseconds(-due.ms));
    if (due > model_.now.wall) {
      message.state = MessageState::delayed;
      message.due = due;
    }
    Milliseconds life = options.time_to_live.value_or(Milliseconds(-1));
    if (i.time_to_live_ms != 0) life = Milliseconds(i.time_to_live_ms);
    if (life.count() > 0) message.expires = retention_base(message) + life;  // from the due time
    message.payload = SharedBytes::copy(i.payload);
    ++queue.totals.sent;
    queue.messages.emplace(position, message);
    return message.id;
  }

  // Receive (S19-S25, S69).

  Reply run(const engine::Receive& receive) {
    if (!within(receive.max_messages, 1U, limits::receive_messages_max) ||
        !within(receive.max_bytes, 1U, limits::receive_bytes_max) ||
        !within(receive.visibility_ms, 0, limits::visibility_timeout_max.count()) ||
        receive.attempt_id.size() > limits::attempt_id_size_max) {
      return fail(errc::invalid_argument);
    }
    auto* queue = find(receive.queue);
    if (queue == nullptr) return fail(errc::queue_deleted);
    Reply reply;
    for (const auto& [position, message] : queue->messages) {  // S21
      const bool repeated = !receive.erase && !message.attempt_id.empty();
      if (repeated && message.attempt_id == as_text(receive.attempt_id))
        reply.grants.push_back(grant(message, position));
    }
    if (reply.grants.empty()) hand_out(*queue, receive, reply);
    return reply;
  }

  void hand_out(ModelQueue& queue, const engine::Receive& receive, Reply& reply) {
    std::uint64_t room = std::min<std::uint64_t>(receive.max_messages, room_in_flight(queue));
    std::uint64_t given_bytes = 0;
    for (auto& [position, message] : queue.messages) {
      if (message.state != MessageState::ready) continue;
      given_bytes += message.counted_bytes;
      if (room == 0 || (!reply.grants.empty() && given_bytes > receive.max_bytes)) break;
      --room;
      ++queue.totals.received;
      if (message.attempt > 0) ++queue.totals.redelivered;
      ++message.attempt;
      ++message.receive_count;
      if (!receive.erase) lease(queue, message, receive);
      reply.grants.push_back(grant(message, position));
    }
    if (!receive.erase) return;
    for (const auto& g : reply.grants) remove({receive.queue, g.lease.sequence}, &QueueRow::deleted);
  }

  void lease(const ModelQueue& queue, ModelMessage& message, const engine::Receive& receive) {
    const auto& options = queue.config.options;
    const Milliseconds asked =
        receive.visibility_ms > 0 ? Milliseconds(receive.visibility_ms) : options.visibility_timeout;
    message.state = MessageState::in_flight;
    message.latest = model_.now.lease + options.max_lease_time;
    message.deadline = std::min(model_.now.lease + asked, message.latest);
    message.attempt_id = as_text(receive.attempt_id);
  }

  static engine::Grant grant(const ModelMessage& message, Sequence position) {
    engine::Grant grant;
    grant.lease = {position, message.attempt};
    grant.id = message.id;
    grant.receive_count = message.receive_count;
    grant.deadline = message.deadline;
    grant.first_sent = message.first_sent;
    grant.payload.bytes = message.payload;
    if (message.note) {
      engine::encode_row(*message.note, grant.note);
      grant.source = message.note->source;
    }
    return grant;
  }

  // Delete, extend, nack, release, reject (S31-S37).

  Reply run(const engine::Settle& settle) {
    if (settle.items.empty()) return fail(errc::invalid_argument);
    if (settle.items.size() > limits::batch_max) return fail(errc::batch_too_large);
    if (find(settle.queue) == nullptr) return fail(errc::queue_deleted);
    Reply reply;
    for (const auto& i : settle.items) reply.items.push_back(settle_one(settle.queue, settle.verb, i));
    return reply;
  }

  /// Checks in the order of S60.
  ItemReply settle_one(QueueId queue, Verb verb, const engine::SettleItem& i) {
    const bool bad_delay = verb == Verb::nack && !within(i.value_ms, -1, limits::delay_max.count());
    if (bad_delay || (verb == Verb::extend && i.value_ms < 0)) return {.code = errc::invalid_argument};
    const Place place{queue, i.lease.sequence};
    const Sequence next =
        Sequence::make(limits::priority_default, std::max(find(queue)->next, model_.number_floor));
    const bool given =
        place.position.lane() == next.lane() && place.position < next && place.position.number() > 0;
    if (!given) return {.code = errc::invalid_receipt};  // S59: no message was ever there
    pass_wall_times(place);
    const auto* message = find(place);
    if (message == nullptr) {  // S34
      if (verb != Verb::erase && verb != Verb::reject) return {.code = errc::message_not_found};
      return {.already_gone = true};
    }
    if (i.lease.attempt > message->attempt) return {.code = errc::invalid_receipt};
    // S33; 0 stands for a receipt of an older epoch (S58).
    if (i.lease.attempt < message->attempt || i.lease.attempt == 0) return {.code = errc::stale_receipt};
    return settle_latest(place, verb, i);
  }

  /// By the latest attempt; its lease may have ended, and nobody has leased the message since (S32, S35,
  /// S36).
  ItemReply settle_latest(Place place, Verb verb, const engine::SettleItem& i) {
    auto& message = *find(place);
    const bool ended = message.state != MessageState::in_flight;
    if (verb == Verb::erase) {
      remove(place, &QueueRow::deleted);
    } else if (verb == Verb::reject) {
      remember_reason(message, i.reason);
      give_back(message);
      dead_letter(place, Cause::rejected);
    } else if (ended) {
      if (verb == Verb::extend) return {.code = errc::lease_expired};
      return {.already_returned = true};
    } else if (verb == Verb::release) {
      end_attempt(place, false, Milliseconds(0));
    } else if (verb == Verb::extend && i.value_ms > 0) {
      return extend(message, i.value_ms);
    } else {  // nack; extend(0) is a nack with delay 0
      remember_reason(message, i.reason);
      nack(place, i.value_ms);
    }
    return {};
  }

  ItemReply extend(ModelMessage& message, std::int64_t duration_ms) const {
    const std::int64_t longest_us = (message.latest - model_.now.lease).count();
    const std::int64_t granted_us = duration_ms > longest_us / 1000 ? longest_us : duration_ms * 1000;
    message.deadline = model_.now.lease + Microseconds(granted_us);
    return {.granted_ms = granted_us / 1000};
  }

  /// -1: by policy, min(cap, base*factor^(count-1))*(1-jitter*h) (S36); jitter and rounding are left open.
  void nack(Place place, std::int64_t delay_ms) {
    if (delay_ms >= 0) return end_attempt(place, true, Milliseconds(delay_ms));
    const auto& retry = find(place.queue)->config.options.retry;
    const ModelMessage before = *find(place);
    const double grown = std::pow(retry.factor_thousandths / 1000.0, before.receive_count - 1.0);
    const double most = std::min<double>(retry.cap.count(), retry.base.count() * grown);
    const double least = most * (1000 - retry.jitter_thousandths) / 1000;
    end_attempt(place, true, Milliseconds(static_cast<std::int64_t>(most)));
    const auto* left = find(place);
    if (least == std::floor(most) || left == nullptr || left->state != MessageState::delayed) return;
    model_.open.push_back({place.queue, before.id, true,
                           model_.now.wall + Milliseconds(std::int64_t(least) - 1),
                           model_.now.wall + Milliseconds(std::int64_t(most) + 1), false});
  }

  static void remember_reason(ModelMessage& message, Bytes reason) {
    if (reason.empty()) return;
    if (!message.note) message.note.emplace();
    message.note->last_error = as_text(reason.first(std::min(reason.size(), limits::reason_size_max)));
  }

  // Kick (S67), purge (S8), parameters.

  Reply run(const engine::Kick& kick) {
    auto* queue = find(kick.queue);
    if (queue == nullptr) return fail(errc::queue_deleted);
    std::vector<Sequence> chosen;
    for (const auto& [position, message] : queue->messages) {
      if (message.state != MessageState::parked) continue;
      const bool named = std::find(kick.ids.begin(), kick.ids.end(), message.id) != kick.ids.end();
      if (named || (kick.ids.empty() && chosen.size() < kick.max_messages)) chosen.push_back(position);
    }
    Reply reply;
    for (const Sequence position : chosen) {
      pass_wall_times({kick.queue, position});
      auto* message = find(Place{kick.queue, position});
      if (message == nullptr) continue;
      message->state = MessageState::ready;
      message->receive_count = 0;
      ++reply.count;
    }
    return reply;
  }

  Reply run(const engine::Purge& purge) {
    auto* queue = find(purge.queue);
    if (queue == nullptr) return fail(errc::queue_deleted);
    Reply reply;
    reply.count = queue->messages.size();
    queue->totals.purged += reply.count;
    queue->messages.clear();
    return reply;
  }

  /// Idempotent: the catalog repeats it.
  Reply run(const engine::Configure& configure) {
    const auto& config = configure.config;
    auto* queue = find(config.id);
    if (configure.removed) {
      if (queue != nullptr) effects_.deleted.push_back(config.id);
      model_.queues.erase(config.id);
    } else if (queue == nullptr || queue->config.version < config.version) {
      model_.queues[config.id].config = config;
    }
    return {};
  }

  Reply run(const engine::NewEpoch& epoch) {
    model_.number_floor = std::max(model_.number_floor, epoch.number_floor);
    return {};
  }

  Reply run(const engine::Tick&) { return {}; }
  Reply run(const auto& /*command of the catalog*/) { return fail(errc::invalid_argument); }

  ReferenceModel& model_;
  engine::Effects effects_;
  bool sweeping_ = true;
  bool expired_some_ = false;
  std::vector<OpenQuestion> arrivals_;
};

}  // namespace

engine::Effects ReferenceModel::apply(const engine::EntryView& entry) {
  now = entry.header.stamps;
  halted = entry.header.expiry_halted;
  open.clear();
  return Entry(*this).apply(entry);
}

}  // namespace peerq::model
