#include "engine_fixture.hpp"

#include <algorithm>

namespace peerq::test {

void Shard::restart() { engine_ = std::make_unique<QueueEngine<NaiveTables>>(tables); }

std::vector<Reply> Shard::apply(std::vector<Command> commands) {
  EntryView entry;
  entry.header.stamps = now;
  entry.header.expiry_halted = halted;
  entry.header.storage_full = full;
  entry.commands = commands;
  engine_->apply(index = next(index), entry, effects);
  REQUIRE(effects.replies.size() == commands.size());
  if (check_every_entry) REQUIRE(broken_invariant(tables, now.wall) == "");
  return std::move(effects.replies);
}

Reply Shard::apply(CommandBody body) {
  std::vector<Command> commands(1);
  commands.front().body = std::move(body);
  return std::move(apply(std::move(commands)).front());
}

namespace {

template <class Row>
std::set<typename Row::Key> keys(const NaiveTables& tables) {
  std::set<typename Row::Key> out;
  for (const auto& [key, row] : tables.rows<Row>()) out.insert(key);
  return out;
}

/// What the messages' rows say the other tables must hold.
struct Expected {
  std::set<MessageKey> ready;
  std::set<MessageKey> parked;
  std::set<MessageKey> notes;
  std::set<AgedRow::Key> aged;
  std::set<LeaseDueRow::Key> lease_due;
  std::set<WallDueRow::Key> wall_due;
  std::map<ForeignRow::Key, Sequence> foreign;
  std::set<MessageId> payloads;
  std::map<AttemptRow::Key, std::set<Sequence>> attempts;
  std::map<QueueId, QueueRow> live;
  std::set<GroupOrderRow::Key> group_order;
  std::set<GroupFlightRow::Key> group_flights;
  std::map<GroupKey, GroupRow> groups;
  std::set<GroupTimerRow::Key> timers;

  void add(const MessageKey& key, const MessageRow& row, bool fifo) {
    const bool is_ready = row.state == MessageState::fresh || row.state == MessageState::ready;
    const auto level = fifo ? std::uint8_t{0} : row.priority;
    if (row.group != 0 && is_ready) group_order.insert({key.queue, row.group, level, key.sequence});
    if (row.group != 0 && fifo && row.state == MessageState::in_flight) {
      group_flights.insert({key.queue, row.group, key.sequence});
    }
    const MessageId id = row.id(key);
    payloads.insert(id);
    if (row.has_note) notes.insert(key);
    if (row.foreign_id.incarnation.value != 0) foreign[{key.queue, id}] = key.sequence;
    if (row.expires.ms != 0 && row.state != MessageState::in_flight) {
      wall_due.insert({row.expires, key.queue, key.sequence, WallDue::time_to_live});
    }
    if (row.state == MessageState::delayed)
      wall_due.insert({row.due, key.queue, key.sequence, WallDue::delay});
    if (row.state == MessageState::ready && row.group == 0) ready.insert(key);
    if (row.state == MessageState::parked) parked.insert(key);
    if (row.state == MessageState::ready || row.state == MessageState::parked) {
      aged.insert({key.queue, row.retention_base(), key.sequence});
    }
    if (row.state == MessageState::in_flight) lease_due.insert({row.deadline, key.queue, key.sequence});
    if (row.attempt_token != 0) attempts[{key.queue, row.attempt_token}].insert(key.sequence);
  }
};

void count_in_group(GroupRow& group, const MessageRow& row, bool fifo) {
  ++group.live;
  const bool is_ready = row.state == MessageState::fresh || row.state == MessageState::ready;
  if (is_ready) ++group.ready;
  if (is_ready) group.levels = static_cast<std::uint16_t>(group.levels | 1U << (fifo ? 0 : row.priority));
  if (row.state == MessageState::in_flight) ++group.in_flight;
}

/// Groups, their rings and timers; purged ones are void until somebody looks at them.
std::string check_groups(const NaiveTables& tables, Expected& expected) {
  std::set<RankRow::Key> ranks;
  std::map<QueueId, std::uint64_t> held;
  for (const auto& [key, row] : tables.rows<GroupRow>()) {
    const auto counters = tables.find<QueueRow>(QueueKey{key.queue});
    const std::string name = " of group " + row.name;
    if (!counters) return "no queue" + name;
    const auto named = tables.find<GroupNameRow>({key.queue, row.name});
    if (!named || named->group != key.group) return "the name" + name;
    if (row.held_until.ms != 0) {
      expected.wall_due.insert({row.held_until, key.queue, Sequence{key.group}, WallDue::group});
    }
    if (row.timer.us != 0) expected.timers.insert({row.timer, key.queue, key.group});
    if (row.purges != counters->purges) continue;
    const GroupRow& real = expected.groups[key];
    if (row.live != real.live) return "live" + name;
    if (row.ready != real.ready) return "ready" + name;
    if (row.in_flight != real.in_flight) return "in flight" + name;
    if (row.levels != real.levels) return "levels" + name;
    if (row.held != (row.ranks == 0 ? row.ready : 0)) return "held" + name;
    if (row.ranks != 0 && row.ready == 0) return "nothing to give" + name;
    held[key.queue] += row.held;
    for (std::uint8_t level = 0; level < limits::priority_count; ++level) {
      if ((row.ranks >> level & 1U) != 0) ranks.insert({key.queue, level, row.turn, key.group});
    }
  }
  for (const auto& [key, row] : expected.groups) {
    if (!tables.find<GroupRow>(key)) return "a message without its group";
  }
  for (const auto& [key, row] : tables.rows<QueueRow>()) {
    if (row.held != held[key.queue]) return "held of queue " + std::to_string(key.queue.value);
    if (row.timer.us != 0) expected.timers.insert({row.timer, key.queue, 0});
  }
  for (const auto& [key, row] : tables.rows<RedriveRow>()) {
    if (row.timer.us != 0) expected.timers.insert({row.timer, key.queue, ~std::uint64_t{0}});
    if (row.finished == (row.timer.us != 0)) return "a redrive that stands still";
  }
  std::set<RankRow::Key> found;
  for (const auto& [key, row] : tables.rows<RankRow>()) {
    if (key.turn > tables.find<QueueRow>(QueueKey{key.queue})->purged_turn) found.insert(key);
  }
  if (found != ranks) return "rank rows";
  for (const auto& [key, row] : tables.rows<WindowRow>()) {
    if (!row.turns.empty())
      expected.wall_due.insert({row.turns.front(), key.queue, Sequence{0}, WallDue::window});
  }
  if (tables.rows<GroupNameRow>().size() != tables.rows<GroupRow>().size()) return "group names";
  if (keys<GroupOrderRow>(tables) != expected.group_order) return "group order rows";
  if (keys<GroupFlightRow>(tables) != expected.group_flights) return "group flight rows";
  if (keys<GroupTimerRow>(tables) != expected.timers) return "group timers";
  return "";
}

std::string check_message(const MessageKey& key, const MessageRow& row, const LaneRow& lane,
                          const QueueRow& counters, const QueueConfig& config, WallTime wall) {
  const std::uint64_t number = key.sequence.number();
  const std::string name = " of message " + std::to_string(number);
  if (number == 0 || number >= lane.next) return "number out of its lane" + name;
  if (number < lane.reclaimed) return "row below what is reclaimed" + name;
  if (number < lane.horizon) return "";
  if (row.state == MessageState::fresh && number < lane.cursor) return "fresh behind the cursor" + name;
  const bool flying = row.state == MessageState::in_flight;
  if (!flying && (row.attempt_token != 0 || row.deadline.us != 0 || row.latest_deadline.us != 0))
    return "lease left" + name;
  if (row.receive_count > row.attempt) return "more receives than attempts" + name;
  const bool ages = !flying && row.state != MessageState::delayed;
  if (ages && config.options.retention) {
    const WallTime end = std::max(row.retention_base() + *config.options.retention, wall);
    if (counters.retention_timer.ms == 0 || counters.retention_timer > end)
      return "retention timer late" + name;
  }
  return "";
}

/// Exact ones and those in buckets; a timer twice, or in a wrong bucket, makes the set another one.
std::set<WallDueRow::Key> timers(const NaiveTables& tables) {
  std::set<WallDueRow::Key> out = keys<WallDueRow>(tables);
  for (const auto& [key, row] : tables.rows<FarDueRow>()) {
    const auto message = tables.find<MessageRow>({key.queue, key.sequence});
    if (!message) return {};
    const WallTime at = key.kind == WallDue::delay ? message->due : message->expires;
    const bool fits = FarDueRow::bucket_of(at) == key.bucket;
    if (!fits || !out.insert({at, key.queue, key.sequence, key.kind}).second) return {};
  }
  return out;
}

/// Schedules and outcomes have their due rows, and nothing else has.
std::string check_calendar(const NaiveTables& tables) {
  std::set<ScheduleDueRow::Key> runs;
  std::uint64_t schedules = 0;
  for (const auto& [key, row] : tables.rows<ScheduleRow>()) {
    ++schedules;
    if (!row.runs.empty()) runs.insert({row.runs.front(), key.queue, key.name});
    if (!std::is_sorted(row.runs.begin(), row.runs.end())) return "runs of " + key.name;
  }
  if (runs != keys<ScheduleDueRow>(tables)) return "schedule due rows";
  const auto count = tables.find<ScheduleCountRow>(SingleKey{});
  if ((count ? count->count : 0) != schedules) return "number of schedules";
  std::set<OutcomeDueRow::Key> ends;
  for (const auto& [key, row] : tables.rows<OutcomeRow>()) ends.insert({row.until, key.id});
  if (ends != keys<OutcomeDueRow>(tables)) return "outcome due rows";
  return "";
}

/// Counters are what the messages say, and add up.
std::string check_counters(const NaiveTables& tables, Expected& expected) {
  for (const auto& [key, row] : tables.rows<QueueRow>()) {
    const QueueRow& live = expected.live[key.queue];
    const std::string name = " of queue " + std::to_string(key.queue.value);
    if (row.ready != live.ready) return "ready" + name;
    if (row.delayed != live.delayed) return "delayed" + name;
    if (row.in_flight != live.in_flight) return "in flight" + name;
    if (row.parked != live.parked) return "parked" + name;
    if (row.bytes != live.bytes) return "bytes" + name;
    if (row.moving != live.moving || row.moving_bytes != live.moving_bytes) return "moving" + name;
    if (row.sent + row.arrived != row.live() + row.deleted + row.expired + row.dead_lettered + row.purged +
                                      row.cancelled + row.dropped + row.redriven) {
      return "what came in is not what is there and what went out" + name;
    }
    if (row.retention_timer.ms != 0) {
      expected.wall_due.insert({row.retention_timer, key.queue, Sequence{0}, WallDue::retention});
    }
  }
  return "";
}

}  // namespace

std::string broken_invariant(const NaiveTables& tables, WallTime wall) {
  Expected expected;
  for (const auto& [key, row] : tables.rows<MessageRow>()) {
    const auto lane = tables.find<LaneRow>({key.queue, key.sequence.lane()});
    const auto counters = tables.find<QueueRow>(QueueKey{key.queue});
    const auto config = tables.find<ConfigRow>(QueueKey{key.queue});
    if (!lane || !counters || !config) return "a message without lane, counters or parameters";
    const bool fifo = config->config.options.type == QueueType::fifo;
    expected.add(key, row, fifo);
    std::string wrong = check_message(key, row, *lane, *counters, config->config, wall);
    if (!wrong.empty()) return wrong;
    if (key.sequence.number() < lane->horizon) continue;
    if (row.group != 0) count_in_group(expected.groups[{key.queue, row.group}], row, fifo);
    QueueRow& live = expected.live[key.queue];
    live.bytes += row.counted_bytes;
    switch (row.state) {
      case MessageState::fresh:
      case MessageState::ready: ++live.ready; break;
      case MessageState::delayed: ++live.delayed; break;
      case MessageState::in_flight: ++live.in_flight; break;
      case MessageState::parked: ++live.parked; break;
      case MessageState::moving: ++live.moving; break;
    }
  }
  for (const auto& [key, row] : tables.rows<MovingRow>()) {
    QueueRow& live = expected.live[key.queue];
    ++live.moving;
    live.moving_bytes += row.counted_bytes;
    expected.payloads.insert(row.id);
  }
  if (std::string wrong = check_counters(tables, expected); !wrong.empty()) return wrong;
  for (const auto& [key, row] : tables.rows<LaneRow>()) {
    if (row.reclaimed > row.horizon || row.horizon > row.cursor || row.cursor > row.next)
      return "lane out of order";
  }
  if (std::string wrong = check_groups(tables, expected); !wrong.empty()) return wrong;
  if (std::string wrong = check_calendar(tables); !wrong.empty()) return wrong;
  if (keys<ReadyRow>(tables) != expected.ready) return "ready rows";
  if (keys<ParkedRow>(tables) != expected.parked) return "parked rows";
  if (keys<NoteRow>(tables) != expected.notes) return "note rows";
  if (keys<AgedRow>(tables) != expected.aged) return "aged rows";
  if (keys<LeaseDueRow>(tables) != expected.lease_due) return "lease due rows";
  if (timers(tables) != expected.wall_due) return "wall due rows";
  std::map<ForeignRow::Key, Sequence> foreign;
  for (const auto& [key, row] : tables.rows<ForeignRow>()) foreign[key] = row.sequence;
  if (foreign != expected.foreign) return "foreign rows";
  std::set<MessageId> payloads;
  for (const auto& [id, bytes] : tables.payloads()) payloads.insert(id);
  if (payloads != expected.payloads) return "payloads";
  std::map<AttemptRow::Key, std::set<Sequence>> attempts;
  for (const auto& [key, row] : tables.rows<AttemptRow>()) {
    attempts[key] = {row.leased.begin(), row.leased.end()};
    if (!tables.find<AttemptIdRow>({key.queue, row.attempt_id})) return "attempt without its id";
  }
  if (attempts != expected.attempts) return "attempt rows";
  for (const auto& [key, row] : tables.rows<AttemptIdRow>()) {
    if (!tables.find<AttemptRow>({key.queue, row.token})) return "attempt id without an attempt";
  }
  return "";
}

}  // namespace peerq::test
