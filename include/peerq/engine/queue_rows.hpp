#pragma once
// The rows of whole queues, of the shard and of the catalog. Messages' rows are in rows.hpp.

#include <cstdint>
#include <string>

#include "peerq/base/ids.hpp"
#include "peerq/base/time.hpp"
#include "peerq/engine/config.hpp"
#include "peerq/engine/deduplication_rows.hpp"
#include "peerq/engine/group_rows.hpp"
#include "peerq/engine/rows.hpp"

namespace peerq::engine {
inline namespace v1 {

/// Exact counters of a queue. Live states add up to what came in minus what went out:
/// sent + arrived == ready + delayed + in_flight + parked + moving + deleted + expired + dead_lettered +
/// purged + cancelled + dropped + redriven.
struct QueueRow {
  using Key = QueueKey;
  static constexpr TableId table = TableId::queues;
  static constexpr bool dense = false;

  /// Live messages by state; `ready` counts fresh ones too.
  std::uint64_t ready = 0;
  std::uint64_t delayed = 0;
  std::uint64_t in_flight = 0;
  std::uint64_t parked = 0;
  std::uint64_t moving = 0;
  /// Bytes (counted) of all live messages.
  std::uint64_t bytes = 0;

  /// Since creation.
  std::uint64_t sent = 0;
  /// Arrived by dead-lettering.
  std::uint64_t arrived = 0;
  /// Leases given, and those of them beyond a message's first.
  std::uint64_t received = 0;
  std::uint64_t redelivered = 0;
  std::uint64_t deleted = 0;
  /// Removed by time-to-live or retention without a dead-letter queue.
  std::uint64_t expired = 0;
  /// Left for the dead-letter queue.
  std::uint64_t dead_lettered = 0;
  std::uint64_t purged = 0;
  std::uint64_t cancelled = 0;
  /// Pushed out by newer ones, without a dead-letter queue.
  std::uint64_t dropped = 0;
  /// Left for another queue by a redrive.
  std::uint64_t redriven = 0;
  /// Of the messages that are moving; `bytes` are those of all others.
  std::uint64_t moving_bytes = 0;

  /// Time of the queue's retention timer in `wall_due`; 0 = none.
  WallTime retention_timer;
  /// Last token given to a receive with an attempt id.
  std::uint64_t last_attempt_token = 0;
  /// Receipts of an older epoch are stale (S58).
  std::uint32_t receipt_epoch = 1;

  /// Ready messages of groups that are not open.
  std::uint64_t held = 0;
  /// Number of the next group, and the last place given in a ring; places up to `purged_turn` are void.
  std::uint64_t next_group = 1;
  std::uint64_t turn = 0;
  std::uint64_t purged_turn = 0;
  std::uint32_t purges = 0;
  /// Weighted: what each level may still give in this round.
  std::array<std::uint16_t, limits::priority_count> credits{};
  /// The queue's own rate, and when its bucket is looked at again; 0 = never.
  TokenBucket bucket;
  LeaseTime timer{0};

  std::uint64_t live() const noexcept { return ready + delayed + in_flight + parked + moving; }
  friend bool operator==(const QueueRow&, const QueueRow&) = default;
  static void layout(auto& archive, auto& row) {
    for (auto* number : {&row.ready, &row.delayed, &row.in_flight, &row.parked, &row.moving, &row.bytes,
                         &row.sent, &row.arrived, &row.received, &row.redelivered, &row.deleted, &row.expired,
                         &row.dead_lettered, &row.purged}) {
      archive.field(*number);
    }
    archive.field(row.retention_timer);
    archive.field(row.last_attempt_token);
    archive.field(row.receipt_epoch);
    if (archive.more(row.has_groups_or_rates())) layout_second(archive, row);
  }

 private:
  bool has_groups_or_rates() const noexcept {
    const QueueRow plain;
    return cancelled != 0 || dropped != 0 || redriven != 0 || moving_bytes != 0 || held != 0 ||
           next_group != plain.next_group || turn != 0 || purged_turn != 0 || purges != 0 ||
           credits != plain.credits || bucket != plain.bucket || timer != plain.timer;
  }
  /// What the second format added.
  static void layout_second(auto& archive, auto& row) {
    for (auto* number : {&row.cancelled, &row.dropped, &row.redriven, &row.moving_bytes, &row.held,
                         &row.next_group, &row.turn, &row.purged_turn}) {
      archive.field(*number);
    }
    archive.field(row.purges);
    for (auto& credit : row.credits) archive.field(credit);
    TokenBucket::layout(archive, row.bucket);
    archive.field(row.timer);
  }
};

/// When the queue's delivery windows open and close (S78); absent while it has none.
struct WindowRow {
  using Key = QueueKey;
  static constexpr TableId table = TableId::windows;
  static constexpr bool dense = false;

  /// Of the parameters for which the turns were resolved.
  std::uint64_t version = 0;
  bool open = false;
  /// From when on it is the other way round, in turn.
  std::vector<WallTime> turns;

  friend bool operator==(const WindowRow&, const WindowRow&) = default;
  static void layout(auto& archive, auto& row) {
    archive.field(row.version);
    archive.field(row.open);
    auto count = static_cast<std::uint32_t>(row.turns.size());
    archive.field(count);
    if constexpr (std::remove_reference_t<decltype(archive)>::reading) {
      if (count > archive.remaining() / sizeof(std::int64_t)) count = 0;  // then bytes are left over: refused
      row.turns.resize(count);
    }
    for (auto& turn : row.turns) archive.field(turn);
  }
};

/// One priority of a queue: a dense run of numbers with a cursor.
struct LaneRow {
  struct Key {
    QueueId queue;
    std::uint8_t lane = 0;
    friend constexpr auto operator<=>(const Key&, const Key&) = default;
    static void layout(auto& archive, auto& key) {
      archive.field(key.queue);
      archive.field(key.lane);
    }
  };
  static constexpr TableId table = TableId::lanes;
  static constexpr bool dense = false;

  /// Number of the next message.
  std::uint64_t next = 1;
  /// Fresh messages have numbers from here on.
  std::uint64_t cursor = 1;
  /// Messages with smaller numbers were purged: their rows do not exist for any operation (S8).
  std::uint64_t horizon = 1;
  /// Rows of smaller numbers have been reclaimed, or never needed it.
  std::uint64_t reclaimed = 1;
  /// Its place in its level's ring, beside the groups: messages without a group are one group (S29).
  std::uint64_t turn = 0;

  friend bool operator==(const LaneRow&, const LaneRow&) = default;
  static void layout(auto& archive, auto& row) {
    archive.field(row.next);
    archive.field(row.cursor);
    archive.field(row.horizon);
    archive.field(row.reclaimed);
    if (archive.more(row.turn != 0)) archive.field(row.turn);
  }
};

/// What `NewEpoch` set for the whole shard; absent = epoch 0, floor 1.
struct EpochRow {
  using Key = SingleKey;
  static constexpr TableId table = TableId::epoch;
  static constexpr bool dense = false;

  /// Added to the queue's own receipt epoch.
  std::uint32_t receipt_epoch = 0;
  /// A lane whose next number is smaller goes on from here.
  std::uint64_t number_floor = 1;

  friend bool operator==(const EpochRow&, const EpochRow&) = default;
  static void layout(auto& archive, auto& row) {
    archive.field(row.receipt_epoch);
    archive.field(row.number_floor);
  }
};

/// A queue of which rows below a horizon, or all rows, wait to be reclaimed.
struct ReclaimRow {
  using Key = QueueKey;
  static constexpr TableId table = TableId::reclaim;
  static constexpr bool dense = false;

  bool removed = false;

  friend bool operator==(const ReclaimRow&, const ReclaimRow&) = default;
  static void layout(auto& archive, auto& row) { archive.field(row.removed); }
};

namespace detail {

void layout_duration(auto& archive, auto& duration) {
  std::int64_t ms = duration.count();
  archive.field(ms);
  if constexpr (std::remove_reference_t<decltype(archive)>::reading) duration = Milliseconds(ms);
}

void layout_optional(auto& archive, auto& optional) {
  using Optional = std::remove_cvref_t<decltype(optional)>;
  bool present = optional.has_value();
  archive.field(present);
  if (!present) return;
  if constexpr (std::remove_reference_t<decltype(archive)>::reading) optional.emplace();
  if constexpr (std::is_same_v<typename Optional::value_type, Milliseconds>) {
    layout_duration(archive, *optional);
  } else {
    archive.field(*optional);
  }
}

void layout_tags(auto& archive, auto& tags) {
  auto count = static_cast<std::uint32_t>(tags.size());
  archive.field(count);
  if constexpr (std::remove_reference_t<decltype(archive)>::reading) {
    for (std::uint32_t i = 0; i < count && archive.ok(); ++i) {
      std::string key;
      std::string value;
      archive.text(key);
      archive.text(value);
      tags.emplace(std::move(key), std::move(value));
    }
  } else {
    for (auto& [key, value] : tags) {
      archive.text(key);
      archive.text(value);
    }
  }
}

void layout_windows(auto& archive, auto& windows) {
  auto count = static_cast<std::uint32_t>(windows.size());
  archive.field(count);
  if constexpr (std::remove_reference_t<decltype(archive)>::reading) {
    if (count > archive.remaining()) count = 0;  // then bytes are left over: refused
    windows.resize(count);
  }
  for (auto& window : windows) {
    auto from = static_cast<std::int32_t>(window.from.count());
    auto to = static_cast<std::int32_t>(window.to.count());
    archive.text(window.zone);
    archive.field(from);
    archive.field(to);
    archive.field(window.days);
    if constexpr (std::remove_reference_t<decltype(archive)>::reading) {
      window.from = std::chrono::minutes(from);
      window.to = std::chrono::minutes(to);
    }
  }
}

/// Half of a number that the first format had with 32 bits.
void layout_half(auto& archive, auto& number, unsigned shift) {
  auto half = static_cast<std::uint32_t>(number >> shift);
  archive.field(half);
  if constexpr (std::remove_reference_t<decltype(archive)>::reading) {
    number = (number & ~(std::uint64_t{0xffff'ffff} << shift)) | (std::uint64_t{half} << shift);
  }
}

void layout_options(auto& archive, auto& options) {
  archive.field(options.type);
  archive.field(options.durability);
  layout_duration(archive, options.sync_interval);
  archive.field(options.partitions);
  archive.field(options.max_message_size);
  layout_optional(archive, options.max_messages);
  layout_optional(archive, options.max_bytes);
  archive.field(options.overflow);
  layout_duration(archive, options.visibility_timeout);
  layout_duration(archive, options.max_lease_time);
  layout_duration(archive, options.delay);
  layout_optional(archive, options.time_to_live);
  layout_optional(archive, options.retention);
  archive.field(options.max_receives);
  archive.text(options.dead_letter_queue);
  archive.field(options.dead_letter_expired);
  layout_duration(archive, options.retry.base);
  layout_duration(archive, options.retry.cap);
  archive.field(options.retry.factor_thousandths);
  archive.field(options.retry.jitter_thousandths);
  archive.field(options.max_in_flight);
  archive.field(options.max_in_flight_per_group);
  archive.field(options.poison);
  archive.field(options.priority_mode);
  for (auto& weight : options.weights) archive.field(weight);
  layout_duration(archive, options.priority_aging);
  layout_half(archive, options.rate.per_second_thousandths, 0);
  archive.field(options.rate.burst);
  layout_half(archive, options.group_rate.per_second_thousandths, 0);
  archive.field(options.group_rate.burst);
  layout_duration(archive, options.deduplication_window);
  archive.field(options.content_based_deduplication);
  layout_tags(archive, options.tags);
}

/// What the second format added; at the end of a row.
void layout_second_options(auto& archive, auto& options) {
  layout_half(archive, options.rate.per_second_thousandths, 32);
  layout_half(archive, options.group_rate.per_second_thousandths, 32);
  layout_windows(archive, options.windows);
}

void layout_config(auto& archive, auto& config) {
  archive.field(config.id);
  archive.field(config.version);
  archive.text(config.name);
  layout_options(archive, config.options);
  archive.field(config.dead_letter);
  archive.field(config.paused);
}

/// The end of a row with a configuration in it.
void layout_config_end(auto& archive, auto& config) {
  const auto& options = config.options;
  constexpr std::uint64_t half = 0xffff'ffff;
  const bool needed = options.rate.per_second_thousandths > half ||
                      options.group_rate.per_second_thousandths > half || !options.windows.empty();
  if (archive.more(needed)) layout_second_options(archive, config.options);
}

}  // namespace detail

/// A queue's parameters in its data shard.
struct ConfigRow {
  using Key = QueueKey;
  static constexpr TableId table = TableId::configs;
  static constexpr bool dense = false;

  QueueConfig config;

  friend bool operator==(const ConfigRow&, const ConfigRow&) = default;
  static void layout(auto& archive, auto& row) {
    detail::layout_config(archive, row.config);
    detail::layout_config_end(archive, row.config);
  }
};

/// What a checkpoint of a shard holds.
struct ShardRow {
  using Key = SingleKey;
  static constexpr TableId table = TableId::shard;
  static constexpr bool dense = false;

  LogIndex applied;
  Term applied_term;
  Stamps stamps;
  /// Index and bytes of the last configuration entry at or below `applied`.
  LogIndex configuration_index;
  std::string configuration;
  /// Chained over replies and row changes; kept for the comparison of replicas, 0 while nothing computes it.
  std::uint64_t digest_high = 0;
  std::uint64_t digest_low = 0;

  friend bool operator==(const ShardRow&, const ShardRow&) = default;
  static void layout(auto& archive, auto& row) {
    archive.field(row.applied);
    archive.field(row.applied_term);
    archive.field(row.stamps.lease);
    archive.field(row.stamps.wall);
    archive.field(row.configuration_index);
    archive.text(row.configuration);
    archive.field(row.digest_high);
    archive.field(row.digest_low);
  }
};

/// The catalog's record of a live queue, by name.
struct CatalogQueueRow {
  using Key = TextKey;
  static constexpr TableId table = TableId::catalog_queues;
  static constexpr bool dense = false;

  QueueConfig config;
  /// The version that the data shard has confirmed.
  std::uint64_t confirmed = 0;
  WallTime created;

  friend bool operator==(const CatalogQueueRow&, const CatalogQueueRow&) = default;
  static void layout(auto& archive, auto& row) {
    detail::layout_config(archive, row.config);
    archive.field(row.confirmed);
    archive.field(row.created);
    detail::layout_config_end(archive, row.config);
  }
};

struct CatalogIdRow {
  using Key = QueueKey;
  static constexpr TableId table = TableId::catalog_ids;
  static constexpr bool dense = false;

  std::string name;

  friend bool operator==(const CatalogIdRow&, const CatalogIdRow&) = default;
  static void layout(auto& archive, auto& row) { archive.rest(row.name); }
};

/// `source` dead-letters into `target` (S11).
struct CatalogSourceRow {
  struct Key {
    QueueId target;
    QueueId source;
    friend constexpr auto operator<=>(const Key&, const Key&) = default;
    static void layout(auto& archive, auto& key) {
      archive.field(key.target);
      archive.field(key.source);
    }
  };
  static constexpr TableId table = TableId::catalog_sources;
  static constexpr bool dense = false;
  friend bool operator==(const CatalogSourceRow&, const CatalogSourceRow&) = default;
  static void layout(auto&, auto&) {}
};

/// A deleted queue whose data shard has not confirmed yet.
struct CatalogRemovedRow {
  using Key = QueueKey;
  static constexpr TableId table = TableId::catalog_removed;
  static constexpr bool dense = false;

  QueueConfig config;

  friend bool operator==(const CatalogRemovedRow&, const CatalogRemovedRow&) = default;
  static void layout(auto& archive, auto& row) {
    detail::layout_config(archive, row.config);
    detail::layout_config_end(archive, row.config);
  }
};

struct CatalogCountersRow {
  using Key = SingleKey;
  static constexpr TableId table = TableId::catalog_counters;
  static constexpr bool dense = false;

  QueueId next_queue;
  std::uint64_t queue_count = 0;

  friend bool operator==(const CatalogCountersRow&, const CatalogCountersRow&) = default;
  static void layout(auto& archive, auto& row) {
    archive.field(row.next_queue);
    archive.field(row.queue_count);
  }
};

}  // namespace v1
}  // namespace peerq::engine
