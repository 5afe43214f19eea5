#pragma once
// Recurring schedules (S79).

#include <cstdint>
#include <string>
#include <tuple>
#include <vector>

#include "peerq/base/ids.hpp"
#include "peerq/base/queue_options.hpp"
#include "peerq/base/time.hpp"
#include "peerq/engine/rows.hpp"

namespace peerq::engine {
inline namespace v1 {

struct ScheduleKey {
  QueueId queue;
  std::string name;

  friend auto operator<=>(const ScheduleKey&, const ScheduleKey&) = default;
  static void layout(auto& archive, auto& key) {
    archive.field(key.queue);
    archive.rest(key.name);
  }
};

struct ScheduleRow {
  using Key = ScheduleKey;
  static constexpr TableId table = TableId::schedules;
  static constexpr bool dense = false;

  /// Rises with every change; runs of an older version are ignored.
  std::uint64_t version = 0;
  std::string specification;
  std::string zone;
  MissedRuns missed = MissedRuns::one;
  WallTime anchor;
  /// What is sent: a message's bytes and how.
  std::string payload;
  std::uint32_t counted_bytes = 0;
  std::uint8_t priority = limits::priority_default;
  std::int64_t time_to_live_ms = 0;
  std::string group;
  /// The next runs in order, resolved by the proposer; the first has a ScheduleDueRow.
  std::vector<WallTime> runs;
  /// The last run that was sent or passed over.
  WallTime last;
  std::uint64_t sent = 0;
  /// The queue was full.
  std::uint64_t lost = 0;
  /// Passed over because nobody was there.
  std::uint64_t missed_runs = 0;
  /// While it catches up: one is to be sent for all that were missed, or so many were sent late.
  bool owes_one = false;
  std::uint32_t caught_up = 0;

  /// Whether nothing would change if it were set to what `other` asks for, whenever that was set.
  bool asks_the_same(const ScheduleRow& other) const {
    const auto asked = [](const ScheduleRow& row) {
      return std::tie(row.specification, row.zone, row.missed, row.payload, row.counted_bytes, row.priority,
                      row.time_to_live_ms, row.group);
    };
    return asked(*this) == asked(other);
  }

  friend bool operator==(const ScheduleRow&, const ScheduleRow&) = default;
  static void layout(auto& archive, auto& row) {
    archive.field(row.version);
    archive.text(row.specification);
    archive.text(row.zone);
    archive.field(row.missed);
    archive.field(row.anchor);
    archive.text(row.payload);
    archive.field(row.counted_bytes);
    archive.field(row.priority);
    archive.field(row.time_to_live_ms);
    archive.text(row.group);
    auto count = static_cast<std::uint32_t>(row.runs.size());
    archive.field(count);
    if constexpr (std::remove_reference_t<decltype(archive)>::reading) {
      if (count > archive.remaining() / sizeof(std::int64_t)) count = 0;  // then bytes are left over: refused
      row.runs.resize(count);
    }
    for (auto& run : row.runs) archive.field(run);
    archive.field(row.last);
    archive.field(row.sent);
    archive.field(row.lost);
    archive.field(row.missed_runs);
    archive.field(row.owes_one);
    archive.field(row.caught_up);
  }
};

/// The next run of each schedule.
struct ScheduleDueRow {
  struct Key {
    WallTime at;
    QueueId queue;
    std::string name;
    friend auto operator<=>(const Key&, const Key&) = default;
    static void layout(auto& archive, auto& key) {
      archive.field(key.at);
      archive.field(key.queue);
      archive.rest(key.name);
    }
  };
  static constexpr TableId table = TableId::schedule_due;
  static constexpr bool dense = false;
  friend bool operator==(const ScheduleDueRow&, const ScheduleDueRow&) = default;
  static void layout(auto&, auto&) {}
};

struct ScheduleCountRow {
  using Key = SingleKey;
  static constexpr TableId table = TableId::schedule_count;
  static constexpr bool dense = false;

  std::uint64_t count = 0;
  /// The last version given to any of them.
  std::uint64_t version = 0;

  friend bool operator==(const ScheduleCountRow&, const ScheduleCountRow&) = default;
  static void layout(auto& archive, auto& row) {
    archive.field(row.count);
    archive.field(row.version);
  }
};

}  // namespace v1
}  // namespace peerq::engine
