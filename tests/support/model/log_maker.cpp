#include "support/model/log_maker.hpp"

#include <algorithm>
#include <utility>
#include <variant>

#include "peerq/base/limits.hpp"

namespace peerq::model {

using engine::Verb;

namespace {

constexpr std::size_t name_count = 5;
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
  const auto due = model_.next_due();
  if (dice.chance(30)) {
    const std::int64_t to_due = due.lease == LeaseTime::never() ? 1000 : (due.lease - now.lease).count();
    now.lease.us += std::max<std::int64_t>(
        0, dice.pick<std::int64_t>({1, 300, 1000, 3000, 7000, 20'000, 120'000, 2'000'000, to_due, to_due,
                                    to_due, to_due - 1, to_due + 1}));
  }
  if (dice.chance(40)) {
    const std::int64_t to_due = due.wall == WallTime::never() ? 1 : (due.wall - now.wall).count();
    now.wall.ms += std::max<std::int64_t>(0, dice.pick<std::int64_t>({1, 3, 10, 30, 100, 700, to_due, to_due,
                                                                      to_due - 1, to_due + 1, 2500, 60'000}));
  }
  header_.expiry_halted = header_.expiry_halted ? dice.chance(60) : dice.chance(3);
}

void LogMaker::finish(const engine::Effects& effects) {
  for (std::size_t i = 0; i < commands_.size() && i < effects.replies.size(); ++i) {
    const auto* receive = std::get_if<engine::Receive>(&commands_[i].body);
    if (receive == nullptr) continue;
    for (const auto& grant : effects.replies[i].grants) {
      if (receipts_.size() < receipts_kept) {
        receipts_.push_back({receive->queue, grant.lease});
      } else {
        receipts_[oldest_receipt_++ % receipts_kept] = {receive->queue, grant.lease};
      }
    }
  }
  commands_.clear();
  texts_.clear();
  sends_.clear();
  settles_.clear();
  ids_.clear();
}

void LogMaker::add(Dice& dice) {
  for (std::size_t i = name_count; i-- > 0;) {
    if (names_[i].value == 0 && dice.chance(i == 0 ? 100 : 30)) return create(dice, i);
  }
  const auto roll = dice.below(100);
  if (roll < 26) return add_send(dice);
  if (roll < 54) return add_receive(dice);
  if (roll < 86) return add_settle(dice);
  if (roll < 89) return add_kick(dice);
  if (roll < 90) return push(engine::Purge{some_queue(dice)});
  if (roll < 95) return add_configure(dice);
  if (dice.chance(10)) return push(engine::NewEpoch{dice.below(100)});
  push(engine::Tick{});
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

Bytes LogMaker::keep(std::string text) {
  texts_.push_back(std::move(text));
  return as_bytes(texts_.back());
}

void LogMaker::push(engine::CommandBody body) { commands_.push_back({{}, std::move(body)}); }

void LogMaker::add_send(Dice& dice) {
  const QueueId queue = some_queue(dice);
  if (model_.config(queue) != nullptr && model_.list(queue).size() > messages_aim) return add_receive(dice);
  auto& items = sends_.emplace_back();
  const std::size_t n = dice.chance(1) ? 0 : dice.chance(60) ? 1 : 1 + dice.below(5);
  for (std::size_t i = 0; i < n; ++i) items.push_back(send_item(dice));
  push(engine::Send{queue, dice.chance(20), items});
}

engine::SendItem LogMaker::send_item(Dice& dice) {
  engine::SendItem item;
  const auto& [payload, counted] = dice.any_of(bodies_);
  item.payload = payload.bytes();
  item.counted_bytes = counted;
  if (dice.chance(20)) {
    item.due = header_.stamps.wall + Milliseconds(dice.pick<std::int64_t>({-5, 0, 1, 2, 10, 300, 4000}));
    if (dice.chance(50)) item.due.ms = dice.pick<std::int64_t>({1, -1, -2, -10, -300, -4000});
  }
  if (dice.chance(20)) item.time_to_live_ms = dice.pick<std::int64_t>({-1, -1, 1, 2, 10, 300, 1000, 4000});
  if (!dice.chance(3)) return item;
  switch (dice.below(6)) {
    case 0: item.time_to_live_ms = dice.pick<std::int64_t>({-2, limits::expiry_max.count() + 1}); break;
    case 1:
      item.due = header_.stamps.wall + limits::delay_max + Milliseconds(dice.below(2));
      if (dice.chance(50))
        item.due.ms = -limits::delay_max.count() - static_cast<std::int64_t>(dice.below(2));
      break;
    case 2: item.priority = static_cast<std::uint8_t>(dice.pick({0, 9, 10, 255})); break;
    case 3: item.group_id = keep("group"); break;
    case 4: item.deduplication_id = keep("once"); break;
    default: item.time_to_live_ms = limits::expiry_max.count(); break;
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
  push(receive);
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
  push(engine::Settle{queue, verb, items});
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
      case 3: lease.sequence = Sequence::make(limits::priority_default, dice.below(60)); break;
      default: lease.sequence = Sequence{dice.next()}; break;
    }
  }
  return lease;
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
    if (dice.chance(10))
      ids.push_back({kick.queue, Sequence::make(limits::priority_default, dice.below(60))});
    kick.ids = ids;
  }
  push(kick);
}

void LogMaker::create(Dice& dice, std::size_t index) {
  engine::QueueConfig config;
  config.id = QueueId(next_queue_++);
  config.version = 1;
  config.name = "queue" + std::to_string(index);
  config.options = some_options(dice);
  config.dead_letter = some_dead_letter(dice, index);
  names_[index] = config.id;
  push(engine::Configure{config, false});
}

void LogMaker::add_configure(Dice& dice) {
  const std::size_t index = dice.below(name_count);
  const auto* known = model_.config(names_[index]);
  if (known == nullptr) return push(engine::Tick{});
  engine::Configure configure{*known, false};
  auto& config = configure.config;
  config.version += 1;
  if (dice.chance(15)) {
    configure.removed = true;
    removed_.push_back(config.id);
    names_[index] = {};
    return push(configure);
  }
  if (dice.chance(30)) {
    config.paused = !config.paused;
  } else {
    config.options = some_options(dice);
    config.dead_letter = some_dead_letter(dice, index);
  }
  if (dice.chance(10)) config.version -= 1 + dice.below(2);
  push(configure);
}

QueueId LogMaker::some_dead_letter(Dice& dice, std::size_t index) const {
  if (index + 1 >= name_count || !dice.chance(70)) return {};
  return names_[index + 1 + dice.below(name_count - index - 1)];
}

QueueOptions LogMaker::some_options(Dice& dice) const {
  QueueOptions options;
  options.visibility_timeout = Milliseconds(dice.pick({1, 3, 10, 10, 100, 1000}));
  options.max_lease_time = options.visibility_timeout * dice.pick({1, 2, 10, 1000});
  if (dice.chance(10)) options.max_message_size = 1 + dice.below(20);
  if (dice.chance(15)) options.max_messages = dice.below(10);
  if (dice.chance(10)) options.max_bytes = 20 + dice.below(200);
  if (dice.chance(10)) options.delay = Milliseconds(dice.pick({1, 20, 500}));
  if (dice.chance(10)) options.time_to_live = Milliseconds(dice.pick({1, 30, 2000}));
  if (dice.chance(25)) options.retention = Milliseconds(dice.pick({1000, 1500, 3000, 20'000}));
  if (dice.chance(60)) options.max_receives = static_cast<std::uint32_t>(1 + dice.below(3));
  options.dead_letter_expired = dice.chance(70);
  options.retry.base = Milliseconds(dice.pick({0, 0, 10, 100}));
  options.retry.cap = Milliseconds(dice.pick({50, 1000, 900'000}));
  options.retry.factor_thousandths = static_cast<std::uint32_t>(dice.pick({1000, 2000, 2000, 3000, 1500}));
  options.retry.jitter_thousandths = static_cast<std::uint32_t>(dice.pick({0, 0, 200, 500}));
  if (dice.chance(25)) options.max_in_flight = static_cast<std::uint32_t>(1 + dice.below(4));
  return options;
}

}  // namespace peerq::model
