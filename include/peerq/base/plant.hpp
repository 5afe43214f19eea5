#pragma once
// Planted bugs: faults put in on purpose, to see whether the tests find them. Compiled in only with
// the CMake option PEERQ_PLANTS; in every other build `PEERQ_PLANTED(name)` is the constant false.

#include <cstdlib>
#include <string_view>

/// X(name, what goes wrong when it is on)
#define PEERQ_PLANT_LIST(X)                                                                       \
  X(ack_before_sync, "a send is acknowledged before its log record is durable")                   \
  X(lease_from_wall_clock, "lease deadlines follow the wall clock")                               \
  X(stale_receipt_accepted, "a delete with an older attempt deletes the message")                 \
  X(dead_letter_in_two_steps, "a message leaves its queue before it is in the dead-letter queue") \
  X(checksum_skipped, "checksums of log records and rows are not compared")                       \
  X(checkpoint_ahead_of_log, "a checkpoint records an applied index that it does not hold")       \
  X(trim_before_checkpoint, "the log is trimmed before the checkpoint is durable")                \
  X(lost_tombstone, "an erase of a row that exists below the delta is forgotten")                 \
  X(release_counts, "a release counts as a receive")                                              \
  X(purge_spares_parked, "purge leaves parked messages")                                          \
  X(delete_after_expiry_lost, "a delete that came in time loses against a later expiry")          \
  X(double_delivery, "a returned message is handed out twice")                                    \
  X(delay_ignored_on_restart, "recovery makes delayed messages ready at once")                    \
  X(counter_drift, "a dead-lettered message is counted twice")                                    \
  X(attempt_reused, "a new lease does not raise the attempt")                                     \
  X(fifo_group_not_closed_by_lease, "a FIFO group with a message in flight gives out more")       \
  X(retry_delay_not_holding_the_group, "a FIFO group goes on while its retry delay lasts")        \
  X(weighted_credit_not_taken, "a weighted delivery takes no credit of its level")                \
  X(session_replay_applied_twice, "a repeated request of a session is applied again")             \
  X(transaction_half_applied, "a transaction deletes although its sends find a full queue")       \
  X(redrive_keeps_count, "a redriven message keeps its receive count")                            \
  X(schedule_run_twice, "a run of a schedule is sent twice")

namespace peerq {

/// Whether a planted bug of this name exists in this version.
constexpr bool plant_known(std::string_view name) noexcept {
#define PEERQ_X(plant, text) \
  if (name == #plant) return true;
  PEERQ_PLANT_LIST(PEERQ_X)
#undef PEERQ_X
  return false;
}

namespace detail {

inline bool planted(std::string_view name) noexcept {
  static const char* const chosen = std::getenv("PEERQ_PLANT");  // NOLINT(concurrency-mt-unsafe)
  return chosen != nullptr && name == chosen;
}

}  // namespace detail
}  // namespace peerq

#ifdef PEERQ_PLANTS
#define PEERQ_PLANTED(plant) (::peerq::detail::planted(#plant))
#else
#define PEERQ_PLANTED(plant) (false)
#endif
