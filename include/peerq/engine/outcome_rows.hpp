#pragma once
// What became of messages that somebody waits for (S77).

#include <cstdint>
#include <string>

#include "peerq/base/ids.hpp"
#include "peerq/base/time.hpp"
#include "peerq/engine/rows.hpp"

namespace peerq::engine {
inline namespace v1 {

enum class Fate : std::uint8_t {
  open = 0,
  done = 1,       ///< deleted; `result` is what the worker gave with it
  failed = 2,     ///< dead-lettered or parked: `cause`, `error`
  expired = 3,    ///< its time was over, and nobody dead-letters it
  cancelled = 4,  ///< cancelled, purged, dropped, or its queue deleted
};

struct OutcomeRow {
  struct Key {
    MessageId id;
    friend constexpr auto operator<=>(const Key&, const Key&) = default;
    static void layout(auto& archive, auto& key) {
      archive.field(key.id.incarnation);
      archive.field(key.id.sequence);
    }
  };
  static constexpr TableId table = TableId::outcomes;
  static constexpr bool dense = false;

  Fate fate = Fate::open;
  Cause cause = Cause::none;
  /// Nobody waits any longer: the row goes.
  WallTime until;
  std::string error;
  /// A message's bytes.
  std::string result;

  friend bool operator==(const OutcomeRow&, const OutcomeRow&) = default;
  static void layout(auto& archive, auto& row) {
    archive.field(row.fate);
    archive.field(row.cause);
    archive.field(row.until);
    archive.text(row.error);
    archive.text(row.result);
  }
};

/// When nobody waits for an outcome any longer.
struct OutcomeDueRow {
  struct Key {
    WallTime until;
    MessageId id;
    friend constexpr auto operator<=>(const Key&, const Key&) = default;
    static void layout(auto& archive, auto& key) {
      archive.field(key.until);
      archive.field(key.id.incarnation);
      archive.field(key.id.sequence);
    }
  };
  static constexpr TableId table = TableId::outcome_due;
  static constexpr bool dense = false;
  friend bool operator==(const OutcomeDueRow&, const OutcomeDueRow&) = default;
  static void layout(auto&, auto&) {}
};

}  // namespace v1
}  // namespace peerq::engine
