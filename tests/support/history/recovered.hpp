#pragma once
// I11: a recovered log is a consistent prefix of what was written, and holds everything that was synced. The
// journal is what a test noted of every write, in order, and what it knows to be synced.

#include <cstdint>
#include <map>
#include <string>

#include "support/history/checkers.hpp"

namespace peerq::history {

struct WrittenRecord {
  std::uint64_t term = 0;
  /// Any hash of the record's bytes.
  std::uint64_t digest = 0;

  friend bool operator==(const WrittenRecord&, const WrittenRecord&) = default;
};

struct WriteJournal {
  std::map<std::uint64_t, WrittenRecord> records;
  /// Everything up to here was reported durable before the crash; 0 = nothing.
  std::uint64_t synced_index = 0;
  std::uint64_t synced_term = 0;
  std::uint64_t synced_vote = 0;
};

struct Recovered {
  /// Empty log: last_index = first_index - 1.
  std::uint64_t first_index = 1;
  std::uint64_t last_index = 0;
  std::map<std::uint64_t, WrittenRecord> records;
  std::uint64_t term = 0;
  std::uint64_t vote = 0;
  /// What the state machine's tables hold.
  std::uint64_t applied_index = 0;
  /// Digest of the state, and what replaying the journal up to `applied_index` gives; 0 = not compared.
  std::uint64_t state_digest = 0;
  std::uint64_t replayed_digest = 0;
};

/// I11.
Findings check_recovered(const WriteJournal& journal, const Recovered& recovered);

}  // namespace peerq::history
