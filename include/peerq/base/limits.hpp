#pragma once
// Every limit of the library in one place. **Source** docs/semantics.md, parameters and limits.

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace peerq::limits {

using namespace std::chrono_literals;
using Years = std::chrono::duration<std::int64_t, std::ratio<365 * 24 * 3600>>;

inline constexpr std::size_t queue_name_size_max = 80;
inline constexpr std::size_t max_message_size_default = 256 * 1024;
inline constexpr std::size_t max_message_size_max = 16 * 1024 * 1024;
inline constexpr std::uint64_t max_messages_max = std::uint64_t{1} << 40;
inline constexpr std::uint64_t max_bytes_max = std::uint64_t{1} << 50;

inline constexpr std::chrono::milliseconds visibility_timeout_default = 30s;
inline constexpr std::chrono::milliseconds visibility_timeout_min = 1ms;
inline constexpr std::chrono::milliseconds visibility_timeout_max = 12h;
inline constexpr std::chrono::milliseconds max_lease_time_default = 12h;
inline constexpr std::chrono::milliseconds max_lease_time_max = 7 * 24h;
inline constexpr std::chrono::milliseconds delay_max = Years(10);
inline constexpr std::chrono::milliseconds time_to_live_min = 1ms;
inline constexpr std::chrono::milliseconds retention_min = 1s;
inline constexpr std::chrono::milliseconds expiry_max = Years(10);
inline constexpr std::chrono::milliseconds sync_interval_default = 100ms;
inline constexpr std::chrono::milliseconds sync_interval_min = 1ms;
inline constexpr std::chrono::milliseconds sync_interval_max = 10s;

inline constexpr std::uint32_t max_receives_max = 1'000'000;
inline constexpr std::uint32_t max_in_flight_max = 0x7fff'ffff;
inline constexpr std::uint64_t rate_thousandths_max = 10'000'000'000;
inline constexpr std::uint32_t burst_max = 10'000'000;
inline constexpr std::uint16_t weight_min = 1;
inline constexpr std::uint16_t weight_max = 1'000;
inline constexpr std::chrono::milliseconds priority_aging_min = 1s;
inline constexpr std::chrono::milliseconds priority_aging_max = 30 * 24h;
inline constexpr std::size_t windows_max = 32;
inline constexpr std::size_t zone_size_max = 64;
inline constexpr std::size_t schedule_specification_size_max = 256;
inline constexpr std::chrono::milliseconds schedule_interval_min = 1s;
inline constexpr std::chrono::milliseconds schedule_interval_max = Years(10);
/// Runs that the calendar resolves in one call.
inline constexpr std::size_t schedule_runs_max = 10'000;
inline constexpr std::size_t dead_letter_chain_max = 8;
inline constexpr std::chrono::milliseconds retry_base_max = 12h;
inline constexpr std::chrono::milliseconds retry_cap_default = 15min;
inline constexpr std::chrono::milliseconds retry_cap_max = 30 * 24h;
inline constexpr std::size_t tags_max = 50;
inline constexpr std::size_t tag_key_size_max = 128;
inline constexpr std::size_t tag_value_size_max = 256;

inline constexpr std::uint8_t priority_default = 4;
/// A level's weight is its number plus one.
inline constexpr std::array<std::uint16_t, 10> weights_default{1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
inline constexpr std::chrono::milliseconds deduplication_window_default = 5min;
inline constexpr std::chrono::milliseconds deduplication_window_max = 7 * 24h;
inline constexpr std::uint8_t priority_max = 9;
inline constexpr std::uint8_t priority_count = 10;
/// One for each priority, and one for all messages that have a group.
inline constexpr std::uint8_t lane_count = 11;
inline constexpr std::uint8_t group_lane = 10;
inline constexpr std::size_t attributes_max = 64;
inline constexpr std::size_t attribute_key_size_max = 128;
inline constexpr std::size_t group_id_size_max = 128;
inline constexpr std::size_t deduplication_id_size_max = 128;
/// Deduplication ids past their windows that one entry removes from each queue it touches: more than it can
/// add by single sends.
inline constexpr std::size_t deduplication_slice = 1'024;
/// A session remembers the replies of so many requests, and ends this long after its last one (S18).
inline constexpr std::uint32_t session_window = 1'024;
inline constexpr std::chrono::milliseconds session_idle = 10min;
inline constexpr std::uint64_t sessions_max = 65'536;
inline constexpr std::uint64_t session_request_max = 0x7fff'ffff'ffff'ffff;
/// Receive from several queues.
inline constexpr std::size_t receive_queues_max = 64;
inline constexpr std::uint32_t receive_weight_max = 1'000;
/// Messages that one send may push out of a full queue (S15).
inline constexpr std::size_t drop_max = 16;
/// Recurring schedules: runs kept ahead, and when more are asked for; a run that much late was missed.
inline constexpr std::size_t schedule_runs = 64;
inline constexpr std::size_t schedule_runs_low = 16;
inline constexpr std::chrono::milliseconds schedule_grace = 10s;
inline constexpr std::uint32_t missed_runs_max = 1'000;
inline constexpr std::uint64_t schedules_max = 10'000;
/// How long somebody may wait for an outcome.
inline constexpr std::chrono::milliseconds request_timeout_max = 7 * 24h;
inline constexpr std::size_t schedule_text_size_max = 256;
/// Turns of a delivery window kept ahead, and when more are asked for.
inline constexpr std::size_t window_turns = 16;
inline constexpr std::size_t window_turns_low = 4;
/// A redrive into another shard waits while so many of its messages are on their way, and looks again after
/// this time; also when its target is full.
inline constexpr std::uint64_t moving_max = 1'000;
inline constexpr std::chrono::milliseconds redrive_pause = 100ms;
inline constexpr std::size_t correlation_id_size_max = 128;
inline constexpr std::size_t attempt_id_size_max = 128;

inline constexpr std::size_t send_entries_max = 1'000;
inline constexpr std::size_t send_bytes_max = 16 * 1024 * 1024;
inline constexpr std::uint32_t receive_messages_max = 1'000;
inline constexpr std::uint64_t receive_bytes_default = 4 * 1024 * 1024;
inline constexpr std::uint64_t receive_bytes_max = 64 * 1024 * 1024;
inline constexpr std::size_t batch_max = 1'000;
inline constexpr std::size_t page_default = 100;
inline constexpr std::size_t page_max = 1'000;
inline constexpr std::size_t reason_size_max = 1'024;
inline constexpr std::size_t receipt_size_max = 128;
inline constexpr std::chrono::milliseconds timeout_default = 30s;
inline constexpr std::chrono::milliseconds timeout_min = 1ms;

inline constexpr std::size_t queues_max = 100'000;
inline constexpr std::size_t waiters_max = 65'536;

/// Rows that one entry handles because of its stamps (S3).
inline constexpr std::size_t due_rows_per_entry = 1'000;
/// Timers of the calendar are kept exactly for so long ahead at least, later ones roughly. On disk: never
/// change it.
inline constexpr std::chrono::milliseconds far_due_span = 512s;
/// Messages of one queue that are on their way to other shards at once (S41).
inline constexpr std::size_t moves_max = 64;
/// Rows that one receive may look at without handing them out.
inline constexpr std::size_t receive_skip_budget = 256;
/// Rows below a purge horizon that one entry reclaims.
inline constexpr std::size_t reclaim_rows_per_entry = 1'000;

/// Size at which the batcher cuts an entry although the writer is busy.
inline constexpr std::size_t entry_size_aim = 64 * 1024;
inline constexpr std::size_t entry_size_max = 17 * 1024 * 1024;
/// Proposed and not yet applied, per shard and per node; beyond it senders wait.
inline constexpr std::size_t unapplied_shard_bytes_max = 16 * 1024 * 1024;
inline constexpr std::size_t unapplied_node_bytes_max = 64 * 1024 * 1024;

/// While a lease is live a stamp is logged at least this often (S2).
inline constexpr std::chrono::milliseconds stamp_interval = 10s;
/// How far the wall clock may run ahead of the monotonic one before it is suspect (S64).
inline constexpr std::chrono::milliseconds clock_suspect_jump = 24h;

inline constexpr std::size_t memory_budget_default = 64 * 1024 * 1024;
inline constexpr std::size_t memory_budget_min = 4 * 1024 * 1024;

}  // namespace peerq::limits
