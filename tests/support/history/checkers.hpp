#pragma once
// The invariants of a queue, checked over a recorded history. Each checker counts what it looked at, what it
// could not decide, and what is wrong. Groups (I6) and deduplication (I7) are not checked: no history of this
// version can hold them. Nor is what needs several peers: there are none.

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "support/history/history.hpp"

namespace peerq::history {

enum class Invariant : std::uint8_t { i1 = 1, i2, i3, i4, i5, i8 = 8, i9, i10, i11 };

/// "I1" to "I11".
std::string name_of(Invariant invariant);

struct Violation {
  Invariant invariant;
  std::string what;
  /// An acknowledged message is gone.
  bool loss = false;
};

struct Findings {
  std::uint64_t checked = 0;
  std::uint64_t undecided = 0;
  std::vector<Violation> violations;

  void add(Findings other);
};

/// What the checkers have to know about the queues.
struct Rules {
  /// Queues whose messages may expire.
  std::set<std::string> may_expire;
  /// Source queue to dead-letter queue.
  std::map<std::string, std::string> dead_letter;
  /// How much two clocks may drift apart, in thousandths of a lease.
  std::int64_t clock_error_thousandths = 20;
  /// Fewer `ok` operations than this make a run worthless.
  std::uint64_t ok_operations_min = 1;
};

/// I1: at the end every acknowledged send is live, deleted, expired or purged, exactly once.
Findings check_no_loss(const History& history, const Rules& rules);
/// I2: no message from nowhere, no altered body.
Findings check_bodies(const History& history, const Rules& rules);
/// I3: a lease is exclusive.
Findings check_exclusive_leases(const History& history, const Rules& rules);
/// I4: nothing is delivered after its acknowledged delete.
Findings check_deleted_stays_deleted(const History& history, const Rules& rules);
/// I5: a stale receipt deletes nothing.
Findings check_stale_receipts(const History& history, const Rules& rules);
/// I8: in every state dump each message is in one place.
Findings check_one_place(const History& history, const Rules& rules);
/// I9: attempts rise by one per grant, receive counts too, but for releases.
Findings check_counts(const History& history, const Rules& rules);

/// What a whole run came to.
struct Verdict {
  Findings findings;
  std::uint64_t ok_operations = 0;
  std::uint64_t duplicates = 0;
  /// Empty = the run passed; else the reason: a violation, too much undecided, or too little done.
  std::string failure;
};

/// Runs I1-I5, I8, I9 and I10 (by search).
Verdict judge(const History& history, const Rules& rules);

// Helpers of the checkers.

/// Operations by the message they name, each list by start.
std::map<std::string, std::vector<const Operation*>> by_message(const History& history);
/// Ended before the other began: whatever the truth, it came first.
bool certainly_before(const Operation& first, const Operation& second) noexcept;
bool is_grant(const Operation& operation) noexcept;

}  // namespace peerq::history
