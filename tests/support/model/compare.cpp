#include "support/model/compare.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <sstream>
#include <variant>

#include "peerq/engine/layout.hpp"

namespace peerq::model {

using engine::Command;
using engine::MessageState;

namespace {

using model::show;

std::string show(Sequence sequence) {
  return sequence.lane() == limits::priority_default
             ? fmt::format("{}", sequence.number())
             : fmt::format("{}/{}", sequence.lane(), sequence.number());
}

std::string show(QueueId queue) { return fmt::format("q{}", queue.value & 0xffffffff); }
std::string show(MessageId id) { return show(id.incarnation) + "#" + show(id.sequence); }
std::string show(engine::LeaseRef lease) { return fmt::format("{}@{}", show(lease.sequence), lease.attempt); }

std::string text(Bytes bytes) {
  std::string out(as_text(bytes).substr(0, 12));
  for (char& c : out) c = c < ' ' || c > '~' ? '.' : c;
  return bytes.size() > 12 ? fmt::format("{}..({})", out, bytes.size()) : out;
}

std::string_view name(engine::Verb verb) {
  constexpr std::string_view names[] = {"erase", "extend", "nack", "release", "reject"};
  return names[static_cast<std::size_t>(verb)];
}

std::string_view name(MessageState state) {
  constexpr std::string_view names[] = {"ready", "delayed", "ready", "in_flight", "parked", "moving"};
  return names[static_cast<std::size_t>(state)];
}

std::string show(const engine::NoteRow& note) {
  if (note == engine::NoteRow{}) return "-";
  return fmt::format("[cause {} error '{}' source {} {} origin {} {} attempts {} at {}]",
                     static_cast<int>(note.cause), text(as_bytes(note.last_error)), show(note.source),
                     note.source_name, show(note.origin), note.origin_name, note.attempts,
                     note.dead_lettered_at.ms);
}

std::string payload_text(const engine::Payload& payload) {
  if (payload.cold == nullptr) return std::string(as_text(payload.bytes.bytes()));
  auto fetched = payload.cold->fetch();
  return fetched ? std::string(as_text(fetched->bytes())) : "unreadable: " + fetched.error().text();
}

std::string show(const engine::Grant& grant) {
  engine::NoteRow note;
  const bool readable = grant.note.empty() || engine::decode_row(as_bytes(grant.note), note);
  return fmt::format("{} {} id {} group '{}' count {} deadline {} sent {} source {} note {} body {}",
                     show(grant.queue), show(grant.lease), show(grant.id), grant.group_id,
                     grant.receive_count, grant.deadline.us, grant.first_sent.ms, show(grant.source),
                     readable ? show(note) : "unreadable", text(as_bytes(payload_text(grant.payload))));
}

std::string show(const engine::ItemReply& item) {
  return fmt::format("{} id {} granted {}{}{}{}{}", name_of(item.code), show(item.id), item.granted_ms,
                     item.already_gone ? " gone" : "", item.already_returned ? " returned" : "",
                     item.deduplicated ? " deduplicated" : "", item.requester_gone ? " nobody waits" : "");
}

struct ShowCommand {
  std::string operator()(const engine::Tick&) const { return "tick"; }
  std::string operator()(const engine::Send& send) const {
    return fmt::format("send {}{}", show(send.queue), send.atomic ? " atomic" : "") + list(send.items);
  }
  std::string operator()(const engine::Transact& transact) const {
    std::string out = "transact";
    for (const auto& part : transact.parts)
      out += fmt::format(" {}: erase{} send{};", show(part.queue), list(part.erases), list(part.sends));
    return out;
  }
  std::string operator()(const engine::ReceiveSeveral& r) const {
    std::string out = fmt::format("receive from several max {} bytes {} visibility {}:", r.max_messages,
                                  r.max_bytes, r.visibility_ms);
    for (const auto& [queue, weight] : r.queues) out += fmt::format(" {} x {}", show(queue), weight);
    return out;
  }
  std::string operator()(const engine::OpenSession& open) const {
    return fmt::format("open session {}", open.session.value);
  }
  std::string operator()(const engine::CloseSession& close) const {
    return fmt::format("close session {}", close.session.value);
  }
  std::string operator()(const engine::Receive& r) const {
    return fmt::format("receive {} max {} bytes {} visibility {}{}{} attempt_id '{}'", show(r.queue),
                       r.max_messages, r.max_bytes, r.visibility_ms, r.erase ? " erase" : "",
                       r.bind_to_session ? " bound" : "", text(r.attempt_id));
  }
  std::string operator()(const engine::Settle& settle) const {
    return fmt::format("{} {}", name(settle.verb), show(settle.queue)) + list(settle.items);
  }
  std::string operator()(const engine::Kick& kick) const {
    std::string out = fmt::format("kick {} max {}", show(kick.queue), kick.max_messages);
    for (const auto& id : kick.ids) out += " " + show(id);
    return out;
  }
  std::string operator()(const engine::Purge& purge) const { return "purge " + show(purge.queue); }
  std::string operator()(const engine::Configure& configure) const {
    const auto& c = configure.config;
    const auto& o = c.options;
    if (configure.removed) return fmt::format("remove {} version {}", show(c.id), c.version);
    return fmt::format(
        "configure {} version {} '{}' dead_letter {} expired {} paused {} size {} messages {} bytes {} "
        "visibility {} lease {} delay {} ttl {} retention {} receives {} retry {}/{}/{}/{} in_flight {}{}",
        show(c.id), c.version, c.name, show(c.dead_letter), o.dead_letter_expired, c.paused,
        o.max_message_size, o.max_messages.value_or(9999), o.max_bytes.value_or(9999),
        o.visibility_timeout.count(), o.max_lease_time.count(), o.delay.count(),
        o.time_to_live.value_or(Milliseconds(-1)).count(), o.retention.value_or(Milliseconds(-1)).count(),
        o.max_receives, o.retry.base.count(), o.retry.cap.count(), o.retry.factor_thousandths,
        o.retry.jitter_thousandths, o.max_in_flight, groups(o));
  }
  std::string operator()(const engine::CreateQueue& c) const {
    return fmt::format("create '{}' {}", c.name, options(c.options));
  }
  std::string operator()(const engine::UpdateQueue& c) const {
    return fmt::format("update '{}' {} {}", c.name, show(c.queue), options(c.options));
  }
  std::string operator()(const engine::PauseQueue& c) const {
    return fmt::format("pause '{}' {} {}", c.name, show(c.queue), c.paused);
  }
  std::string operator()(const engine::DeleteQueue& c) const {
    return fmt::format("delete '{}' {}{}", c.name, show(c.queue), c.force ? " force" : "");
  }
  std::string operator()(const engine::Configured& c) const {
    return fmt::format("configured {} version {}", show(c.queue), c.version);
  }
  std::string operator()(const engine::NewEpoch& c) const {
    return fmt::format("new epoch from {}", c.number_floor);
  }
  std::string operator()(const engine::Cancel& cancel) const {
    std::string out = fmt::format("cancel {}", show(cancel.queue));
    for (const auto& id : cancel.ids) out += " " + show(id);
    return out;
  }
  std::string operator()(const engine::ChangeGroup& change) const {
    constexpr std::string_view verbs[] = {"pause", "resume", "park", "unpark"};
    return fmt::format("{} {} group '{}'", verbs[static_cast<std::size_t>(change.verb)], show(change.queue),
                       text(change.group_id));
  }
  std::string operator()(const engine::SetWindow& window) const {
    return fmt::format("window {} version {} {}{}", show(window.queue), window.version,
                       window.open ? "open" : "closed", times(window.turns_ms));
  }
  std::string operator()(const engine::StartRedrive& start) const {
    return fmt::format("redrive {} to {} causes {} source {} rate {} max {}", show(start.queue),
                       show(start.target), start.causes, show(start.source), start.rate, start.max_messages);
  }
  std::string operator()(const engine::StopRedrive& stop) const { return "stop redrive " + show(stop.queue); }
  std::string operator()(const engine::Arrive& a) const {
    return fmt::format(
        "arrive {} id {} from {} transfer {} after {} bytes {} priority {} ttl {}{} group '{}'",
        show(a.queue), show(a.id), show(a.from), a.transfer, a.after, a.counted_bytes, a.priority,
        a.time_to_live_ms, a.redriven ? " redriven" : "", text(a.group_id));
  }
  std::string operator()(const engine::Moved& moved) const {
    return fmt::format("moved {} to {} transfer {} {}", show(moved.queue), show(moved.target), moved.transfer,
                       name_of(moved.refused));
  }
  std::string operator()(const engine::PutSchedule& put) const {
    return fmt::format("schedule {} '{}' missed {} runs{}", show(put.queue), put.name,
                       static_cast<int>(put.missed), times(put.runs_ms)) +
           list({&put.item, 1});
  }
  std::string operator()(const engine::ExtendSchedule& extend) const {
    return fmt::format("extend schedule {} '{}' version {} runs{}", show(extend.queue), extend.name,
                       extend.version, times(extend.runs_ms));
  }
  std::string operator()(const engine::RemoveSchedule& removed) const {
    return fmt::format("remove schedule {} '{}'", show(removed.queue), removed.name);
  }

 private:
  static std::string times(std::span<const std::int64_t> times) {
    std::string out;
    for (const std::int64_t time : times) out += fmt::format(" {}", time);
    return out;
  }
  static std::string list(std::span<const engine::SendItem> items) {
    std::string out;
    for (const auto& item : items) {
      out += fmt::format(
          " ({} bytes {}{} due {} ttl {}{}{}{})", text(item.payload), item.counted_bytes,
          item.priority == limits::priority_default ? "" : fmt::format(" priority {}", item.priority),
          item.due.ms, item.time_to_live_ms,
          item.group_id.empty() ? "" : fmt::format(" group '{}'", text(item.group_id)),
          item.deduplication_id.empty() ? "" : fmt::format(" once '{}'", text(item.deduplication_id)),
          item.outcome_until.ms == 0 ? "" : fmt::format(" awaited until {}", item.outcome_until.ms));
    }
    return out;
  }
  static std::string list(std::span<const engine::SettleItem> items) {
    std::string out;
    for (const auto& item : items)
      out += fmt::format(" ({} value {} reason '{}' result '{}')", show(item.lease), item.value_ms,
                         text(item.reason), text(item.result));
    return out;
  }
  /// What differs from the defaults.
  static std::string groups(const QueueOptions& o) {
    std::string out;
    if (o.type == QueueType::fifo) out += " fifo";
    if (o.poison == Poison::park_group) out += " park_group";
    if (o.priority_mode == PriorityMode::weighted) {
      out += " weighted";
      for (const auto weight : o.weights) out += fmt::format(" {}", weight);
    }
    if (o.priority_aging.count() > 0) out += fmt::format(" aging {}", o.priority_aging.count());
    if (o.max_in_flight_per_group > 0) out += fmt::format(" per group {}", o.max_in_flight_per_group);
    for (const auto* limit : {&o.rate, &o.group_rate}) {
      if (limit->per_second_thousandths == 0) continue;
      out += fmt::format(" {}rate {}/{}", limit == &o.rate ? "" : "group ", limit->per_second_thousandths,
                         limit->burst);
    }
    if (!o.windows.empty()) out += " windows";
    if (o.overflow == Overflow::drop_oldest) out += " drop_oldest";
    if (o.overflow == Overflow::block) out += " block";
    if (o.deduplication_window != limits::deduplication_window_default)
      out += fmt::format(" deduplication {}", o.deduplication_window.count());
    return out;
  }
  static std::string options(const QueueOptions& o) {
    return fmt::format("[durability {} dead_letter '{}' messages {} visibility {} receives {} tags {}]",
                       static_cast<int>(o.durability), o.dead_letter_queue, o.max_messages.value_or(9999),
                       o.visibility_timeout.count(), o.max_receives, o.tags.size());
  }
};

template <class T>
std::string compare_lists(std::string_view what, const std::vector<T>& expected,
                          const std::vector<T>& actual) {
  for (std::size_t i = 0; i < std::max(expected.size(), actual.size()); ++i) {
    const std::string model = i < expected.size() ? show(expected[i]) : "nothing";
    const std::string system = i < actual.size() ? show(actual[i]) : "nothing";
    if (model != system) return fmt::format("{} {}: model {}, system {}", what, i, model, system);
  }
  return {};
}

bool same(const engine::ItemReply& a, const engine::ItemReply& b) {
  return a.code == b.code && a.id == b.id && a.granted_ms == b.granted_ms &&
         a.already_gone == b.already_gone && a.already_returned == b.already_returned &&
         a.deduplicated == b.deduplicated && a.requester_gone == b.requester_gone;
}

bool same_bytes(const engine::Payload& a, const engine::Payload& b) {
  if (a.cold == nullptr && b.cold == nullptr) return equal(a.bytes.bytes(), b.bytes.bytes());
  return payload_text(a) == payload_text(b);
}

bool same(const engine::Grant& a, const engine::Grant& b) {
  return a.lease == b.lease && a.id == b.id && a.receive_count == b.receive_count &&
         a.deadline == b.deadline && a.first_sent == b.first_sent && a.note == b.note &&
         a.source == b.source && a.group_id == b.group_id && a.queue == b.queue &&
         same_bytes(a.payload, b.payload);
}

template <class T>
bool all_same(const std::vector<T>& a, const std::vector<T>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const T& x, const T& y) { return same(x, y); });
}

std::string compare_replies(const engine::Reply& expected, const engine::Reply& actual,
                            const Command& command) {
  // A shard that has reclaimed a deleted queue cannot tell it from one that never was.
  const bool forgotten = expected.code == errc::queue_deleted && actual.code == errc::queue_not_found;
  if (expected.code != actual.code && !forgotten) {
    return fmt::format("code: model {}, system {} '{}'", name_of(expected.code), name_of(actual.code),
                       actual.detail);
  }
  if (expected.code != errc::ok) return {};
  if (!std::holds_alternative<engine::Kick>(command.body) && !all_same(expected.items, actual.items)) {
    if (auto found = compare_lists("item", expected.items, actual.items); !found.empty()) return found;
  }
  if (!all_same(expected.grants, actual.grants)) {
    if (auto found = compare_lists("grant", expected.grants, actual.grants); !found.empty()) return found;
  }
  if (expected.skipped != actual.skipped) return "skipped differs";
  if (expected.count != actual.count) {
    return fmt::format("count: model {}, system {}", expected.count, actual.count);
  }
  return {};
}

std::map<std::pair<engine::EventKind, QueueId>, std::uint64_t> sums(
    const std::vector<engine::Event>& events) {
  std::map<std::pair<engine::EventKind, QueueId>, std::uint64_t> sums;
  for (const auto& event : events) {
    if (event.count > 0) sums[{event.kind, event.queue}] += event.count;
  }
  return sums;
}

std::string compare_effects(const engine::Effects& expected, const engine::Effects& actual) {
  for (const QueueId queue : expected.ready) {
    if (std::find(actual.ready.begin(), actual.ready.end(), queue) == actual.ready.end()) {
      return fmt::format("{} has more to deliver, but the effects do not say that it is ready", show(queue));
    }
  }
  for (const QueueId queue : expected.deleted) {
    if (std::find(actual.deleted.begin(), actual.deleted.end(), queue) == actual.deleted.end()) {
      return fmt::format("the effects do not say that {} is deleted", show(queue));
    }
  }
  for (const QueueId queue : expected.moving) {
    if (std::find(actual.moving.begin(), actual.moving.end(), queue) == actual.moving.end()) {
      return fmt::format("the effects do not say that messages of {} wait to be moved", show(queue));
    }
  }
  for (const MessageId id : expected.outcomes) {
    if (std::find(actual.outcomes.begin(), actual.outcomes.end(), id) == actual.outcomes.end()) {
      return fmt::format("the effects do not say that the outcome of {} is there", show(id));
    }
  }
  if (expected.events.empty() && actual.events.empty()) return {};
  const auto model = sums(expected.events);
  const auto system = sums(actual.events);
  for (const auto* side : {&model, &system}) {
    for (const auto& [key, count] : *side) {
      const auto get = [&](const auto& map) { return map.contains(key) ? map.at(key) : 0; };
      if (get(model) == get(system)) continue;
      return fmt::format("event {} of {}: model {}, system {}", static_cast<int>(key.first), show(key.second),
                         get(model), get(system));
    }
  }
  return {};
}

std::string show(const engine::RedriveRow& r) {
  return fmt::format(
      "redrive to {} source {} causes {} rate {} left {} moved {} skipped {} failed {} "
      "{}{}\n",
      show(r.target), show(r.source), r.causes, r.rate, r.left, r.moved, r.skipped, r.failed, r.started.ms,
      r.finished ? " finished" : "");
}

std::string show(const std::string& name, const engine::ScheduleRow& s) {
  std::string out = fmt::format(
      "schedule '{}' version {} '{}' '{}' missed {} anchor {} bytes {} priority {} ttl {} group '{}' last {} "
      "sent {} lost {} missed {} caught up {}{}, runs",
      name, s.version, s.specification, s.zone, static_cast<int>(s.missed), s.anchor.ms, s.counted_bytes,
      s.priority, s.time_to_live_ms, s.group, s.last.ms, s.sent, s.lost, s.missed_runs, s.caught_up,
      s.owes_one ? " owes one" : "");
  for (const WallTime run : s.runs) out += fmt::format(" {}", run.ms);
  return out + " " + text(as_bytes(s.payload)) + "\n";
}

std::string show(const engine::MovingMessage& moving) {
  const auto& m = moving.row;
  return fmt::format(
      "moving {} to {} transfer {} after {} id {} bytes {} attempt {} count {} priority {} arrived {} "
      "sent {} ttl {}{} group '{}' note {} body {}\n",
      show(moving.key.queue), show(moving.key.target), moving.key.transfer, m.after, show(m.id),
      m.counted_bytes, m.attempt, m.receive_count, m.priority, m.arrived.ms, m.first_sent.ms,
      m.time_to_live_ms, m.redriven ? " redriven" : "", m.group, show(m.note),
      text(as_bytes(payload_text(moving.payload))));
}

std::string show(MessageId id, const engine::OutcomeRow* row) {
  if (row == nullptr) return fmt::format("outcome of {}: nobody waits\n", show(id));
  // Which of the two times came first is open.
  const auto cause = row->fate == engine::Fate::expired ? engine::Cause::none : row->cause;
  return fmt::format("outcome of {}: fate {} cause {} error '{}' result '{}' until {}\n", show(id),
                     static_cast<int>(row->fate), static_cast<int>(cause), row->error,
                     text(as_bytes(row->result)), row->until.ms);
}

std::string header_line(const engine::QueueConfig& config, engine::QueueFacts facts) {
  facts.oldest.reset();  // compared with its leeway, in check_counters
  return fmt::format("{} '{}' version {} paused {} {}\n", show(config.id), config.name, config.version,
                     config.paused, show(facts));
}

/// Without groups and priorities what comes next is in the order of the sequence.
bool plain(const std::vector<engine::MessageInfo>& messages) {
  return std::all_of(messages.begin(), messages.end(),
                     [](const auto& message) { return message.sequence.lane() == limits::priority_default; });
}

/// What the model keeps too, in its words.
engine::MessageInfo canonical(engine::MessageInfo message) {
  if (message.state == MessageState::fresh) message.state = MessageState::ready;
  if (message.state != MessageState::delayed) message.due = {};
  if (message.state != MessageState::in_flight) message.lease_left_ms = 0;
  return message;
}

std::vector<engine::MessageInfo> all_pages(System& system, engine::PageRequest request, Stamps now) {
  std::vector<engine::MessageInfo> all;
  for (int i = 0; i < 200; ++i) {
    auto page = system.page(request, now);
    if (!page) {
      all.push_back({});
      break;
    }
    for (auto& message : page->messages) all.push_back(canonical(std::move(message)));
    if (!page->next) break;
    request.after = *page->next;
  }
  return all;
}

}  // namespace

std::string difference(const engine::Effects& expected, const engine::Effects& actual,
                       std::span<const Command> commands) {
  if (actual.replies.size() != commands.size()) {
    return fmt::format("{} replies to {} commands", actual.replies.size(), commands.size());
  }
  for (std::size_t i = 0; i < commands.size(); ++i) {
    const auto found = compare_replies(expected.replies[i], actual.replies[i], commands[i]);
    if (!found.empty()) return fmt::format("command {}: {}", i, found);
  }
  return compare_effects(expected, actual);
}

std::string show(const engine::EntryHeader& header, std::span<const Command> commands) {
  std::string out = fmt::format("entry lease {} wall {}{}", header.stamps.lease.us, header.stamps.wall.ms,
                                header.expiry_halted ? " halted" : "");
  for (const auto& command : commands) {
    out += "\n  " + std::visit(ShowCommand{}, command.body);
    const auto& origin = command.origin;
    if (origin.session.value != 0)
      out += fmt::format(" [session {} sequence {}]", origin.session.value, origin.sequence);
  }
  return out;
}

std::string show(const engine::Reply& reply) {
  std::string out =
      fmt::format("{} count {}{}", name_of(reply.code), reply.count, reply.skipped ? " skipped" : "");
  for (const auto& item : reply.items) out += "\n      " + show(item);
  for (const auto& grant : reply.grants) out += "\n      " + show(grant);
  return out;
}

std::string show(const engine::MessageInfo& message) {
  return fmt::format(
      "{} id {} {} bytes {} attempt {} count {} sent {} arrived {} due {} expires {} left {} note {} body {}",
      show(message.sequence), show(message.id), name(message.state), message.counted_bytes, message.attempt,
      message.receive_count, message.first_sent.ms, message.arrived.ms, message.due.ms, message.expires.ms,
      message.lease_left_ms, show(message.note), text(as_bytes(payload_text(message.payload))));
}

std::string show(engine::Explanation explanation) {
  constexpr std::string_view kinds[] = {"paused",       "window_closed", "in_flight_cap", "rate",
                                        "delayed",      "in_flight",     "parked",        "expired",
                                        "group_leased", "group_delayed", "group_cap",     "group_rate",
                                        "group_paused", "group_parked",  "group_order"};
  std::string out = fmt::format("{} group '{}'", name(explanation.state), explanation.group_id);
  std::sort(explanation.holds.begin(), explanation.holds.end(),
            [](const auto& a, const auto& b) { return a.kind < b.kind; });
  for (const auto& hold : explanation.holds) {
    out += fmt::format(", {} until {} left {} lease {}", kinds[static_cast<std::size_t>(hold.kind)],
                       hold.until.ms, hold.left_ms, show(hold.lease));
  }
  return out;
}

std::string show(const engine::GroupInfo& group) {
  return fmt::format("group '{}' live {} ready {} in_flight {}{}{}{} until {}", group.group_id, group.live,
                     group.ready, group.in_flight, group.open ? " open" : "", group.paused ? " paused" : "",
                     group.parked ? " parked" : "", group.held_until.ms);
}

std::string show(const engine::QueueFacts& facts) {
  const auto& c = facts.counters;
  return fmt::format(
      "ready {} delayed {} in_flight {} parked {} moving {} bytes {} sent {} arrived {} received {} "
      "redelivered {} deleted {} expired {} dead_lettered {} purged {} cancelled {} dropped {} redriven {} "
      "moving_bytes {} held {} "
      "cap {} paused {} oldest {}",
      c.ready, c.delayed, c.in_flight, c.parked, c.moving, c.bytes, c.sent, c.arrived, c.received,
      c.redelivered, c.deleted, c.expired, c.dead_lettered, c.purged, c.cancelled, c.dropped, c.redriven,
      c.moving_bytes, c.held, facts.at_in_flight_cap, facts.paused, facts.oldest.value_or(WallTime{}).ms);
}

std::string dump(const ReferenceModel& model) {
  std::string out;
  for (const auto& [queue, state] : model.queues) {
    const auto messages = model.list(queue);
    out += header_line(*model.config(queue), model.facts(queue));
    for (const auto& message : messages) out += "  " + show(canonical(message)) + "\n";
    out += "  next:";
    for (const auto& message : messages) {
      if (message.state == MessageState::ready && plain(messages)) out += " " + show(message.sequence);
    }
    for (const auto& message : messages)
      out += "\n  by id " + show(message.id) + " at " + show(message.sequence);
    out += "\n";
    if (state.redrive) out += show(static_cast<const engine::RedriveRow&>(*state.redrive));
    for (const auto& [name, schedule] : state.schedules) out += show(name, schedule);
  }
  for (const auto& [key, moving] : model.moving) out += show(moving_of(key, moving));
  return out;
}

std::string dump(System& system, Stamps now, std::size_t page) {
  std::string out;
  auto queues = system.queues();
  std::sort(queues.begin(), queues.end());
  for (const QueueId queue : queues) {
    const auto* config = system.config(queue);
    const auto facts = system.facts(queue, now);
    if (config == nullptr || !facts) return out + show(queue) + " cannot be shown\n";
    out += header_line(*config, *facts);
    engine::PageRequest request;
    request.queue = queue;
    request.max_messages = page;
    const auto messages = all_pages(system, request, now);
    for (const auto& message : messages) out += "  " + show(message) + "\n";
    request.deliverable_only = true;
    request.with_payload = false;
    out += "  next:";
    for (const auto& message : all_pages(system, request, now)) {
      if (plain(messages)) out += " " + show(message.sequence);
    }
    for (const auto& message : messages) {
      const auto found = system.get(queue, message.id, now);
      out += "\n  by id " + show(message.id) + (found ? " at " + show(found->sequence) : " missing");
    }
    out += "\n";
    const auto redrive = system.redrive(queue);
    if (redrive && *redrive) out += show(**redrive);
    const auto schedules = system.schedules(queue, "", 100);
    if (!schedules) return out + "schedules cannot be shown\n";
    for (const auto& schedule : *schedules) out += show(schedule.name, schedule.row);
  }
  for (const QueueId queue : system.queues_moving())
    for (const auto& moving : system.moving(queue, 1000)) out += show(moving);
  return out;
}

std::string outcomes(const std::set<MessageId>& ids, const ReferenceModel& model) {
  std::string out;
  for (const MessageId id : ids) {
    const auto at = model.outcomes.find(id);
    out += show(id, at == model.outcomes.end() ? nullptr : &at->second);
  }
  return out;
}

std::string outcomes(const std::set<MessageId>& ids, System& system) {
  std::string out;
  for (const MessageId id : ids) {
    const auto found = system.outcome(id);
    out += show(id, found ? &*found : nullptr);
  }
  return out;
}

std::string first_difference(const std::string& expected, const std::string& actual) {
  if (expected == actual) return {};
  std::istringstream model(expected);
  std::istringstream system(actual);
  std::string a;
  std::string b;
  while (true) {
    const bool more_a = static_cast<bool>(std::getline(model, a));
    const bool more_b = static_cast<bool>(std::getline(system, b));
    if (!more_a) a = "nothing";
    if (!more_b) b = "nothing";
    if (a != b || (!more_a && !more_b)) return "state:\n    model  " + a + "\n    system " + b;
  }
}

}  // namespace peerq::model
