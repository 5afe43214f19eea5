// LogMaker: queues and their parameters.
#include "peerq/base/limits.hpp"
#include "support/model/log_maker.hpp"

namespace peerq::model {

void LogMaker::create(Dice& dice, std::size_t index) {
  engine::QueueConfig config;
  config.id = QueueId(next_queue_++);
  config.version = 1;
  config.name = "queue" + std::to_string(index);
  config.options = some_options(dice, index);
  config.dead_letter = some_dead_letter(dice, index);
  names_[index] = config.id;
  push(dice, engine::Configure{config, false});
}

void LogMaker::add_configure(Dice& dice) {
  const std::size_t index = dice.below(name_count);
  const auto* known = model_.config(names_[index]);
  if (known == nullptr) return push(dice, engine::Tick{});
  engine::Configure configure{*known, false};
  auto& config = configure.config;
  config.version += 1;
  if (dice.chance(15)) {
    configure.removed = true;
    removed_.push_back(config.id);
    names_[index] = {};
    return push(dice, configure);
  }
  if (dice.chance(30)) {
    config.paused = !config.paused;
  } else {
    config.options = some_options(dice, index);
    config.dead_letter = some_dead_letter(dice, index);
  }
  if (dice.chance(10)) config.version -= 1 + dice.below(2);
  push(dice, configure);
}

QueueId LogMaker::some_dead_letter(Dice& dice, std::size_t index) const {
  if (with_shards_ && dice.chance(25)) return QueueId(9000 + dice.below(2));
  if (index + 1 >= name_count || !dice.chance(70)) return {};
  const std::size_t chosen = index + 1 + dice.below(name_count - index - 1);
  return types_[chosen] == types_[index] ? names_[chosen] : QueueId{};
}

/// Priorities, caps, rates, windows.
void LogMaker::some_flow(Dice& dice, QueueOptions& options) const {
  if (with_priorities_ && dice.chance(40)) {
    options.priority_mode = PriorityMode::weighted;
    if (dice.chance(60)) {
      for (auto& weight : options.weights) weight = static_cast<std::uint16_t>(1 + dice.below(4));
    }
  }
  if (with_priorities_ && dice.chance(40))
    options.priority_aging = Milliseconds(dice.pick({1000, 1500, 5000}));
  if (with_groups_ && dice.chance(25))
    options.max_in_flight_per_group = static_cast<std::uint32_t>(1 + dice.below(3));
  const auto rate = [&](RateLimit& limit) {
    limit.per_second_thousandths =
        dice.pick<std::uint32_t>({1, 300, 1000, 2500, 20'000, 1'000'000, 4'000'000'000});
    limit.burst = static_cast<std::uint32_t>(dice.pick({0, 0, 1, 2, 3}));
  };
  if (dice.chance(20)) rate(options.rate);
  if (with_groups_ && dice.chance(15)) rate(options.group_rate);
  if (dice.chance(8)) options.windows.resize(1);
}

QueueOptions LogMaker::some_options(Dice& dice, std::size_t index) const {
  QueueOptions options;
  options.type = types_[index];
  options.poison = poisons_[index];
  options.visibility_timeout = Milliseconds(dice.pick({1, 3, 10, 10, 100, 1000}));
  options.max_lease_time = options.visibility_timeout * dice.pick({1, 2, 10, 1000});
  if (dice.chance(10)) options.max_message_size = 1 + dice.below(20);
  if (dice.chance(15)) options.max_messages = dice.below(10);
  if (dice.chance(10)) options.max_bytes = 20 + dice.below(200);
  if (dice.chance(10)) options.delay = Milliseconds(dice.pick({1, 20, 500}));
  if (dice.chance(10)) options.time_to_live = Milliseconds(dice.pick({1, 30, 2000}));
  if (with_retention_ && dice.chance(50))
    options.retention = Milliseconds(dice.pick({1000, 1500, 3000, 20'000}));
  if (dice.chance(60)) options.max_receives = static_cast<std::uint32_t>(1 + dice.below(3));
  options.dead_letter_expired = dice.chance(70);
  options.retry.base = Milliseconds(dice.pick({0, 0, 10, 100}));
  options.retry.cap = Milliseconds(dice.pick({50, 1000, 900'000}));
  options.retry.factor_thousandths = static_cast<std::uint32_t>(dice.pick({1000, 2000, 2000, 3000, 1500}));
  options.retry.jitter_thousandths = static_cast<std::uint32_t>(dice.pick({0, 0, 200, 500}));
  if (dice.chance(25)) options.max_in_flight = static_cast<std::uint32_t>(1 + dice.below(4));
  if (options.type == QueueType::fifo) {  // the model knows only whole delays of groups
    options.retry.jitter_thousandths = 0;
    if (options.retry.factor_thousandths == 1500) options.retry.factor_thousandths = 2000;
  }
  if (with_deduplication_)
    options.deduplication_window = Milliseconds(dice.pick({0, 1, 20, 300, 5000, 300'000}));
  if (dice.chance(40)) {
    options.overflow = dice.chance(75) ? Overflow::drop_oldest : Overflow::block;
    if (dice.chance(60)) options.max_messages = 1 + dice.below(8);
  }
  some_flow(dice, options);
  // A group finds a new rate or cap when it is next looked at, and fills its bucket by the new one from the
  // last look on: so they stay.
  options.group_rate = fixed_[index].group_rate;
  options.max_in_flight_per_group = fixed_[index].max_in_flight_per_group;
  return options;
}

}  // namespace peerq::model
