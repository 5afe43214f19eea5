#include "support/model/reference_model.hpp"

#include <algorithm>
#include <cmath>
#include <set>
#include <tuple>
#include <utility>
#include <variant>

#include "peerq/base/limits.hpp"
#include "support/model/catalog_model.hpp"
#include "support/model/model_step.hpp"

namespace peerq::model {

using engine::ItemReply;
using engine::SendItem;
using engine::SettleItem;
using engine::Verb;

namespace {

class Entry : ModelStep {
 public:
  using ModelStep::ModelStep;

  /// Stamps, what they made due, then the commands (S3).
  engine::Effects apply(const engine::EntryView& entry) {
    std::map<QueueId, std::uint64_t> before;
    for (const auto& [id, queue] : model_.queues) before[id] = model_.deliverable(id);
    model_.now = entry.header.stamps;
    model_.halted = entry.header.expiry_halted;
    lapse_leases();
    open_by_rate();
    end_sessions();
    pass_wall_times();
    run_schedules();
    forget_outcomes();
    go_on_redriving();
    for (const auto& command : entry.commands) effects_.replies.push_back(answer(command));
    for (auto& [id, queue] : model_.queues) forget_groups(queue, model_.now.lease);
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
  using ModelStep::run;

  // Schedules (S79).

  Reply run(const engine::PutSchedule& put) {
    auto& queue = need(put.queue);
    require(valid_name(put.name), errc::invalid_name);
    require_argument(within(put.specification.size(), 1U, limits::schedule_text_size_max));
    require_argument(put.zone.size() <= limits::schedule_text_size_max);
    require(put.item.due.ms == 0 && put.item.deduplication_id.empty(), errc::not_supported);
    check_item(queue, put.item);
    engine::ScheduleRow schedule;
    schedule.specification = put.specification;
    schedule.zone = put.zone;
    schedule.missed = put.missed;
    schedule.anchor = put.anchor;
    schedule.payload = as_text(put.item.payload);
    schedule.counted_bytes = put.item.counted_bytes;
    schedule.priority = put.item.priority;
    schedule.time_to_live_ms = put.item.time_to_live_ms;
    schedule.group = as_text(put.item.group_id);
    const auto known = queue.schedules.find(std::string(put.name));
    if (known != queue.schedules.end() && is_set_to(known->second, schedule)) return {};
    schedule.version = ++model_.schedule_versions;
    schedule.last = model_.now.wall;
    add_runs(schedule, put.runs_ms);
    queue.schedules[std::string(put.name)] = schedule;
    return {};
  }

  Reply run(const engine::ExtendSchedule& extend) {
    auto& schedules = need(extend.queue).schedules;
    const auto at = schedules.find(std::string(extend.name));
    if (at != schedules.end() && at->second.version == extend.version) add_runs(at->second, extend.runs_ms);
    return {};
  }

  Reply run(const engine::RemoveSchedule& removed) {
    Reply reply;
    reply.count = need(removed.queue).schedules.erase(std::string(removed.name));
    return reply;
  }

  static bool is_set_to(const engine::ScheduleRow& known, const engine::ScheduleRow& asked) {
    return known.specification == asked.specification && known.zone == asked.zone &&
           known.missed == asked.missed && known.payload == asked.payload &&
           known.counted_bytes == asked.counted_bytes && known.priority == asked.priority &&
           known.time_to_live_ms == asked.time_to_live_ms && known.group == asked.group;
  }

  /// Those that come after the last known one, as far as there is room for them.
  static void add_runs(engine::ScheduleRow& schedule, std::span<const std::int64_t> runs_ms) {
    for (const std::int64_t ms : runs_ms) {
      const WallTime last = schedule.runs.empty() ? schedule.last : schedule.runs.back();
      if (WallTime{ms} > last && schedule.runs.size() < limits::schedule_runs) schedule.runs.push_back({ms});
    }
  }

  /// All that is due of the schedule whose turn it is, then of the next.
  void run_schedules() {
    std::set<std::tuple<WallTime, QueueId, std::string>> due;
    for (const auto& [id, queue] : model_.queues) {
      for (const auto& [name, schedule] : queue.schedules)
        if (!schedule.runs.empty() && schedule.runs.front() <= model_.now.wall)
          due.emplace(schedule.runs.front(), id, name);
    }
    for (const auto& [time, id, name] : due) take_runs(*find(id), find(id)->schedules.at(name));
  }

  void take_runs(ModelQueue& queue, engine::ScheduleRow& schedule) {
    auto& runs = schedule.runs;
    for (; !runs.empty() && runs.front() <= model_.now.wall; runs.erase(runs.begin())) {
      schedule.last = runs.front();
      const bool late = schedule.last + limits::schedule_grace < model_.now.wall;
      if (!late) catch_up(queue, schedule);
      const bool all =
          late && schedule.missed == MissedRuns::all && schedule.caught_up < limits::missed_runs_max;
      const bool one = late && schedule.missed == MissedRuns::one && !schedule.owes_one;
      if (all) ++schedule.caught_up;
      if (one) schedule.owes_one = true;
      if (!late || all) send_run(queue, schedule);
      if (late && !all && !one) ++schedule.missed_runs;
    }
    if (!runs.empty()) catch_up(queue, schedule);  // else more that were missed may follow
  }

  /// One for all that were missed.
  void catch_up(ModelQueue& queue, engine::ScheduleRow& schedule) {
    schedule.caught_up = 0;
    if (std::exchange(schedule.owes_one, false)) send_run(queue, schedule);
  }

  void send_run(ModelQueue& queue, engine::ScheduleRow& schedule) {
    SendItem item;
    item.payload = as_bytes(schedule.payload);
    item.counted_bytes = schedule.counted_bytes;
    item.priority = schedule.priority;
    item.time_to_live_ms = schedule.time_to_live_ms;
    item.group_id = as_bytes(schedule.group);
    const auto reply = guarded<ItemReply>([&] { return add(queue, item, true); });
    ++(reply.code == errc::ok ? schedule.sent : schedule.lost);
  }

  // Commands: what each is checked for, what comes of it.

  Reply answer(const engine::Command& command) {
    if (command.origin.session.value == 0) return run_alone(command.body);
    return guarded<Reply>([&] { return run_in_session(command); });
  }

  Reply run_alone(const engine::CommandBody& body) {
    return guarded<Reply>(
        [&] { return std::visit([&](const auto& command) { return run(command); }, body); });
  }

  /// Of a command, or of an item.
  template <class Answer>
  static Answer guarded(auto run) {
    try {
      return run();
    } catch (const Refused& refused) {
      Answer answer;
      answer.code = refused.code;
      return answer;
    }
  }

  // Sessions (S18, S70).

  Reply run_in_session(const engine::Command& command) {
    const auto& origin = command.origin;
    const auto at = model_.sessions.find(origin.session);
    require(at != model_.sessions.end(), errc::session_expired);
    auto& [ends, replies, forgotten] = at->second;
    ends = model_.now.lease + limits::session_idle;
    if (replies.contains(origin.sequence)) return again(replies.at(origin.sequence));
    require(origin.sequence > forgotten, errc::outcome_unknown);
    session_ = origin.session;
    Reply reply = run_alone(command.body);
    session_ = {};
    if (waits(command.body, reply)) return reply;
    replies[origin.sequence] = reply;
    if (replies.size() > limits::session_window) {
      forgotten = replies.begin()->first;
      replies.erase(replies.begin());
    }
    return reply;
  }

  /// Nothing happened: who waits on, for messages or for room, makes the same request again.
  bool waits(const engine::CommandBody& body, const Reply& reply) const {
    if (const auto* send = std::get_if<engine::Send>(&body)) {
      const auto* queue = find(send->queue);
      if (queue == nullptr || queue->config.options.overflow != Overflow::block) return false;
      bool full = reply.code == errc::queue_full;
      for (const auto& item : reply.items) full = full || item.code == errc::queue_full;
      return full && std::none_of(reply.items.begin(), reply.items.end(),
                                  [](const auto& item) { return item.code == errc::ok; });
    }
    const bool receives =
        std::holds_alternative<engine::Receive>(body) || std::holds_alternative<engine::ReceiveSeveral>(body);
    return receives && reply.code == errc::ok && reply.grants.empty();
  }

  /// Messages that were handed out are told again while their leases live, those that are gone are not known.
  Reply again(Reply reply) const {
    for (const auto& grant : std::exchange(reply.grants, {})) {
      require(grant.deadline.us != 0, errc::outcome_unknown);
      const auto* message = find(grant.queue, grant.lease.sequence);
      const bool leased = message != nullptr && message->state == MessageState::in_flight &&
                          message->attempt == grant.lease.attempt;
      if (leased) reply.grants.push_back(grant_of(*message));
    }
    return reply;
  }

  Reply run(const engine::OpenSession& open) {
    require_argument(open.session.value != 0);
    require(model_.sessions.contains(open.session) || model_.sessions.size() < limits::sessions_max,
            errc::limit_exceeded);
    model_.sessions[open.session].ends = model_.now.lease + limits::session_idle;
    return {};
  }

  Reply run(const engine::CloseSession& close) {
    end_session(close.session);
    return {};
  }

  void end_sessions() {
    std::set<std::pair<LeaseTime, SessionId>> ended;
    for (const auto& [id, session] : model_.sessions) {
      if (session.ends <= model_.now.lease) ended.emplace(session.ends, id);
    }
    for (const auto& [time, id] : ended) end_session(id);
  }

  void end_session(SessionId session) {
    model_.sessions.erase(session);
    std::vector<std::pair<QueueId, Sequence>> bound;
    for (const auto& [id, queue] : model_.queues) {
      for (const auto& [position, m] : queue.messages) {
        if (session.value != 0 && m.bound == session) bound.emplace_back(id, position);
      }
    }
    for (const auto& [queue, position] : bound) {
      auto* message = find(queue, position);
      if (message == nullptr || message->bound != session) continue;  // returned with its group
      remember_reason(*message, as_bytes("session ended"));
      end_lease(*message, true, Milliseconds(0));
    }
  }

  // Send (S12-S17).

  Reply run(const engine::Send& send) {
    require_batch(send.items.size(), limits::send_entries_max);
    Reply reply;
    reply.items = add_all(need(send.queue), send.items, send.atomic);
    return reply;
  }

  std::vector<ItemReply> add_all(ModelQueue& queue, std::span<const SendItem> items, bool atomic) {
    if (atomic) drop(in_the_way(queue, items));
    std::vector<ItemReply> replies;
    std::map<std::string, errc> failures;  // S14
    bool waits = false;                    // S15: nobody overtakes
    for (const auto& one : items) {
      const std::string name(as_text(one.group_id));
      replies.push_back(guarded<ItemReply>([&] {
        if (queue.fifo() && failures.contains(name)) throw Refused{failures[name]};
        check_item(queue, one);
        require(!waits || first_of(queue, one) != nullptr, errc::queue_full);
        return add(queue, one, !atomic);
      }));
      const bool blocks = queue.config.options.overflow == Overflow::block;
      waits = waits || (blocks && replies.back().code == errc::queue_full);
      if (replies.back().code != errc::ok) failures.emplace(name, replies.back().code);
    }
    return replies;
  }

  void check_item(const ModelQueue& queue, const SendItem& i) const {
    const WallTime latest = model_.now.wall + limits::delay_max;
    require_argument(i.priority <= limits::priority_max);
    require_argument(within(i.time_to_live_ms, -1, limits::expiry_max.count()));
    require_argument(within(i.due.ms, -limits::delay_max.count(), latest.ms));
    require_argument(i.group_id.size() <= limits::group_id_size_max);
    require_argument(!queue.fifo() || !i.group_id.empty());  // S62
    require_argument(i.deduplication_id.size() <= limits::deduplication_id_size_max);
    require(i.counted_bytes <= queue.config.options.max_message_size, errc::message_too_large);
  }

  /// S17.
  const MessageId* first_of(const ModelQueue& queue, const SendItem& i) const {
    const auto known = queue.memory.find(std::string(as_text(i.deduplication_id)));
    if (queue.config.options.deduplication_window.count() == 0 || known == queue.memory.end()) return nullptr;
    return known->second.until > model_.now.wall ? &known->second.first : nullptr;
  }

  /// What has to go for those that are no duplicates; all at once (S14, S15).
  std::vector<ModelMessage*> in_the_way(ModelQueue& queue, std::span<const SendItem> items) const {
    std::uint64_t count = 0;
    std::uint64_t size = 0;
    std::uint8_t priority = limits::priority_max;
    std::set<std::string> ids;
    for (const auto& i : items) {
      check_item(queue, i);
      if (first_of(queue, i) != nullptr) continue;
      const bool remembered =
          !i.deduplication_id.empty() && queue.config.options.deduplication_window.count() > 0;
      if (remembered && !ids.emplace(as_text(i.deduplication_id)).second) continue;
      ++count;
      size += i.counted_bytes;
      priority = std::min(priority, i.priority);
    }
    std::vector<ModelMessage*> dropped;
    if (count == 0) return dropped;
    const bool drops = queue.config.options.overflow == Overflow::drop_oldest;
    for (auto* message : drops ? droppable(queue, priority) : dropped) {
      if (fits(queue, count, size)) break;
      --count;
      size -= message->counted_bytes;
      dropped.push_back(message);
    }
    require(fits(queue, count, size) && dropped.size() <= limits::drop_max, errc::queue_full);
    return dropped;
  }

  void drop(const std::vector<ModelMessage*>& dropped) {
    for (auto* message : dropped) dead_letter(*message, Cause::overflow);
  }

  ItemReply add(ModelQueue& queue, const SendItem& i, bool makes_room) {
    check_item(queue, i);
    if (const auto* first = first_of(queue, i)) return {.id = *first, .deduplicated = true};
    if (makes_room) drop(in_the_way(queue, {&i, 1}));
    const auto& options = queue.config.options;
    ModelMessage message;
    message.state = MessageState::ready;
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
    if (life.count() > 0) {
      message.time_to_live_ms = life.count();
      message.expires = retention_base(message) + life;  // from the due time
    }
    message.payload.bytes = SharedBytes::copy(i.payload);
    ++queue.totals.sent;
    auto& placed = put(queue, std::move(message));
    WallTime until = i.outcome_until;
    if (until.ms < 0) until = model_.now.wall + Milliseconds(-until.ms);
    if (until > model_.now.wall && placed.expires > until)
      placed.expires = until;  // S77: of no use to its requester later
    await(placed, until);
    if (options.deduplication_window.count() > 0) placed.once = as_text(i.deduplication_id);
    if (!placed.once.empty())
      queue.memory[placed.once] = {placed.id, model_.now.wall + options.deduplication_window};
    return {.id = placed.id};
  }

  /// S76.
  Reply run(const engine::Transact& transact) {
    std::set<std::pair<QueueId, Sequence>> erased;
    std::size_t size = 0;
    for (const auto& part : transact.parts) {
      size += part.erases.size() + part.sends.size();
      for (const auto& i : part.erases) require_argument(erased.emplace(part.queue, i.lease.sequence).second);
    }
    require_batch(size, limits::send_entries_max);
    for (const auto& part : transact.parts) need(part.queue);
    const ModelMessages before = model_;
    const auto effects = effects_;
    std::vector<std::pair<QueueId, Sequence>> looked_at;
    Reply reply = guarded<Reply>([&] { return run_all(transact, looked_at); });
    if (reply.code == errc::ok) return reply;
    static_cast<ModelMessages&>(model_) = before;
    effects_ = effects;
    for (const auto& [queue, position] : looked_at) named(queue, position);
    return reply;
  }

  Reply run_all(const engine::Transact& transact, std::vector<std::pair<QueueId, Sequence>>& looked_at) {
    Reply reply;
    std::map<QueueId, std::vector<SendItem>> sends;
    for (const auto& part : transact.parts) {
      for (const auto& i : part.erases) {
        looked_at.emplace_back(part.queue, i.lease.sequence);
        reply.items.push_back(settle(part.queue, Verb::erase, i, true));
      }
      for (const auto& i : part.sends) check_item(*find(part.queue), i);
      auto& all = sends[part.queue];
      all.insert(all.end(), part.sends.begin(), part.sends.end());
    }
    std::map<QueueId, std::vector<ModelMessage*>> dropped;  // all are known before any goes
    for (const auto& [queue, items] : sends) dropped[queue] = in_the_way(*find(queue), items);
    for (const auto& part : transact.parts) {
      drop(std::exchange(dropped[part.queue], {}));
      for (const auto& i : part.sends) reply.items.push_back(add(*find(part.queue), i, false));
    }
    return reply;
  }

  // Receive (S19-S25, S27, S69).

  Reply run(const engine::Receive& receive) {
    check_receive(receive);
    auto& queue = need(receive.queue);
    Reply reply;
    std::map<std::uint64_t, const ModelMessage*> given;
    for (const auto& [position, message] : queue.messages) {  // S21
      const bool repeated = !receive.erase && !message.attempt_id.empty();
      if (repeated && message.attempt_id == as_text(receive.attempt_id)) given[message.handed_out] = &message;
    }
    for (const auto& [order, message] : given) reply.grants.push_back(grant_of(*message));
    if (!reply.grants.empty()) return reply;
    Progress progress;
    progress.room = room_in_flight(queue);
    while (reply.grants.size() < receive.max_messages && give_next(queue, receive, progress, reply)) continue;
    look(queue, progress.group);
    return reply;
  }

  void check_receive(const engine::Receive& receive) {
    require_argument(within(receive.max_messages, 1U, limits::receive_messages_max));
    require_argument(within(receive.max_bytes, 1U, limits::receive_bytes_max));
    require_argument(within(receive.visibility_ms, 0, limits::visibility_timeout_max.count()));
    require_argument(receive.attempt_id.size() <= limits::attempt_id_size_max);
    given_bytes_ = 0;
  }

  Reply run(const engine::ReceiveSeveral& several) {
    engine::Receive receive;
    receive.max_messages = several.max_messages;
    receive.max_bytes = several.max_bytes;
    receive.visibility_ms = several.visibility_ms;
    check_receive(receive);
    require_argument(within(several.queues.size(), 1U, limits::receive_queues_max));
    std::map<QueueId, Progress> shares;
    for (const auto& [queue, weight] : several.queues)
      require_argument(within(weight, 0U, limits::receive_weight_max) && shares.try_emplace(queue).second);
    for (auto& [queue, share] : shares) share.room = room_in_flight(need(queue));
    Reply reply;
    while (reply.grants.size() < receive.max_messages) {
      const engine::WeightedQueue* best = nullptr;
      for (const auto& one : several.queues) {
        const auto& share = shares[one.queue];
        if (share.ended) continue;
        if (!best || share.taken * best->weight < shares[best->queue].taken * one.weight) best = &one;
      }
      if (best == nullptr) break;
      give_next(*find(best->queue), receive, shares[best->queue], reply);
    }
    for (const auto& [queue, share] : shares) look(*find(queue), share.group);
    return reply;
  }

  /// One queue's part in a receive.
  struct Progress {
    std::uint64_t room = 0;
    std::uint64_t taken = 0;
    bool ended = false;
    std::string group;  // FIFO: that goes on giving
    std::set<std::string> groups;
  };

  /// The next message of the queue. False, and the queue's part has ended, when it gives no more.
  bool give_next(ModelQueue& queue, const engine::Receive& receive, Progress& progress, Reply& reply) {
    const auto& options = queue.config.options;
    const LeaseTime now = model_.now.lease;
    progress.ended = true;
    if (progress.taken == progress.room || tokens(queue.bucket, options.rate, now) == 0) return false;
    const auto& name = progress.group;
    const ModelMessage* next = name.empty() ? nullptr : first_ready(queue, name);
    const bool goes_on = next != nullptr && room_in_flight(queue, name) > 0 &&
                         tokens(queue.groups.at(name).bucket, options.group_rate, now) > 0;
    if (!goes_on) {
      look(queue, std::exchange(progress.group, {}));
      next = choose(queue, model_.now.wall);
    }
    if (next == nullptr) return false;
    if (named(queue.config.id, next->sequence) == nullptr) {  // it came back after its time
      progress.ended = false;
      return true;
    }
    if (!reply.grants.empty() && given_bytes_ + next->counted_bytes > receive.max_bytes) return false;
    progress.ended = false;
    give(queue, queue.messages.at(next->sequence), receive, progress, reply);
    return true;
  }

  void give(ModelQueue& queue, ModelMessage& message, const engine::Receive& receive, Progress& progress,
            Reply& reply) {
    const auto& options = queue.config.options;
    ++progress.taken;
    ++queue.totals.received;
    if (message.attempt > 0) ++queue.totals.redelivered;
    ++message.attempt;
    ++message.receive_count;
    message.handed_out = ++queue.handed_out;
    auto& credits = queue.credits[message.priority];
    if (options.priority_mode == PriorityMode::weighted && credits > 0) --credits;
    take_token(queue.bucket, options.rate, model_.now.lease);
    const std::string name = message.group;
    if (name.empty()) {
      if (queue.had_groups) queue.plain_places[message.priority] = ++queue.turn;
    } else {
      auto& group = queue.groups.at(name);
      take_token(group.bucket, options.group_rate, model_.now.lease);
      if (!queue.fifo()) group.place = ++queue.turn;
      if (progress.groups.insert(name).second) ++group.leases;
      message.group_lease = group.leases;
    }
    if (!receive.erase) lease(options, message, receive);
    given_bytes_ += message.counted_bytes;
    reply.grants.push_back(grant_of(message));
    if (receive.erase) remove(message, &QueueRow::deleted);
    if (queue.fifo()) progress.group = name;
    if (!queue.fifo()) look(queue, name);
  }

  void lease(const QueueOptions& options, ModelMessage& message, const engine::Receive& receive) const {
    const Milliseconds asked =
        receive.visibility_ms > 0 ? Milliseconds(receive.visibility_ms) : options.visibility_timeout;
    message.state = MessageState::in_flight;
    message.latest = model_.now.lease + options.max_lease_time;
    message.deadline = std::min(model_.now.lease + asked, message.latest);
    message.attempt_id = as_text(receive.attempt_id);
    if (receive.bind_to_session) message.bound = session_;
  }

  // Delete, extend, nack, release, reject (S31-S37).

  Reply run(const engine::Settle& all) {
    require_batch(all.items.size(), limits::batch_max);
    need(all.queue);
    Reply reply;
    for (const auto& i : all.items)
      reply.items.push_back(guarded<ItemReply>([&] { return settle(all.queue, all.verb, i, false); }));
    return reply;
  }

  /// Checks in the order of S60. A strict one wants the lease to live (S76).
  ItemReply settle(QueueId id, Verb verb, const SettleItem& i, bool strict) {
    require_argument(verb != Verb::nack || within(i.value_ms, -1, limits::delay_max.count()));
    require_argument(verb != Verb::extend || i.value_ms >= 0);
    auto& queue = *find(id);
    const Sequence position = i.lease.sequence;
    // S59: no message was ever there.
    require(position.lane() < limits::lane_count && position.number() > 0 &&
                position < next_position(queue, position.lane()),
            errc::invalid_receipt);
    auto* message = named(id, position);
    const bool removes = verb == Verb::erase || verb == Verb::reject;
    if (message == nullptr) {  // S34
      require(removes && !strict, errc::message_not_found);
      return {.already_gone = true};
    }
    require(i.lease.attempt <= message->attempt, errc::invalid_receipt);
    // S33; 0 stands for a receipt of an older epoch (S58).
    require(i.lease.attempt == message->attempt && i.lease.attempt != 0, errc::stale_receipt);
    const bool ended = message->state != MessageState::in_flight;
    // S32: nobody of its group has been leased since.
    require(
        !ended || !removes || !queue.fifo() || queue.groups.at(message->group).leases == message->group_lease,
        errc::stale_receipt);
    require(!ended || (verb != Verb::extend && !strict), errc::lease_expired);
    if (ended && !removes) return {.already_returned = true};  // S36
    return settle_latest(queue, *message, verb, i);
  }

  /// By the latest attempt: its lease lives, or has ended and the verb does not care (S32).
  ItemReply settle_latest(ModelQueue& queue, ModelMessage& message, Verb verb, const SettleItem& i) {
    if (verb == Verb::erase) {
      const bool told = tell(message, Fate::done, Cause::none, {}, i.result);
      remove(message, &QueueRow::deleted);
      return {.requester_gone = !told && !i.result.empty()};
    } else if (verb == Verb::reject) {
      remember_reason(message, i.reason);
      dead_letter(message, Cause::rejected);
    } else if (verb == Verb::release) {
      end_lease(message, false, Milliseconds(0));
    } else if (verb == Verb::extend && i.value_ms > 0) {
      return extend(queue, message, i.value_ms);
    } else {  // nack; extend(0) is a nack with delay 0
      remember_reason(message, i.reason);
      nack(queue, message, i.value_ms);
    }
    return {};
  }

  ItemReply extend(ModelQueue& queue, ModelMessage& message, std::int64_t duration_ms) const {
    const std::int64_t longest_us = (message.latest - model_.now.lease).count();
    const std::int64_t granted_us = duration_ms > longest_us / 1000 ? longest_us : duration_ms * 1000;
    for (auto& [position, m] : queue.messages) {  // S44
      const bool same = queue.fifo() && m.state == MessageState::in_flight && m.group == message.group;
      if (same || &m == &message) m.deadline = model_.now.lease + Microseconds(granted_us);
    }
    return {.granted_ms = granted_us / 1000};
  }

  /// -1: by policy, min(cap, base*factor^(count-1))*(1-jitter*h) (S36); jitter and rounding are left open.
  void nack(const ModelQueue& queue, ModelMessage& message, std::int64_t delay_ms) {
    if (delay_ms >= 0) return end_lease(message, true, Milliseconds(delay_ms));
    const auto& retry = queue.config.options.retry;
    const OpenQuestion question{OpenQuestion::retry, queue.config.id, message.id};
    const Sequence position = message.sequence;
    const double grown = std::pow(retry.factor_thousandths / 1000.0, message.receive_count - 1.0);
    const double most = std::min<double>(retry.cap.count(), retry.base.count() * grown);
    const double least = most * (1000 - retry.jitter_thousandths) / 1000;
    end_lease(message, true, Milliseconds(static_cast<std::int64_t>(most)));
    const auto* left = find(queue.config.id, position);
    if (least == std::floor(most) || left == nullptr || left->state != MessageState::delayed) return;
    auto& open = model_.open.emplace_back(question);
    open.due_min = model_.now.wall + Milliseconds(std::int64_t(least) - 1);
    open.due_max = model_.now.wall + Milliseconds(std::int64_t(most) + 1);
  }

  static void remember_reason(ModelMessage& message, Bytes reason) {
    if (reason.empty()) return;
    message.note.last_error = as_text(reason.first(std::min(reason.size(), limits::reason_size_max)));
  }

  // What operators say: kick (S67), cancel (S66), groups, windows (S78), purge (S8), parameters.

  Reply run(const engine::Kick& kick) {
    auto& queue = need(kick.queue);
    std::vector<Sequence> chosen;
    for (const MessageId id : kick.ids) {
      const auto* message = find_if(queue, [&](const auto& m) { return m.id == id; });
      if (message != nullptr) chosen.push_back(message->sequence);
    }
    std::map<std::pair<int, Sequence>, Sequence> parked;  // by lane, the highest first
    for (const auto& [position, m] : queue.messages) {
      if (m.state == MessageState::parked) parked[{-position.lane(), position}] = position;
    }
    for (const auto& [rank, position] : parked) {
      if (kick.ids.empty() && chosen.size() < kick.max_messages) chosen.push_back(position);
    }
    Reply reply;
    for (const Sequence position : chosen) {
      auto* message = named(kick.queue, position);
      if (message == nullptr || message->state != MessageState::parked) continue;
      message->state = MessageState::ready;
      message->receive_count = 0;
      look(queue, message->group);
      ++reply.count;
    }
    return reply;
  }

  Reply run(const engine::Cancel& cancel) {
    require_batch(cancel.ids.size(), limits::batch_max);
    auto& queue = need(cancel.queue);
    Reply reply;
    for (const MessageId id : cancel.ids) {
      reply.items.push_back(guarded<ItemReply>([&] { return cancel_one(queue, id); }));
      reply.items.back().id = id;
    }
    return reply;
  }

  ItemReply cancel_one(ModelQueue& queue, MessageId id) {
    auto* message = find_if(queue, [&](const auto& m) { return m.id == id; });
    if (message != nullptr) message = named(queue.config.id, message->sequence);
    if (message == nullptr) return {.already_gone = true};
    require(message->state != MessageState::in_flight, errc::lease_held);
    tell(*message, Fate::cancelled);
    const auto known = queue.memory.find(message->once);  // S17
    if (!message->once.empty() && known != queue.memory.end() && known->second.first == id)
      queue.memory.erase(known);
    remove(*message, &QueueRow::cancelled);
    return {};
  }

  Reply run(const engine::ChangeGroup& change) {
    using engine::GroupVerb;
    const std::string name(as_text(change.group_id));
    require_argument(within(name.size(), 1U, limits::group_id_size_max));
    auto& queue = need(change.queue);
    require(change.verb != GroupVerb::park || queue.fifo(), errc::not_supported);
    auto& changed = group(queue, name);
    auto* head = first_ready(queue, name);
    if (change.verb == GroupVerb::unpark && changed.parked && head != nullptr) head->receive_count = 0;
    const bool parks = change.verb == GroupVerb::park || change.verb == GroupVerb::unpark;
    (parks ? changed.parked : changed.paused) =
        change.verb == GroupVerb::park || change.verb == GroupVerb::pause;
    look(queue, name);
    return {};
  }

  Reply run(const engine::SetWindow& set) {
    auto& queue = need(set.queue);
    if (queue.config.options.windows.empty() || set.version != queue.config.version) return {};
    queue.window = ModelWindow{set.open, {}};
    for (const std::int64_t ms : set.turns_ms) queue.window->turns.push_back({ms});
    turn_window(queue, model_.now.wall);
    return {};
  }

  Reply run(const engine::Purge& purge) {
    auto& queue = need(purge.queue);
    Reply reply;
    reply.count = queue.messages.size();
    queue.totals.purged += reply.count;
    clear(queue);
    for (auto& [name, group] : queue.groups) {
      group.parked = false;
      look(queue, name);
    }
    return reply;
  }

  /// Who waits is told when the space is freed.
  void clear(ModelQueue& queue) {
    const auto told = effects_.outcomes;
    for (auto& [position, message] : queue.messages) tell(message, Fate::cancelled);
    effects_.outcomes = told;
    queue.messages.clear();
  }

  /// Idempotent: the catalog repeats it.
  Reply run(const engine::Configure& configure) {
    const auto& config = configure.config;
    auto* queue = find(config.id);
    if (configure.removed) {
      if (queue == nullptr) return {};
      effects_.deleted.push_back(config.id);
      clear(*queue);
      model_.queues.erase(config.id);
    } else if (queue == nullptr || queue->config.version < config.version) {
      change(model_.queues[config.id], config);
    }
    return {};
  }

  void change(ModelQueue& queue, const engine::QueueConfig& config) const {
    if (queue.config.options.windows.empty() || config.options.windows.empty()) queue.window.reset();
    const RateLimit& before = queue.config.options.rate;  // by which the bucket has filled
    const bool kept = before.per_second_thousandths > 0 && config.options.rate.per_second_thousandths > 0;
    if (kept) queue.bucket = ModelBucket{units(queue.bucket, before, model_.now.lease), model_.now.lease};
    if (!kept) queue.bucket.reset();
    if (queue.config.options.retention != config.options.retention) queue.retention_since = model_.now.wall;
    queue.config = config;
  }

  Reply run(const engine::NewEpoch& epoch) {
    model_.number_floor = std::max(model_.number_floor, epoch.number_floor);
    return {};
  }

  static Reply run(const engine::Tick&) { return {}; }
  static Reply run(const auto& /*command of the catalog*/) { throw Refused{errc::invalid_argument}; }

  SessionId session_;              // that asks
  std::uint64_t given_bytes_ = 0;  // by this receive
};

}  // namespace

engine::Effects ReferenceModel::apply(const engine::EntryView& entry) {
  open.clear();
  for (auto& [id, queue] : queues) queue.ages_before = queue.ages;
  return Entry(*this).apply(entry);
}

}  // namespace peerq::model
