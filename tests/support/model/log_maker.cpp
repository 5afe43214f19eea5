#include "support/model/log_maker.hpp"

#include <algorithm>
#include <utility>
#include <variant>

#include "peerq/base/limits.hpp"
#include "peerq/engine/layout.hpp"

namespace peerq::model {

using engine::Verb;

namespace {

constexpr std::size_t receipts_kept = 40;
constexpr std::size_t messages_aim = 24;
constexpr std::size_t bodies_kept = 32;

}  // namespace

LogMaker::LogMaker(const ReferenceModel& model, System& system)
    : model_(model), system_(system), names_(name_count), next_queue_((std::uint64_t{7} << 32) + 1) {
  header_.stamps = {{1'000'000}, {50'000'000}};
  header_.proposer = PeerId(1);
  for (std::size_t i = 0; i < bodies_kept; ++i) {
    const std::string body = "body " + std::to_string(i) + std::string(i % 13, '.');
    bodies_.emplace_back(system.message(body), static_cast<std::uint32_t>(body.size()));
  }
}

void LogMaker::begin(Dice& dice) {
  auto& now = header_.stamps;
  auto due = model_.next_due();
  due.lease = std::min(due.lease, model_.next_token());
  if (dice.chance(30)) {
    const std::int64_t to_due = due.lease == LeaseTime::never() ? 1000 : (due.lease - now.lease).count();
    now.lease.us += std::max<std::int64_t>(
        0, dice.pick<std::int64_t>({1, 300, 1000, 3000, 7000, 20'000, 120'000, 2'000'000, to_due, to_due,
                                    to_due, to_due - 1, to_due + 1}));
  }
  const WallTime before = now.wall;
  if (dice.chance(40)) {
    const std::int64_t to_due = due.wall == WallTime::never() ? 1 : (due.wall - now.wall).count();
    now.wall.ms += std::max<std::int64_t>(0, dice.pick<std::int64_t>({1, 3, 10, 30, 100, 700, to_due, to_due,
                                                                      to_due - 1, to_due + 1, 2500, 60'000}));
  }
  // What expires does so in an order that is left open: no run of a schedule drops any of it.
  const WallTime expiry = next_expiry();
  const WallTime run = next_run(next_run(false) == expiry);
  now.wall = std::max(before, std::min(now.wall, WallTime{std::max(run, expiry).ms - 1}));
  header_.expiry_halted = header_.expiry_halted ? dice.chance(60) : dice.chance(3);
}

WallTime LogMaker::next_run(bool where_oldest_drops) const {
  WallTime next = WallTime::never();
  for (const auto& [id, queue] : model_.queues) {
    if (where_oldest_drops && queue.config.options.overflow != Overflow::drop_oldest) continue;
    for (const auto& [name, schedule] : queue.schedules)
      if (!schedule.runs.empty()) next = std::min(next, schedule.runs.front());
  }
  return next;
}

WallTime LogMaker::next_expiry() const {
  WallTime next = WallTime::never();
  for (const auto& [id, queue] : model_.queues) {
    for (const auto& [position, message] : queue.messages)
      next = std::min({next, retention_end(queue, message), life_end(message)});
  }
  return next;
}

void LogMaker::finish(const engine::Effects& effects) {
  for (const auto& reply : effects.replies) {
    for (const auto& grant : reply.grants) {
      if (receipts_.size() < receipts_kept) {
        receipts_.push_back({grant.queue, grant.lease});
      } else {
        receipts_[oldest_receipt_++ % receipts_kept] = {grant.queue, grant.lease};
      }
    }
  }
  commands_.clear();
}

void LogMaker::add(Dice& dice) {
  if (!drawn_) draw_kind(dice);
  for (std::size_t i = name_count; i-- > 0;) {
    if (names_[i].value == 0 && dice.chance(i == 0 ? 100 : 30)) return create(dice, i);
  }
  if (with_sessions_ && dice.chance(15)) return add_session(dice);
  if (with_redrives_ && dice.chance(8)) return add_redrive(dice);
  if (with_shards_ && dice.chance(8)) return add_arrive(dice);
  if (with_shards_ && dice.chance(12)) return add_moved(dice);
  if (with_schedules_ && dice.chance(8)) return add_schedule(dice);
  if (with_several_ && dice.chance(8)) return add_several(dice);
  if (with_several_ && dice.chance(8)) return add_transact(dice);
  const auto roll = dice.below(100);
  if (roll < 26) return add_send(dice);
  if (roll < 54) return add_receive(dice);
  if (roll < 82) return add_settle(dice);
  if (roll < 85) return add_kick(dice);
  if (roll < 87) return add_cancel(dice);
  if (roll < 91) return add_change_group(dice);
  if (roll < 93) return add_window(dice);
  if (roll < 94) return dice.chance(60) ? push(dice, engine::Purge{some_queue(dice)}) : add_receive(dice);
  if (roll < 98) return add_configure(dice);
  if (dice.chance(10)) return push(dice, engine::NewEpoch{dice.below(100)});
  push(dice, engine::Tick{});
}

/// A third of the logs have neither groups nor priorities.
void LogMaker::draw_kind(Dice& dice) {
  drawn_ = true;
  with_groups_ = dice.chance(60);
  with_priorities_ = dice.chance(with_groups_ ? 50 : 20);
  // A dead-letter queue has its source's type: the first queues are of one, the last of the other.
  with_deduplication_ = dice.chance(40);
  with_sessions_ = dice.chance(40);
  with_several_ = dice.chance(40);
  with_redrives_ = dice.chance(40);
  with_shards_ = dice.chance(30);
  with_schedules_ = dice.chance(25);
  with_requests_ = dice.chance(30);
  const std::size_t fifo = with_groups_ ? dice.below(name_count + 1) : 0;
  with_retention_ = dice.chance(50);
  for (std::size_t i = 0; i < name_count; ++i) {
    some_flow(dice, fixed_.emplace_back());
    types_.push_back(i < fifo ? QueueType::fifo : QueueType::standard);
    poisons_.push_back(dice.chance(40) ? Poison::park_group : Poison::block);
  }
}

/// Mostly a live queue, now and then a deleted one or one that never was.
QueueId LogMaker::some_queue(Dice& dice) const {
  if (dice.chance(1)) return removed_.empty() ? QueueId(12345) : removed_[dice.below(removed_.size())];
  std::vector<QueueId> live;
  for (const QueueId queue : names_) {
    if (queue.value != 0) live.push_back(queue);
  }
  return live.empty() ? QueueId(12345) : live[std::min(dice.below(live.size()), dice.below(live.size()))];
}

/// As they will be when the entry that is being filled is applied.
const QueueOptions* LogMaker::options_of(QueueId queue) const {
  for (auto command = commands_.rbegin(); command != commands_.rend(); ++command) {
    const auto* configure = std::get_if<engine::Configure>(&command->body);
    if (configure != nullptr && configure->config.id == queue) return &configure->config.options;
  }
  const auto* config = model_.config(queue);
  return config == nullptr ? nullptr : &config->options;
}

Bytes LogMaker::keep(std::string text) {
  texts_.push_back(std::move(text));
  return as_bytes(texts_.back());
}

/// Half of what has an origin is asked in a session, mostly with the next sequence.
void LogMaker::push(Dice& dice, engine::CommandBody body) {
  auto& command = commands_.emplace_back();
  command.body = std::move(body);
  const bool tells = std::holds_alternative<engine::Configure>(command.body) ||
                     std::holds_alternative<engine::NewEpoch>(command.body) ||
                     std::holds_alternative<engine::Tick>(command.body) ||
                     std::holds_alternative<engine::SetWindow>(command.body) ||
                     std::holds_alternative<engine::Arrive>(command.body) ||
                     std::holds_alternative<engine::Moved>(command.body) ||
                     std::holds_alternative<engine::OpenSession>(command.body) ||
                     std::holds_alternative<engine::CloseSession>(command.body);
  if (tells || !with_sessions_ || dice.chance(50)) return;
  const auto index = dice.below(session_count);
  auto& last = last_sequences_[index];
  last += dice.chance(80) ? 1 : dice.pick<std::uint64_t>({2, 5, 1000, 1023, 1024});
  command.origin.session = SessionId(index + 1);
  command.origin.sequence = last;
  const auto lower = last - std::min(last, dice.pick<std::uint64_t>({1, 2, 7, 1023, 1024, 1025}));
  const bool used = std::any_of(requests_.begin(), requests_.end(), [&](const auto& request) {
    return request.origin.session == command.origin.session && request.origin.sequence == lower;
  });
  if (!used && dice.chance(10)) command.origin.sequence = lower;
  requests_.push_back(command);
}

/// Opens, closes, or repeats a request, mostly a late one.
/// One that a lease in flight ends with; 0 = there is none.
SessionId LogMaker::bound_session() const {
  for (const auto& [id, queue] : model_.queues) {
    for (const auto& [position, message] : queue.messages) {
      if (message.state == engine::MessageState::in_flight && message.bound.value != 0) return message.bound;
    }
  }
  return {};
}

void LogMaker::add_session(Dice& dice) {
  const SessionId session(1 + dice.below(session_count));
  const bool known = model_.sessions.contains(session);
  if (known ? dice.chance(8) : dice.chance(60)) return push(dice, engine::OpenSession{session});
  if (dice.chance(5)) return push(dice, engine::CloseSession{session});
  if (const SessionId bound = bound_session(); bound.value != 0 && dice.chance(20))
    return push(dice, engine::CloseSession{bound});
  if (requests_.empty()) return add_receive(dice);
  const std::size_t reach = std::min<std::size_t>(requests_.size(), dice.chance(80) ? 6 : 1000);
  const auto& request = requests_[requests_.size() - 1 - dice.below(reach)];
  commands_.push_back(request);
}

void LogMaker::add_several(Dice& dice) {
  engine::ReceiveSeveral several;
  auto& queues = queues_.emplace_back();
  for (const QueueId queue : names_) {
    if (queue.value != 0 && dice.chance(60))
      queues.push_back({queue, static_cast<std::uint32_t>(1 + dice.below(4))});
  }
  if (!queues.empty() && dice.chance(1)) queues.push_back({queues[0].queue, 1});
  if (dice.chance(1)) queues.push_back({removed_.empty() ? QueueId(12345) : removed_.back(), 1});
  if (!queues.empty() && dice.chance(4)) queues[0].weight = dice.pick<std::uint32_t>({0, 1000, 1001});
  several.queues = queues;
  several.max_messages =
      static_cast<std::uint32_t>(dice.chance(1) ? 0 : 1 + dice.below(dice.chance(50) ? 3 : 12));
  if (dice.chance(10)) several.max_bytes = 1 + dice.below(60);
  if (dice.chance(30)) several.visibility_ms = dice.pick<std::int64_t>({1, 7, 50, 1000});
  push(dice, several);
}

void LogMaker::add_transact(Dice& dice) {
  auto& parts = parts_.emplace_back();
  for (std::size_t n = dice.chance(1) ? 0 : 1 + dice.below(3); n > 0; --n) {
    auto& part = parts.emplace_back();
    part.queue = some_queue(dice);
    const bool twice =
        std::any_of(parts.begin(), parts.end() - 1, [&](const auto& p) { return p.queue == part.queue; });
    if (twice && !dice.chance(2)) {
      parts.pop_back();
      continue;
    }
    auto& erases = settles_.emplace_back();
    for (std::size_t i = receipts_.empty() ? 0 : dice.below(3); i > 0; --i)
      erases.push_back(settle_item(dice, Verb::erase, part.queue));
    auto& items = sends_.emplace_back();
    for (std::size_t i = dice.below(3); i > 0; --i) items.push_back(send_item(dice, part.queue));
    part.erases = erases;
    part.sends = items;
  }
  push(dice, engine::Transact{parts});
}

void LogMaker::add_send(Dice& dice) {
  const QueueId queue = some_queue(dice);
  if (model_.config(queue) != nullptr && model_.list(queue).size() > messages_aim) return add_receive(dice);
  auto& items = sends_.emplace_back();
  const std::size_t n = dice.chance(1) ? 0 : dice.chance(60) ? 1 : 1 + dice.below(5);
  const bool one_group = dice.chance(60);
  for (std::size_t i = 0; i < n; ++i) {
    items.push_back(send_item(dice, queue));
    if (one_group) items.back().group_id = items.front().group_id;
  }
  const bool atomic = dice.chance(20);
  push(dice, engine::Send{queue, atomic, items});
}

/// Few names, so that groups are long; mostly one that is known to the queue.
std::string LogMaker::some_group(Dice& dice, QueueId queue) const {
  const auto known = model_.queues.find(queue);
  if (known != model_.queues.end() && !known->second.groups.empty() && dice.chance(50)) {
    return std::next(known->second.groups.begin(),
                     static_cast<std::ptrdiff_t>(dice.below(known->second.groups.size())))
        ->first;
  }
  return std::string(1, static_cast<char>('a' + dice.below(4)));
}

engine::SendItem LogMaker::send_item(Dice& dice, QueueId queue) {
  engine::SendItem item;
  const auto* options = options_of(queue);
  const bool fifo = options != nullptr && options->type == QueueType::fifo;
  if (fifo ? dice.chance(99) : with_groups_ && dice.chance(70)) item.group_id = keep(some_group(dice, queue));
  if (with_priorities_ && dice.chance(60))
    item.priority = static_cast<std::uint8_t>(dice.pick({0, 3, 5, 5, 9, 9}));
  const auto& [payload, counted] = dice.any_of(bodies_);
  item.payload = payload.bytes();
  item.counted_bytes = counted;
  if (dice.chance(20)) {
    item.due = header_.stamps.wall + Milliseconds(dice.pick<std::int64_t>({-5, 0, 1, 2, 10, 300, 4000}));
    if (dice.chance(50)) item.due.ms = dice.pick<std::int64_t>({1, -1, -2, -10, -300, -4000});
  }
  if (dice.chance(20)) item.time_to_live_ms = dice.pick<std::int64_t>({-1, -1, 1, 2, 10, 300, 1000, 4000});
  if (with_deduplication_ && dice.chance(50))
    item.deduplication_id = keep("d" + std::to_string(dice.below(5)));
  if (with_requests_ && dice.chance(50)) {
    const auto wait = dice.pick<std::int64_t>({-1, 0, 1, 10, 300, 4000, 60'000});
    item.outcome_until = dice.chance(50) ? WallTime{-wait} : header_.stamps.wall + Milliseconds(wait);
  }
  if (!dice.chance(3)) return item;
  switch (dice.below(6)) {
    case 0: item.time_to_live_ms = dice.pick<std::int64_t>({-2, limits::expiry_max.count() + 1}); break;
    case 1:
      item.due = header_.stamps.wall + limits::delay_max + Milliseconds(dice.below(2));
      if (dice.chance(50))
        item.due.ms = -limits::delay_max.count() - static_cast<std::int64_t>(dice.below(2));
      break;
    case 2:
      item.priority = static_cast<std::uint8_t>(fifo ? dice.pick({10, 255}) : dice.pick({0, 9, 10, 255}));
      break;
    case 3: item.group_id = keep(std::string(limits::group_id_size_max + dice.below(2), 'g')); break;
    case 4:
      item.deduplication_id = keep(std::string(limits::deduplication_id_size_max + dice.below(2), 'd'));
      break;
    default: item.time_to_live_ms = limits::expiry_max.count(); break;  // never reached
  }
  return item;
}

void LogMaker::add_receive(Dice& dice) {
  engine::Receive receive;
  receive.queue = some_queue(dice);
  receive.max_messages = static_cast<std::uint32_t>(dice.chance(60) ? 1 + dice.below(2) : 1 + dice.below(10));
  if (dice.chance(10)) receive.max_bytes = 1 + dice.below(40);
  if (dice.chance(30)) receive.visibility_ms = dice.pick<std::int64_t>({1, 2, 7, 50, 1000, 43'200'000});
  receive.erase = dice.chance(6);
  receive.bind_to_session = with_sessions_ && dice.chance(40);
  if (dice.chance(15)) receive.attempt_id = keep("attempt " + std::to_string(dice.below(4)));
  if (dice.chance(1)) {
    switch (dice.below(6)) {
      case 0: receive.max_messages = 0; break;
      case 1: receive.max_messages = limits::receive_messages_max + 1; break;
      case 2: receive.max_bytes = 0; break;
      case 3:
        receive.visibility_ms = dice.pick<std::int64_t>({-1, limits::visibility_timeout_max.count() + 1});
        break;
      case 4: receive.attempt_id = keep(std::string(limits::attempt_id_size_max + dice.below(2), 'a')); break;
      default: receive.max_bytes = limits::receive_bytes_max + dice.below(2); break;
    }
  }
  push(dice, receive);
}

void LogMaker::add_settle(Dice& dice) {
  if (receipts_.empty()) return add_receive(dice);
  const Verb verb = dice.pick(
      {Verb::erase, Verb::erase, Verb::extend, Verb::nack, Verb::nack, Verb::release, Verb::reject});
  const QueueId queue = !dice.chance(98) ? some_queue(dice) : newest_receipt(dice).queue;
  auto& items = settles_.emplace_back();
  const std::size_t n = dice.chance(1) ? 0 : dice.chance(70) ? 1 : 1 + dice.below(5);
  for (std::size_t i = 0; i < n; ++i) {
    const bool repeated = i > 0 && dice.chance(25);
    items.push_back(settle_item(dice, verb, queue));
    if (repeated) items.back().lease = items[dice.below(i)].lease;
  }
  push(dice, engine::Settle{queue, verb, items});
}

/// Mostly one of a live lease.
const LogMaker::Receipt& LogMaker::newest_receipt(Dice& dice) {
  const Receipt* receipt = &dice.any_of(receipts_);
  for (std::size_t tries = 0; tries < 6 && !dice.chance(15); ++tries) {
    const auto* message = model_.message(receipt->queue, receipt->lease.sequence);
    if (message != nullptr && message->state == engine::MessageState::in_flight) break;
    receipt = &dice.any_of(receipts_);
  }
  return *receipt;
}

engine::SettleItem LogMaker::settle_item(Dice& dice, Verb verb, QueueId queue) {
  engine::SettleItem item;
  item.lease = some_lease(dice, queue);
  if (verb == Verb::extend)
    item.value_ms = dice.pick<std::int64_t>({0, 1, 1, 5, 20, 100, 1000, 50'000'000, -1});
  if (verb == Verb::nack) item.value_ms = dice.pick<std::int64_t>({-1, -1, -1, 0, 0, 1, 5, 100, 2000});
  if (verb == Verb::nack && dice.chance(2)) {
    item.value_ms = dice.pick<std::int64_t>({-2, limits::delay_max.count(), limits::delay_max.count() + 1});
  }
  if (dice.chance(30)) item.reason = keep("why " + std::to_string(dice.below(100)));
  if (with_requests_ && verb == Verb::erase && dice.chance(60))
    item.result = keep("result " + std::to_string(dice.below(100)));
  if (dice.chance(1)) item.reason = keep(std::string(limits::reason_size_max + dice.below(3), 'r'));
  return item;
}

/// Mostly a receipt that was given out for this queue; sometimes one of another queue, an older or newer
/// attempt, or one for a message that is gone or never was.
engine::LeaseRef LogMaker::some_lease(Dice& dice, QueueId queue) {
  engine::LeaseRef lease = dice.any_of(receipts_).lease;
  for (std::size_t tries = 0; tries < 8 && !dice.chance(2); ++tries) {
    const auto& receipt = newest_receipt(dice);
    if (receipt.queue != queue) continue;
    lease = receipt.lease;
    break;
  }
  if (dice.chance(15)) {
    switch (dice.below(5)) {
      case 0: lease.attempt -= lease.attempt > 1 ? 1 : 0; break;
      case 1: lease.attempt += 1; break;
      case 2: lease.attempt = static_cast<std::uint32_t>(dice.pick<std::uint64_t>({0, 1, 0xffffffff})); break;
      case 3: lease.sequence = some_position(dice); break;
      default: lease.sequence = Sequence{dice.next()}; break;
    }
  }
  return lease;
}

Sequence LogMaker::some_position(Dice& dice) const {
  auto lane = limits::priority_default;
  if (with_priorities_ && dice.chance(50)) lane = static_cast<std::uint8_t>(dice.below(10));
  if (with_groups_ && dice.chance(70)) lane = limits::group_lane;
  if (dice.chance(3)) lane = 11;
  return Sequence::make(lane, dice.below(60));
}

void LogMaker::add_cancel(Dice& dice) {
  engine::Cancel cancel;
  cancel.queue = some_queue(dice);
  auto& ids = ids_.emplace_back();
  const auto known = model_.queues.find(cancel.queue);
  if (known != model_.queues.end()) {
    for (const auto& [position, message] : known->second.messages) {
      if (dice.chance(10)) ids.push_back(message.id);
    }
  }
  if (dice.chance(20)) ids.push_back({cancel.queue, some_position(dice)});
  if (!ids.empty() && dice.chance(5)) ids.push_back(ids.front());
  if (ids.empty() && !dice.chance(10)) return add_receive(dice);
  cancel.ids = ids;
  push(dice, cancel);
}

void LogMaker::add_change_group(Dice& dice) {
  engine::ChangeGroup change;
  change.queue = some_queue(dice);
  const auto known = model_.queues.find(change.queue);
  if (known == model_.queues.end() || (!with_groups_ && !dice.chance(5))) return add_receive(dice);
  using enum engine::GroupVerb;
  const bool fifo = known->second.fifo();
  change.verb =
      fifo || dice.chance(3) ? dice.pick({pause, resume, park, unpark}) : dice.pick({pause, resume});
  std::string name = some_group(dice, change.queue);
  for (const auto& [other, group] : known->second.groups) {
    if ((change.verb == resume && group.paused) || (change.verb == unpark && group.parked)) name = other;
  }
  if (dice.chance(1))
    name = std::string(dice.chance(50) ? 0 : limits::group_id_size_max + dice.below(2), 'g');
  change.group_id = keep(name);
  push(dice, change);
}

void LogMaker::add_window(Dice& dice) {
  engine::SetWindow window;
  window.queue = some_queue(dice);
  for (const QueueId queue : names_) {
    const auto* config = model_.config(queue);
    if (config != nullptr && !config->options.windows.empty() && dice.chance(70)) window.queue = queue;
  }
  const auto* config = model_.config(window.queue);
  if (config == nullptr || config->options.windows.empty()) return add_receive(dice);
  window.version = config->version - (dice.chance(10) ? 1 : 0);
  window.open = dice.chance(70);
  window.turns_ms = some_times(dice, 3);
  push(dice, window);
}

/// From now on.
std::span<const std::int64_t> LogMaker::some_times(Dice& dice, std::size_t most) {
  auto& times = turns_.emplace_back();
  std::int64_t at = header_.stamps.wall.ms;
  for (std::size_t i = dice.below(most + 1); i > 0; --i) {
    at += dice.pick<std::int64_t>({1, 5, 50, 400, 3000});
    times.push_back(at);
  }
  return times;
}

/// Mostly of a queue that others have as their dead-letter queue.
void LogMaker::add_redrive(Dice& dice) {
  engine::StartRedrive start;
  start.queue = some_queue(dice);
  for (const auto& [id, queue] : model_.queues) {
    const bool dead = std::any_of(queue.messages.begin(), queue.messages.end(),
                                  [](const auto& entry) { return entry.second.dead_lettered; });
    if (dead && dice.chance(60)) start.queue = id;
  }
  if (dice.chance(12)) return push(dice, engine::StopRedrive{start.queue});
  if (dice.chance(25)) start.target = some_queue(dice);
  if (dice.chance(20)) start.causes = static_cast<std::uint32_t>(dice.below(64));
  if (dice.chance(15)) start.source = some_queue(dice);
  if (dice.chance(40)) start.rate = dice.pick<std::uint32_t>({1, 5, 30, 1000});
  if (dice.chance(25)) start.max_messages = 1 + dice.below(3);
  push(dice, start);
}

/// From one of two queues of another shard: mostly the next of its chain.
void LogMaker::add_arrive(Dice& dice) {
  engine::Arrive arrive;
  arrive.queue = some_queue(dice);
  arrive.from = QueueId(9000 + dice.below(2));
  const auto known = model_.queues.find(arrive.queue);
  if (known != model_.queues.end() && known->second.messages.size() > messages_aim) return add_receive(dice);
  if (known != model_.queues.end() && known->second.came.contains(arrive.from))
    arrive.after = known->second.came.at(arrive.from);
  arrive.transfer = arrive.after + 1;
  if (arrive.after > 0 && dice.chance(15)) arrive.transfer = arrive.after - dice.below(2);
  if (dice.chance(5)) arrive.after += 1;
  if (dice.chance(5)) {
    arrive.after = 0;
    arrive.transfer += 10;
  }
  arrive.id = {arrive.from, Sequence::make(4, ++arrivals_)};
  const auto& [payload, counted] = dice.any_of(bodies_);
  arrive.payload = payload.bytes();
  arrive.counted_bytes = counted;
  if (with_priorities_) arrive.priority = static_cast<std::uint8_t>(dice.pick({0, 3, 5, 9}));
  if (dice.chance(1)) arrive.priority = 10;
  const auto* options = options_of(arrive.queue);
  const bool fifo = options != nullptr && options->type == QueueType::fifo;
  if (dice.chance(fifo ? 97 : with_groups_ ? 60 : 0)) arrive.group_id = keep(some_group(dice, arrive.queue));
  arrive.attempt = static_cast<std::uint32_t>(dice.below(4));
  arrive.first_sent = header_.stamps.wall + Milliseconds(-static_cast<std::int64_t>(dice.below(5000)));
  arrive.time_to_live_ms = dice.pick<std::int64_t>({0, 0, 1, 300, 4000});
  arrive.redriven = dice.chance(40);
  engine::NoteRow note;
  note.cause = static_cast<engine::Cause>(1 + dice.below(4));
  note.source = note.origin = arrive.from;
  const QueueId source = some_queue(dice);
  if (source != arrive.queue && dice.chance(20)) note.source = source;
  note.source_name = note.origin_name = "elsewhere";
  note.last_error = dice.chance(50) ? "why" : "";
  note.attempts = arrive.attempt;
  note.dead_lettered_at = arrive.first_sent;
  std::string encoded;
  engine::encode_row(note, encoded);
  arrive.note = keep(dice.chance(1) ? "no note" : encoded);
  push(dice, arrive);
}

/// What the other shard says about a message that waits; now and then again, or about none.
void LogMaker::add_moved(Dice& dice) {
  if (model_.moving.empty()) return add_settle(dice);
  const auto at =
      std::next(model_.moving.begin(), static_cast<std::ptrdiff_t>(dice.below(model_.moving.size())));
  engine::Moved moved{at->first.queue, at->first.target, at->first.transfer};
  if (dice.chance(5)) moved.transfer -= 1;
  if (dice.chance(35)) moved.refused = dice.pick({errc::queue_deleted, errc::not_supported});
  push(dice, moved);
}

void LogMaker::add_schedule(Dice& dice) {
  const QueueId queue = some_queue(dice);
  const auto name = as_text(keep(dice.chance(1) ? ".x" : dice.chance(60) ? "nightly" : "hourly"));
  const auto known = model_.queues.find(queue);
  const bool there = known != model_.queues.end() && known->second.schedules.contains(std::string(name));
  if (dice.chance(8)) return push(dice, engine::RemoveSchedule{queue, name});
  const auto runs = some_times(dice, 12);
  if (dice.chance(there ? 75 : 5)) {
    const std::uint64_t version = there ? known->second.schedules.at(std::string(name)).version : 1;
    return push(dice, engine::ExtendSchedule{queue, name, version - dice.chance(10), runs});
  }
  engine::PutSchedule put;
  put.queue = queue;
  put.name = name;
  put.runs_ms = runs;
  put.specification = dice.chance(1) ? "" : "every 1s";
  put.zone = "UTC";
  put.missed = dice.pick({MissedRuns::one, MissedRuns::none, MissedRuns::all});
  if (there && dice.chance(30)) {  // as it is
    const engine::ScheduleRow& row = known->second.schedules.at(std::string(name));
    put.specification = as_text(keep(row.specification));
    put.missed = row.missed;
    put.item.payload = keep(row.payload);
    put.item.counted_bytes = row.counted_bytes;
    put.item.priority = row.priority;
    put.item.time_to_live_ms = row.time_to_live_ms;
    put.item.group_id = keep(row.group);
    return push(dice, put);
  }
  put.item = send_item(dice, queue);
  put.item.due = {};  // entries do not carry what schedules do not have
  put.item.deduplication_id = {};
  put.item.outcome_until = {};
  push(dice, put);
}

void LogMaker::add_kick(Dice& dice) {
  engine::Kick kick;
  kick.queue = some_queue(dice);
  if (dice.chance(50) || model_.config(kick.queue) == nullptr) {
    kick.max_messages = static_cast<std::uint32_t>(dice.below(4));
  } else {
    auto& ids = ids_.emplace_back();
    for (const auto& message : model_.list(kick.queue)) {
      if (message.state == engine::MessageState::parked ? dice.chance(50) : dice.chance(3))
        ids.push_back(message.id);
    }
    if (dice.chance(10)) ids.push_back({kick.queue, some_position(dice)});
    kick.ids = ids;
  }
  push(dice, kick);
}

}  // namespace peerq::model
