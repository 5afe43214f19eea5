#pragma once
// The floor of everything durable: plain LMDB in its default, synchronous mode, values appended at the end of
// a table. What a user of LMDB alone gets: no leases, no checksums, no tables of state.

#include <lmdb.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>

#include "log_counters.hpp"
#include "statistics.hpp"

namespace peerq::bench {

/// An environment with one table.
class LmdbFloor {
 public:
  /// **Errors** throws CannotMeasure, as every member does.
  explicit LmdbFloor(const std::filesystem::path& folder);
  ~LmdbFloor();
  LmdbFloor(const LmdbFloor&) = delete;
  LmdbFloor& operator=(const LmdbFloor&) = delete;

  /// Each value in a commit of its own.
  Latencies append_singly(std::size_t values, std::size_t value_bytes);

  /// As many commits of as many bytes, each commit's bytes as one value: the fastest form. Seconds.
  double append(const Commits& commits);
  /// The same with values of `value_bytes`, one put each. Seconds.
  double append_in_values(const Commits& commits, std::size_t value_bytes);

  /// A new file: every round begins with one, because a long list of free pages would slow LMDB down.
  void start_anew();

 private:
  void open();
  void put(MDB_txn* transaction, std::size_t value_bytes);
  MDB_txn* begin();
  void commit(MDB_txn* transaction);

  std::filesystem::path folder_;
  MDB_env* environment_ = nullptr;
  MDB_dbi table_ = 0;
  std::uint64_t next_key_ = 1;
  std::string bytes_;
};

}  // namespace peerq::bench
