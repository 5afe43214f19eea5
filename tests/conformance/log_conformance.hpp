#pragma once
// What every implementation of the log port must do. A new one has a file log_<name>.cpp, which runs every
// case with a factory of its own.

#include <cstdint>
#include <functional>
#include <memory>

#include "peerq/port/log.hpp"

namespace peerq::conformance {

/// A log that can be closed and opened again, as after a crash: what was committed is there.
class LogSubject {
 public:
  virtual ~LogSubject() = default;
  virtual port::Log& log() = 0;
  virtual void reopen() = 0;
};

/// A subject with an empty log.
using LogFactory = std::function<std::unique_ptr<LogSubject>()>;

/// Failures are Catch2's.
void check_empty_log(const LogFactory& make);
void check_append_and_read(const LogFactory& make);
void check_records_of_all_sizes(const LogFactory& make);
void check_cut(const LogFactory& make);
void check_hard_state(const LogFactory& make);
void check_trim(const LogFactory& make);
void check_long_trim(const LogFactory& make);
void check_snapshot_beyond_the_log(const LogFactory& make);
void check_shards_are_apart(const LogFactory& make);
void check_visitor_can_stop(const LogFactory& make);
void check_bodies_are_aligned(const LogFactory& make);
/// Random writes on all shards against a model, with restarts.
void check_random_writes(const LogFactory& make, std::uint64_t seed, std::size_t steps);

}  // namespace peerq::conformance
