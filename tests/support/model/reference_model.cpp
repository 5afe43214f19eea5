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

constexpr std::int64_t token_units = 1'000'000'000;

static std::int64_t units(const std::optional<ModelBucket>& bucket, const RateLimit& rate, LeaseTime now) {
  const auto whole = static_cast<std::int64_t>(rate.per_second_thousandths / 1000);
  const std::int64_t most = token_units * (rate.burst > 0 ? rate.burst : std::max<std::int64_t>(1, whole));
  if (!bucket) return most;
  const auto gain = static_cast<std::int64_t>(rate.per_second_thousandths);  // a microsecond
  const std::int64_t passed = now.us - bucket->at.us;
  return passed > (most - bucket->units) / gain ? most : std::min(most, bucket->units + passed * gain);
}

std::uint64_t tokens(const std::optional<ModelBucket>& bucket, const RateLimit& rate, LeaseTime now) {
  if (rate.per_second_thousandths == 0) return ~std::uint64_t{0};
  return static_cast<std::uint64_t>(units(bucket, rate, now) / token_units);
}

LeaseTime next_token(const std::optional<ModelBucket>& bucket, const RateLimit& rate, LeaseTime now) {
  if (tokens(bucket, rate, now) > 0) return now;
  const auto gain = static_cast<std::int64_t>(rate.per_second_thousandths);
  return {now.us + (token_units - units(bucket, rate, now) + gain - 1) / gain};
}

/// S10, S24, S78.
std::uint64_t room_in_flight(const ModelQueue& queue) {
  const std::uint64_t cap = queue.config.options.max_in_flight;
  if (queue.config.paused) return 0;
  if (!queue.config.options.windows.empty() && (!queue.window || !queue.window->open)) return 0;
  if (cap == 0) return queue.messages.size();
  return cap - std::min(cap, count(queue, MessageState::in_flight));
}

namespace {

/// The engine does so; the page says that the group is forgotten (tests/regression/fifo_retry_delay.cpp).
constexpr bool retry_delays_outlast_messages = true;
/// The engine does so: a delay ends early when an earlier message of the group gets a shorter one.
constexpr bool last_retry_delay_wins = true;
/// The engine does so: what fell due and expired since the last entry does not open its group in between.
constexpr bool expired_never_fall_due = true;

bool within(auto value, auto least, auto most) { return value >= least && value <= most; }

/// One entry on its way through the model.
class Entry {
 public:
  explicit Entry(ReferenceModel& model) : model_(model) {}

  /// Stamps, what they made due, then the commands (S3).
  engine::Effects apply(const engine::EntryView& entry) {
    std::map<QueueId, std::uint64_t> before;
    for (auto& [id, queue] : model_.queues) {
      before[id] = model_.deliverable(id);
      queue.turn_before = queue.turn;
    }
    model_.now = entry.header.stamps;
    model_.halted = entry.header.expiry_halted;
    lapse_leases();
    open_by_rate();
    pass_wall_times();
    for (auto& [id, queue] : model_.queues) forget_groups(queue);
    if (expired_some_) model_.open = arrivals_;
    sweeping_ = false;
    for (const auto& command : entry.commands) {
      effects_.replies.push_back(std::visit([this](const auto& body) { return run(body); }, command.body));
    }
    for (const auto& [id, queue] : model_.queues) {
      const auto& options = queue.config.options;
      const bool bounded = options.rate.per_second_thousandths > 0 ||
                           options.group_rate.per_second_thousandths > 0 ||
                           options.max_in_flight_per_group > 0;
      const bool woken = model_.deliverable(id) > before[id] && (!bounded || before[id] == 0);
      if (woken) effects_.ready.push_back(id);
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

  // Groups (S29, S42-S47; Additions: groups, levels, rates).

  ModelGroup& group(ModelQueue& queue, const std::string& name) {
    const auto [at, made] = queue.groups.try_emplace(name);
    if (made) at->second.age = ++queue.ages;
    return at->second;
  }

  bool at_cap(const ModelQueue& queue, const std::string& name) const {
    const auto cap = queue.config.options.max_in_flight_per_group;
    return cap > 0 && count(queue, name, MessageState::in_flight) >= cap;
  }

  bool stopped(const ModelQueue& queue, const std::string& name, const ModelGroup& group) const {
    const bool leased = count(queue, name, MessageState::in_flight) > 0;
    if (queue.fifo() && (leased || group.retry_until.ms != 0)) return true;
    return group.paused || group.parked || at_cap(queue, name);
  }

  /// Something happened to the group: it opens, closes, or is forgotten.
  void look(ModelQueue& queue, const std::string& name) {
    const auto at = queue.groups.find(name);
    if (at == queue.groups.end()) return;
    auto& group = at->second;
    const auto& rate = queue.config.options.group_rate;
    const bool could = count(queue, name, MessageState::ready) > 0 && !stopped(queue, name, group);
    const LeaseTime token = next_token(group.bucket, rate, model_.now.lease);
    const bool open = could && token == model_.now.lease;
    group.looked_at = could && !open ? token : LeaseTime::never();
    if (!open) group.place.reset();
    if (open && !group.place) group.place = ++queue.turn;
  }

  void forget_groups(ModelQueue& queue) const {
    std::erase_if(queue.groups, [&](const auto& entry) {
      const auto& [name, group] = entry;
      const bool empty = std::none_of(queue.messages.begin(), queue.messages.end(),
                                      [&](const auto& message) { return message.second.group == name; });
      const auto& rate = queue.config.options.group_rate;
      const bool full = rate.per_second_thousandths == 0 || !group.bucket ||
                        units(group.bucket, rate, model_.now.lease) == units({}, rate, model_.now.lease);
      const bool delayed = retry_delays_outlast_messages && group.retry_until.ms != 0;
      return empty && full && !group.paused && !group.parked && !delayed;
    });
  }

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
      const auto* message = find(Place{queue, position});
      if (message == nullptr || message->state != MessageState::in_flight) continue;  // gone with its group
      event(EventKind::lease_lapsed, queue);
      end_lease({queue, position}, true, Milliseconds(0));
    }
  }

  void open_by_rate() {
    std::set<std::tuple<LeaseTime, QueueId, std::uint64_t, std::string>> due;
    for (const auto& [id, queue] : model_.queues) {
      for (const auto& [name, group] : queue.groups) {
        if (group.looked_at <= model_.now.lease) due.emplace(group.looked_at, id, group.age, name);
      }
    }
    for (const auto& [time, queue, age, name] : due) look(*find(queue), name);
  }

  void pass_wall_times() {
    enum Kind { delay, life, retention, retry };
    std::set<std::tuple<WallTime, QueueId, Sequence, Kind, std::string>> passed;
    for (const auto& [id, queue] : model_.queues) {
      for (const auto& [position, m] : queue.messages) {
        if (m.state == MessageState::delayed && m.due <= model_.now.wall)
          passed.emplace(m.due, id, position, delay, "");
        if (!expiry(model_, queue, m)) continue;
        passed.emplace(life_end(m), id, position, life, "");
        passed.emplace(retention_end(queue, m), id, position, retention, "");
      }
      for (const auto& [name, group] : queue.groups) {
        if (group.retry_until.ms != 0 && group.retry_until <= model_.now.wall)
          passed.emplace(group.retry_until, id, Sequence{group.age}, retry, name);
      }
    }
    for (const auto& [time, queue, position, kind, name] : passed) {
      if (kind == retry) {
        const auto group = find(queue)->groups.find(name);
        if (group != find(queue)->groups.end()) group->second.retry_until = {};
        look(*find(queue), name);
        continue;
      }
      auto* message = find(Place{queue, position});
      if (message == nullptr) continue;
      if (kind == delay) {
        if (expired_never_fall_due && expiry(model_, *find(queue), *message)) continue;
        message->state = MessageState::ready;
        look(*find(queue), message->group);
      } else {
        dead_letter({queue, position}, kind == life ? Cause::time_to_live : Cause::retention);
      }
    }
    for (auto& [id, queue] : model_.queues) turn_window(queue);
  }

  void turn_window(ModelQueue& queue) const {
    if (!queue.window) return;
    auto& [open, turns] = *queue.window;
    for (; !turns.empty() && turns.front() <= model_.now.wall; turns.erase(turns.begin())) open = !open;
  }

  /// A message that a command names is judged by its times, however it came to be here.
  void pass_wall_times(Place place) {
    const auto* message = find(place);
    const auto cause = message == nullptr ? std::nullopt : expiry(model_, *find(place.queue), *message);
    if (cause) dead_letter(place, *cause);
  }

  /// Nacked, released (does not count, S20) or lapsed: a FIFO group's later ones return with it (S44).
  void end_lease(Place place, bool counts, Milliseconds delay) {
    std::vector<Sequence> later;
    const auto& queue = *find(place.queue);
    const std::string name = find(place)->group;
    for (const auto& [position, m] : queue.messages) {
      const bool leased = m.state == MessageState::in_flight && m.group == name;
      if (queue.fifo() && leased && position > place.position) later.push_back(position);
    }
    end_attempt(place, counts, delay);
    for (const Sequence position : later) end_attempt({place.queue, position}, false, Milliseconds(0));
  }

  void end_attempt(Place place, bool counts, Milliseconds delay) {
    auto& message = *find(place);
    auto& queue = *find(place.queue);
    const auto& options = queue.config.options;
    give_back(message);
    if (!counts) --message.receive_count;
    if (counts && options.max_receives > 0 && message.receive_count >= options.max_receives) {  // S37, S40
      if (!queue.fifo() || options.poison == Poison::block) return dead_letter(place, Cause::attempts);
      group(queue, message.group).parked = true;  // S45
      note(message).cause = Cause::attempts;
      note(message).attempts = message.receive_count;
      event(EventKind::parked, place.queue);
      return look(queue, message.group);
    }
    if (const auto cause = expiry(model_, queue, message)) return dead_letter(place, *cause);  // S40
    if (delay.count() > 0) {
      message.due = model_.now.wall + delay;
      if (!queue.fifo()) message.state = MessageState::delayed;
      if (queue.fifo()) hold(group(queue, message.group), message.due);
    }
    look(queue, message.group);
  }

  static engine::NoteRow& note(ModelMessage& message) {
    return message.note ? *message.note : message.note.emplace();
  }

  static void hold(ModelGroup& group, WallTime until) {
    group.retry_until = last_retry_delay_wins ? until : std::max(group.retry_until, until);
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
    note(message).cause = cause;
    note(message).attempts = message.receive_count;
    if (target == nullptr) {
      event(EventKind::parked, place.queue);
      message.state = MessageState::parked;
      return look(source, message.group);
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
    message.group_lease = 0;
    ++target.totals.arrived;
    put(target, std::move(message));
  }

  void remove(Place place, std::uint64_t QueueRow::*total) {
    auto& queue = *find(place.queue);
    ++(queue.totals.*total);
    const std::string name = find(place)->group;
    queue.messages.erase(place.position);
    look(queue, name);
    forget_groups(queue);
  }

  /// A lane for each priority, one for all messages that have a group.
  Sequence next_position(const ModelQueue& queue, std::uint8_t lane) const {
    return Sequence::make(lane, std::max(queue.next[lane] + 1, model_.number_floor));
  }

  Sequence put(ModelQueue& queue, ModelMessage message) {
    const Sequence at = next_position(queue, message.group.empty() ? message.priority : limits::group_lane);
    queue.next[at.lane()] = at.number();
    if (message.id == MessageId{}) message.id = {queue.config.id, at};
    const std::string name = message.group;
    queue.messages.emplace(at, std::move(message));
    if (!name.empty()) {
      queue.had_groups = true;
      group(queue, name);
      look(queue, name);
    }
    return at;
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
    std::map<std::string, errc> failed;  // S14
    for (const auto& i : send.items) {
      const std::string name(as_text(i.group_id));
      ItemReply result{.code = queue->fifo() && failed.contains(name) ? failed[name] : check_item(*queue, i)};
      if (result.code == errc::ok && !fits(*queue, 1, i.counted_bytes)) result.code = errc::queue_full;
      if (result.code == errc::ok) result.id = add(*queue, i);
      if (result.code != errc::ok) failed.emplace(name, result.code);
      reply.items.push_back(result);
    }
    return reply;
  }

  errc check_item(const ModelQueue& queue, const engine::SendItem& i) const {
    if (i.priority > limits::priority_max) return errc::invalid_argument;
    const WallTime latest = model_.now.wall + limits::delay_max;
    if (!within(i.time_to_live_ms, -1, limits::expiry_max.count())) return errc::invalid_argument;
    if (!within(i.due.ms, -limits::delay_max.count(), latest.ms)) return errc::invalid_argument;
    if (i.group_id.size() > limits::group_id_size_max) return errc::invalid_argument;
    if (queue.fifo() && i.group_id.empty()) return errc::invalid_argument;  // S62
    if (!i.deduplication_id.empty()) return errc::not_supported;
    return i.counted_bytes > queue.config.options.max_message_size ? errc::message_too_large : errc::ok;
  }

  static bool fits(const ModelQueue& queue, std::uint64_t messages, std::uint64_t more_bytes) {
    const auto& options = queue.config.options;
    if (options.max_messages && queue.messages.size() + messages > *options.max_messages) return false;
    return !options.max_bytes || bytes(queue) + more_bytes <= *options.max_bytes;
  }

  MessageId add(ModelQueue& queue, const engine::SendItem& i) {
    const auto& options = queue.config.options;
    ModelMessage message;
    message.priority = i.priority;
    message.group = as_text(i.group_id);
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
    return {queue.config.id, put(queue, std::move(message))};
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
    std::map<std::uint64_t, Sequence> given;
    for (const auto& [position, message] : queue->messages) {  // S21
      const bool repeated = !receive.erase && !message.attempt_id.empty();
      if (repeated && message.attempt_id == as_text(receive.attempt_id)) given[message.handed_out] = position;
    }
    for (const auto& [order, position] : given)
      reply.grants.push_back(grant(queue->messages.at(position), position));
    if (reply.grants.empty()) hand_out(*queue, receive, reply);
    return reply;
  }

  /// What a level gives next: the first message of the group at the front of its ring.
  std::optional<Sequence> first_at(const ModelQueue& queue, std::uint8_t level) const {
    std::map<std::string, std::uint64_t> seen;
    std::optional<std::pair<std::uint64_t, Sequence>> best;
    for (const auto& [position, m] : queue.messages) {
      if (m.state != MessageState::ready) continue;
      const bool first = seen[m.group]++ == 0;
      if (m.priority != level || (queue.fifo() && !first)) continue;
      std::uint64_t place = queue.plain_places[level];
      if (!m.group.empty()) {
        const auto& group = queue.groups.at(m.group);
        if (!group.place) continue;
        place = *group.place;
      }
      if (!best || place < best->first) best = {place, position};
    }
    return best ? std::optional(best->second) : std::nullopt;
  }

  /// Level first (S26).
  std::optional<Sequence> choose(ModelQueue& queue) {
    std::map<int, Sequence> levels;
    for (std::uint8_t level = 0; level < limits::priority_count; ++level) {
      if (const auto first = first_at(queue, level)) levels[level] = *first;
    }
    if (levels.empty()) return std::nullopt;
    return queue.config.options.priority_mode == PriorityMode::weighted ? by_weight(queue, levels)
                                                                        : by_rank(queue, levels);
  }

  Sequence by_rank(const ModelQueue& queue, const std::map<int, Sequence>& levels) const {
    using Rank = std::tuple<std::int64_t, std::int64_t, int>;
    const std::int64_t interval = queue.config.options.priority_aging.count();
    std::map<Rank, Sequence> ranks;
    for (const auto& [level, position] : levels) {
      const std::int64_t waited = model_.now.wall.ms - retention_base(queue.messages.at(position)).ms;
      const Rank aged{level + (interval == 0 ? 0 : waited / interval), waited, level};
      ranks[interval == 0 ? Rank{level, 0, 0} : aged] = position;
    }
    return ranks.rbegin()->second;
  }

  static Sequence by_weight(ModelQueue& queue, const std::map<int, Sequence>& levels) {
    auto& credits = queue.credits;
    const auto& weights = queue.config.options.weights;
    const bool none = std::all_of(levels.begin(), levels.end(),
                                  [&](const auto& level) { return credits[level.first] == 0; });
    if (none) std::copy(weights.begin(), weights.end(), credits.begin());
    int best = -1;
    for (const auto& [level, position] : levels) {
      if (credits[level] == 0) continue;
      if (best < 0 || credits[level] * weights[best] >= credits[best] * weights[level]) best = level;
    }
    return levels.at(best);
  }

  /// Counts and bounds of one receive while it goes on.
  struct Progress {
    std::uint64_t room;
    std::uint64_t bytes = 0;
    bool full = false;
    std::set<std::string> groups;
  };

  void hand_out(ModelQueue& queue, const engine::Receive& receive, Reply& reply) {
    Progress progress{std::min<std::uint64_t>(receive.max_messages, room_in_flight(queue))};
    while (!progress.full && may_give(queue, progress)) {
      const auto next = choose(queue);
      if (!next) break;
      const std::string name = queue.messages.at(*next).group;
      give(queue, *next, receive, progress, reply);
      while (queue.fifo() && !progress.full && may_give(queue, progress) && goes_on(queue, name)) {
        for (const auto& [position, m] : queue.messages) {
          if (m.group != name || m.state != MessageState::ready) continue;
          give(queue, position, receive, progress, reply);
          break;
        }
      }
      look(queue, name);
    }
  }

  bool may_give(const ModelQueue& queue, const Progress& progress) const {
    return progress.room > 0 && tokens(queue.bucket, queue.config.options.rate, model_.now.lease) > 0;
  }

  bool goes_on(const ModelQueue& queue, const std::string& name) const {
    return count(queue, name, MessageState::ready) > 0 && !at_cap(queue, name) &&
           tokens(queue.groups.at(name).bucket, queue.config.options.group_rate, model_.now.lease) > 0;
  }

  void take_token(std::optional<ModelBucket>& bucket, const RateLimit& rate) const {
    if (rate.per_second_thousandths == 0) return;
    bucket = ModelBucket{units(bucket, rate, model_.now.lease) - token_units, model_.now.lease};
  }

  void give(ModelQueue& queue, Sequence position, const engine::Receive& receive, Progress& progress,
            Reply& reply) {
    auto& message = queue.messages.at(position);
    progress.bytes += message.counted_bytes;
    progress.full = !reply.grants.empty() && progress.bytes > receive.max_bytes;
    if (progress.full) return;
    --progress.room;
    ++queue.totals.received;
    if (message.attempt > 0) ++queue.totals.redelivered;
    ++message.attempt;
    ++message.receive_count;
    message.handed_out = ++queue.handed_out;
    const auto& options = queue.config.options;
    auto& credits = queue.credits[message.priority];
    if (options.priority_mode == PriorityMode::weighted && credits > 0) --credits;
    take_token(queue.bucket, options.rate);
    if (message.group.empty()) {
      if (queue.had_groups) queue.plain_places[message.priority] = ++queue.turn;
    } else {
      auto& group = queue.groups.at(message.group);
      take_token(group.bucket, options.group_rate);
      if (!queue.fifo()) group.place = ++queue.turn;
      if (progress.groups.insert(message.group).second) ++group.leases;
      message.group_lease = group.leases;
    }
    if (!receive.erase) lease(queue, message, receive);
    reply.grants.push_back(grant(message, position));
    if (receive.erase) remove({receive.queue, position}, &QueueRow::deleted);
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
    grant.group_id = message.group;
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
    const auto lane = place.position.lane();
    const bool given = lane < limits::lane_count && place.position.number() > 0 &&
                       place.position < next_position(*find(queue), lane);
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
    auto& queue = *find(place.queue);
    const bool late = ended && (verb == Verb::erase || verb == Verb::reject);
    if (late && queue.fifo() && group(queue, message.group).leases != message.group_lease)
      return {.code = errc::stale_receipt};
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
      end_lease(place, false, Milliseconds(0));
    } else if (verb == Verb::extend && i.value_ms > 0) {
      const ItemReply reply = extend(message, i.value_ms);
      for (auto& [position, m] : queue.messages) {  // S44
        const bool same = m.state == MessageState::in_flight && m.group == message.group;
        if (queue.fifo() && same) m.deadline = message.deadline;
      }
      return reply;
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
    if (delay_ms >= 0) return end_lease(place, true, Milliseconds(delay_ms));
    const auto& retry = find(place.queue)->config.options.retry;
    const ModelMessage before = *find(place);
    const double grown = std::pow(retry.factor_thousandths / 1000.0, before.receive_count - 1.0);
    const double most = std::min<double>(retry.cap.count(), retry.base.count() * grown);
    const double least = most * (1000 - retry.jitter_thousandths) / 1000;
    end_lease(place, true, Milliseconds(static_cast<std::int64_t>(most)));
    const auto* left = find(place);
    if (least == std::floor(most) || left == nullptr || left->state != MessageState::delayed) return;
    model_.open.push_back({place.queue, before.id, true,
                           model_.now.wall + Milliseconds(std::int64_t(least) - 1),
                           model_.now.wall + Milliseconds(std::int64_t(most) + 1), false});
  }

  static void remember_reason(ModelMessage& message, Bytes reason) {
    if (reason.empty()) return;
    note(message).last_error = as_text(reason.first(std::min(reason.size(), limits::reason_size_max)));
  }

  // Kick (S67), purge (S8), parameters.

  Reply run(const engine::Kick& kick) {
    auto* queue = find(kick.queue);
    if (queue == nullptr) return fail(errc::queue_deleted);
    std::vector<Sequence> chosen;
    std::vector<std::pair<int, Sequence>> from_front;  // by lane, the highest first
    for (const auto& [position, message] : queue->messages)
      from_front.push_back({-position.lane(), position});
    std::sort(from_front.begin(), from_front.end());
    for (const auto& [lane, position] : from_front) {
      const auto& message = queue->messages.at(position);
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
      look(*queue, message->group);
      ++reply.count;
    }
    return reply;
  }

  /// S66.
  Reply run(const engine::Cancel& cancel) {
    if (cancel.ids.empty()) return fail(errc::invalid_argument);
    if (cancel.ids.size() > limits::batch_max) return fail(errc::batch_too_large);
    auto* queue = find(cancel.queue);
    if (queue == nullptr) return fail(errc::queue_deleted);
    Reply reply;
    for (const MessageId id : cancel.ids) {
      reply.items.push_back(cancel_one(*queue, id));
      reply.items.back().id = id;
    }
    return reply;
  }

  ItemReply cancel_one(ModelQueue& queue, MessageId id) {
    const auto has = [&](const auto& entry) { return entry.second.id == id; };
    auto at = std::find_if(queue.messages.begin(), queue.messages.end(), has);
    if (at != queue.messages.end()) pass_wall_times({queue.config.id, at->first});
    at = std::find_if(queue.messages.begin(), queue.messages.end(), has);
    if (at == queue.messages.end()) return {.already_gone = true};
    if (at->second.state == MessageState::in_flight) return {.code = errc::lease_held};
    remove({queue.config.id, at->first}, &QueueRow::cancelled);
    return {};
  }

  Reply run(const engine::ChangeGroup& change) {
    using engine::GroupVerb;
    const std::string name(as_text(change.group_id));
    if (!within(name.size(), 1U, limits::group_id_size_max)) return fail(errc::invalid_argument);
    auto* queue = find(change.queue);
    if (queue == nullptr) return fail(errc::queue_deleted);
    const bool parks = change.verb == GroupVerb::park || change.verb == GroupVerb::unpark;
    if (change.verb == GroupVerb::park && !queue->fifo()) return fail(errc::not_supported);
    auto& changed = group(*queue, name);
    if (change.verb == GroupVerb::unpark && changed.parked) {
      for (auto& [position, m] : queue->messages) {
        if (m.group != name || m.state != MessageState::ready) continue;
        m.receive_count = 0;
        break;
      }
    }
    (parks ? changed.parked : changed.paused) =
        change.verb == GroupVerb::park || change.verb == GroupVerb::pause;
    look(*queue, name);
    forget_groups(*queue);
    return {};
  }

  /// S78.
  Reply run(const engine::SetWindow& set) {
    auto* queue = find(set.queue);
    if (queue == nullptr) return fail(errc::queue_deleted);
    if (queue->config.options.windows.empty() || set.version < queue->config.version) return {};
    queue->window = ModelWindow{set.open, {}};
    for (const std::int64_t ms : set.turns_ms) queue->window->turns.push_back({ms});
    turn_window(*queue);
    return {};
  }

  Reply run(const engine::Purge& purge) {
    auto* queue = find(purge.queue);
    if (queue == nullptr) return fail(errc::queue_deleted);
    Reply reply;
    reply.count = queue->messages.size();
    queue->totals.purged += reply.count;
    queue->messages.clear();
    for (auto& [name, group] : queue->groups) {
      group.parked = false;
      group.retry_until = {};
      look(*queue, name);
    }
    forget_groups(*queue);
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
      configure_groups(model_.queues[config.id], config);
    }
    return {};
  }

  /// What lets groups give more is found when they are looked at again; what lets them give less acts at
  /// once.
  void configure_groups(ModelQueue& queue, const engine::QueueConfig& config) {
    if (queue.config.options.windows.empty() || config.options.windows.empty()) queue.window.reset();
    queue.config = config;
    if (config.options.rate.per_second_thousandths == 0) queue.bucket.reset();
    for (auto& [name, group] : queue.groups) {
      if (config.options.group_rate.per_second_thousandths == 0) group.bucket.reset();
      if (at_cap(queue, name)) group.place.reset();
    }
    forget_groups(queue);
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
  open.clear();
  return Entry(*this).apply(entry);
}

}  // namespace peerq::model
