#pragma once
// The parameters of a queue, as the user gives them and the catalog keeps them.

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "peerq/base/limits.hpp"
#include "peerq/base/time.hpp"

namespace peerq {

enum class QueueType : std::uint8_t { standard, fifo };
/// `sync`: acknowledged means on stable storage. `interval`: written within `sync_interval`. `memory`: never
/// (S82).
enum class Durability : std::uint8_t { sync, interval, memory };
enum class Overflow : std::uint8_t { reject, drop_oldest, block };
enum class Poison : std::uint8_t { block, park_group };
enum class PriorityMode : std::uint8_t { strict, weighted };

/// How long a message waits after a nack without an explicit delay: min(cap, base*factor^(n-1))*(1-jitter*h)
/// (S36).
struct RetryPolicy {
  /// 0 (ready at once) to 12 h.
  Milliseconds base{0};
  /// Up to 30 days.
  Milliseconds cap{limits::retry_cap_default};
  /// 1 to 10, in thousandths: 2000 is a factor of 2.
  std::uint32_t factor_thousandths = 2000;
  /// 0 to 1, in thousandths: 200 takes off up to a fifth.
  std::uint32_t jitter_thousandths = 200;

  friend bool operator==(const RetryPolicy&, const RetryPolicy&) = default;
};

/// A token bucket (S30): a delivery costs a token.
struct RateLimit {
  /// Tokens gained in a second, in thousandths; 0 = no limit.
  std::uint64_t per_second_thousandths = 0;
  /// Tokens that it holds at most, up to 10^7. 0 = the larger of 1 and whole tokens per second.
  std::uint32_t burst = 0;

  friend bool operator==(const RateLimit&, const RateLimit&) = default;
};

/// When a queue hands out: every day of `days`, from `from` to `to` in the zone's own time; `to` at or before
/// `from` means the next day.
struct DeliveryWindow {
  /// Name in the IANA database, e.g. "Europe/Berlin".
  std::string zone = "UTC";
  std::chrono::minutes from{0};
  std::chrono::minutes to{0};
  /// Bit 0 = Monday ... bit 6 = Sunday: of the day on which the window opens.
  std::uint8_t days = 0x7f;

  friend bool operator==(const DeliveryWindow&, const DeliveryWindow&) = default;
};

/// What a recurring schedule does about runs that nobody was there for (S79).
enum class MissedRuns : std::uint8_t { one = 0, none = 1, all = 2 };

/// The parameters of a queue. Every field has a default; limits stand beside it and in docs/semantics.md.
struct QueueOptions {
  /// Fixed at creation.
  QueueType type = QueueType::standard;
  /// Fixed at creation.
  Durability durability = Durability::sync;
  /// For `interval`: how old the written state may be at most. 1 ms to 10 s.
  Milliseconds sync_interval{limits::sync_interval_default};
  /// Fixed at creation. 1; more is not supported by this version.
  std::uint32_t partitions = 1;

  /// Largest message in bytes, attributes counted. 1 B to 16 MiB.
  std::uint64_t max_message_size = limits::max_message_size_default;
  /// Most messages that the queue holds, whatever their state; none = no limit.
  std::optional<std::uint64_t> max_messages = {};
  /// Most bytes of messages; at least max_message_size; none = no limit.
  std::optional<std::uint64_t> max_bytes = {};
  /// What a send to a full queue gets (S15): `queue_full` at once; room that the oldest ready messages of the
  /// lowest priority make for it; or a place in line until there is room or its timeout ends.
  Overflow overflow = Overflow::reject;

  /// How long a received message stays invisible. 1 ms to 12 h.
  Milliseconds visibility_timeout{limits::visibility_timeout_default};
  /// How far a lease can be extended in all. visibility_timeout to 7 d.
  Milliseconds max_lease_time{limits::max_lease_time_default};
  /// Delay of a send that names none. 0 to 10 years.
  Milliseconds delay{0};
  /// Time-to-live of a send that names none. 1 ms to 10 years.
  std::optional<Milliseconds> time_to_live = {};
  /// How long a message is kept. 1 s to 10 years.
  std::optional<Milliseconds> retention = {};

  /// Attempts after which a message is dead-lettered, or parked without a dead-letter queue. 0 = no limit.
  std::uint32_t max_receives = 0;
  /// Name of the dead-letter queue; created with defaults when missing. Empty = none.
  std::string dead_letter_queue = {};
  /// Whether expired messages go to the dead-letter queue too.
  bool dead_letter_expired = true;
  RetryPolicy retry = {};

  /// Most messages in flight at once. 0 = no limit.
  std::uint32_t max_in_flight = 0;

  /// Most messages of one group in flight at once. 0 = no limit.
  std::uint32_t max_in_flight_per_group = 0;
  /// What a FIFO queue does with a group whose first message used up its attempts (S45).
  Poison poison = Poison::block;
  PriorityMode priority_mode = PriorityMode::strict;
  /// `weighted`: the share of each level, 1 to 1,000.
  std::array<std::uint16_t, limits::priority_count> weights = limits::weights_default;
  /// `strict`: a message rises by one level for each such interval waited. 1 s to 30 d; 0 = off.
  Milliseconds priority_aging{0};
  /// Deliveries of the queue, and of each of its groups.
  RateLimit rate = {};
  RateLimit group_rate = {};

  /// How long a deduplication id is remembered after the send that was accepted under it (S17). Up to 7 d;
  /// 0 = ids count for nothing.
  Milliseconds deduplication_window{limits::deduplication_window_default};
  /// A send without a deduplication id gets one made of its body: BLAKE2b-256.
  bool content_based_deduplication = false;

  /// Times of delivery (S78); none = always. At most 32.
  std::vector<DeliveryWindow> windows = {};
  /// Free text of the owner: at most 50, key 128 B, value 256 B.
  std::map<std::string, std::string> tags = {};

  friend bool operator==(const QueueOptions&, const QueueOptions&) = default;
};

}  // namespace peerq
