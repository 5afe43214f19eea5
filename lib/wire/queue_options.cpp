#include "wire/queue_options.hpp"

#include <algorithm>
#include <string>

#include "wire/segment.hpp"

namespace peerq::wire {

namespace {

bool has_weights(const QueueOptions& options) noexcept { return options.weights != limits::weights_default; }

void write_optionals(schema::QueueOptions::Builder to, const QueueOptions& options) {
  to.setHasMaxMessages(options.max_messages.has_value());
  to.setMaxMessages(options.max_messages.value_or(0));
  to.setHasMaxBytes(options.max_bytes.has_value());
  to.setMaxBytes(options.max_bytes.value_or(0));
  to.setHasTimeToLive(options.time_to_live.has_value());
  to.setTimeToLiveMs(options.time_to_live.value_or(Milliseconds(0)).count());
  to.setHasRetention(options.retention.has_value());
  to.setRetentionMs(options.retention.value_or(Milliseconds(0)).count());
}

void read_optionals(schema::QueueOptions::Reader from, QueueOptions& options) {
  if (from.getHasMaxMessages()) options.max_messages = from.getMaxMessages();
  if (from.getHasMaxBytes()) options.max_bytes = from.getMaxBytes();
  if (from.getHasTimeToLive()) options.time_to_live = Milliseconds(from.getTimeToLiveMs());
  if (from.getHasRetention()) options.retention = Milliseconds(from.getRetentionMs());
}

void write_limits(schema::QueueOptions::Builder to, const QueueOptions& options) {
  to.setMaxReceives(options.max_receives);
  to.setRetryBaseMs(options.retry.base.count());
  to.setRetryCapMs(options.retry.cap.count());
  to.setRetryFactorThousandths(options.retry.factor_thousandths);
  to.setRetryJitterThousandths(options.retry.jitter_thousandths);
  to.setMaxInFlight(options.max_in_flight);
  to.setMaxInFlightPerGroup(options.max_in_flight_per_group);
  to.setPriorityAgingMs(options.priority_aging.count());
  to.setRatePerSecondThousandths(static_cast<std::uint32_t>(options.rate.per_second_thousandths));
  to.setRateHigh(static_cast<std::uint32_t>(options.rate.per_second_thousandths >> 32));
  to.setRateBurst(options.rate.burst);
  to.setGroupRatePerSecondThousandths(static_cast<std::uint32_t>(options.group_rate.per_second_thousandths));
  to.setGroupRateHigh(static_cast<std::uint32_t>(options.group_rate.per_second_thousandths >> 32));
  to.setGroupRateBurst(options.group_rate.burst);
  to.setDeduplicationWindowMs(options.deduplication_window.count());
  to.setContentBasedDeduplication(options.content_based_deduplication);
}

std::uint64_t both_halves(std::uint32_t low, std::uint32_t high) { return std::uint64_t{high} << 32 | low; }

void read_limits(schema::QueueOptions::Reader from, QueueOptions& options) {
  options.max_receives = from.getMaxReceives();
  options.retry.base = Milliseconds(from.getRetryBaseMs());
  options.retry.cap = Milliseconds(from.getRetryCapMs());
  options.retry.factor_thousandths = from.getRetryFactorThousandths();
  options.retry.jitter_thousandths = from.getRetryJitterThousandths();
  options.max_in_flight = from.getMaxInFlight();
  options.max_in_flight_per_group = from.getMaxInFlightPerGroup();
  options.priority_aging = Milliseconds(from.getPriorityAgingMs());
  options.rate = {both_halves(from.getRatePerSecondThousandths(), from.getRateHigh()), from.getRateBurst()};
  options.group_rate = {both_halves(from.getGroupRatePerSecondThousandths(), from.getGroupRateHigh()),
                        from.getGroupRateBurst()};
  options.deduplication_window = Milliseconds(from.getDeduplicationWindowMs());
  options.content_based_deduplication = from.getContentBasedDeduplication();
}

void write_windows(schema::QueueOptions::Builder to, const std::vector<DeliveryWindow>& windows) {
  if (windows.empty()) return;
  auto list = to.initWindows(static_cast<unsigned>(windows.size()));
  for (unsigned i = 0; i < list.size(); ++i) {
    auto window = list[i];
    const auto& zone = windows[i].zone;
    if (!zone.empty()) fill(window.initZone(static_cast<unsigned>(zone.size())), zone);
    window.setFromMinutes(static_cast<std::int32_t>(windows[i].from.count()));
    window.setToMinutes(static_cast<std::int32_t>(windows[i].to.count()));
    window.setDays(windows[i].days);
  }
}

void read_windows(schema::QueueOptions::Reader from, std::vector<DeliveryWindow>& windows) {
  for (const auto window : from.getWindows()) {
    windows.push_back({std::string(from_text(window.getZone())),
                       std::chrono::minutes(window.getFromMinutes()),
                       std::chrono::minutes(window.getToMinutes()), window.getDays()});
  }
}

}  // namespace

std::size_t options_words(const QueueOptions& options) noexcept {
  std::size_t words = capnp::sizeInWords<schema::QueueOptions>() + text_words(options.dead_letter_queue);
  if (has_weights(options)) words += words_of(options.weights.size() * sizeof(options.weights[0]));
  if (!options.tags.empty())
    words += 1 + options.tags.size() * capnp::sizeInWords<schema::QueueOptions::Tag>();
  for (const auto& [key, value] : options.tags) words += text_words(key) + text_words(value);
  if (!options.windows.empty())
    words += 1 + options.windows.size() * capnp::sizeInWords<schema::QueueOptions::Window>();
  for (const auto& window : options.windows) words += text_words(window.zone);
  return words;
}

void write_options(schema::QueueOptions::Builder to, const QueueOptions& options) {
  to.setType(static_cast<std::uint8_t>(options.type));
  to.setDurability(static_cast<std::uint8_t>(options.durability));
  to.setOverflow(static_cast<std::uint8_t>(options.overflow));
  to.setPoison(static_cast<std::uint8_t>(options.poison));
  to.setPriorityMode(static_cast<std::uint8_t>(options.priority_mode));
  to.setPartitions(options.partitions);
  to.setSyncIntervalMs(options.sync_interval.count());
  to.setMaxMessageSize(options.max_message_size);
  to.setVisibilityTimeoutMs(options.visibility_timeout.count());
  to.setMaxLeaseTimeMs(options.max_lease_time.count());
  to.setDelayMs(options.delay.count());
  to.setDeadLetterExpired(options.dead_letter_expired);
  write_optionals(to, options);
  write_limits(to, options);
  if (const auto& name = options.dead_letter_queue; !name.empty()) {
    fill(to.initDeadLetterQueue(static_cast<unsigned>(name.size())), name);
  }
  if (has_weights(options)) {
    auto weights = to.initWeights(static_cast<unsigned>(options.weights.size()));
    for (unsigned i = 0; i < weights.size(); ++i) weights.set(i, options.weights[i]);
  }
  write_windows(to, options.windows);
  if (options.tags.empty()) return;
  auto tags = to.initTags(static_cast<unsigned>(options.tags.size()));
  unsigned i = 0;
  for (const auto& [key, value] : options.tags) {
    auto tag = tags[i++];
    if (!key.empty()) fill(tag.initKey(static_cast<unsigned>(key.size())), key);
    if (!value.empty()) fill(tag.initValue(static_cast<unsigned>(value.size())), value);
  }
}

bool read_options(schema::QueueOptions::Reader from, QueueOptions& options) {
  options.type = static_cast<QueueType>(from.getType());
  options.durability = static_cast<Durability>(from.getDurability());
  options.overflow = static_cast<Overflow>(from.getOverflow());
  options.poison = static_cast<Poison>(from.getPoison());
  options.priority_mode = static_cast<PriorityMode>(from.getPriorityMode());
  options.partitions = from.getPartitions();
  options.sync_interval = Milliseconds(from.getSyncIntervalMs());
  options.max_message_size = from.getMaxMessageSize();
  options.visibility_timeout = Milliseconds(from.getVisibilityTimeoutMs());
  options.max_lease_time = Milliseconds(from.getMaxLeaseTimeMs());
  options.delay = Milliseconds(from.getDelayMs());
  options.dead_letter_expired = from.getDeadLetterExpired();
  options.dead_letter_queue = from_text(from.getDeadLetterQueue());
  read_optionals(from, options);
  read_limits(from, options);

  read_windows(from, options.windows);
  const auto weights = from.getWeights();
  if (weights.size() != 0 && weights.size() != options.weights.size()) return false;
  for (unsigned i = 0; i < weights.size(); ++i) options.weights[i] = weights[i];
  for (const auto& tag : from.getTags()) {
    if (!options.tags.emplace(from_text(tag.getKey()), from_text(tag.getValue())).second) return false;
  }
  return true;
}

}  // namespace peerq::wire
