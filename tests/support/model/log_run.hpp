#pragma once
// One random log: steps made from genes, applied to the model and to a system, with every reply and state
// compared. A gene is a number from which one step is decoded, given the state so far; so any part of a list
// of genes is a log too, and a failing one can be cut down.

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "support/model/system.hpp"

namespace peerq::model {

using Genes = std::vector<std::uint64_t>;
using SystemFactory = std::function<std::unique_ptr<System>()>;

/// Situations that random logs must meet; each is counted.
// clang-format off
#define PEERQ_MODEL_SITUATIONS(X) \
  X(sent) X(sent_delayed) X(sent_with_time_to_live) X(send_atomic) X(send_atomic_refused) X(queue_full) \
  X(message_too_large) X(send_invalid) X(received) X(redelivered) \
  X(received_nothing) X(receive_cut_by_bytes) X(receive_erase) X(receive_invalid) \
  X(receive_with_attempt_id) X(attempt_id_repeated) X(receive_dead_lettered) X(paused) X(at_in_flight_cap) \
  X(erased) X(already_gone) X(stale_receipt) X(message_not_found) X(extended) X(extend_clamped) \
  X(extend_zero) X(lease_expired) X(nacked) X(nack_last_attempt) X(released) X(already_returned) \
  X(rejected) X(late_erase) X(late_reject) X(settle_invalid) X(queue_deleted) X(kicked) X(purged) \
  X(lease_lapsed) X(lapsed_exactly) X(expired) X(dead_lettered) X(parked) X(dead_letter_missing) \
  X(expiry_halted) X(expired_while_halted) X(retry_with_jitter) X(order_left_open) X(configured) \
  X(old_configure) X(removed) X(restarted) X(checkpointed) X(compared) \
  X(deduplicated) X(dropped) X(transacted) X(transaction_refused) X(received_from_several) \
  X(session_replayed) X(session_expired) X(outcome_unknown) X(session_ended_lease) X(explained) \
  X(redriven) X(redrive_skipped) X(redrive_failed) X(redrive_waits) X(redrive_stopped) X(moved_away) \
  X(came_back) X(arrived) X(arrived_again) X(arrival_refused) X(run_sent) X(run_lost) X(run_missed) \
  X(runs_caught_up) X(outcome_told) X(requester_gone) X(restored)
// clang-format on

enum class Situation : std::uint8_t {
#define PEERQ_X(name) name,
  PEERQ_MODEL_SITUATIONS(PEERQ_X)
#undef PEERQ_X
      count
};

std::string_view name_of(Situation situation) noexcept;

using Situations = std::array<std::uint64_t, static_cast<std::size_t>(Situation::count)>;

struct LogResult {
  /// Commands applied.
  std::uint64_t steps = 0;
  std::uint64_t entries = 0;
  /// The first difference; empty = none.
  std::string violation;
  /// The log in words, when it was asked for.
  std::string trace;
  Situations met{};

  void add(const LogResult& other);
};

struct LogOptions {
  bool trace = false;
  /// Of 1,000 entries, how many are followed by a checkpoint, and by a restart.
  std::uint64_t checkpoints = 0;
  std::uint64_t restarts = 0;
  /// And by a move into other tables by a stream of chunks.
  std::uint64_t restores = 0;
};

/// Runs the log on `system`, which must be new.
LogResult run_log(System& system, const Genes& genes, const LogOptions& options);

/// `count` genes out of a seed.
Genes make_genes(std::uint64_t seed, std::size_t count);

/// Cuts a failing log down, as far as `runs` runs reach, and returns it.
Genes shrink(const Genes& genes, const std::function<bool(const Genes&)>& fails, std::size_t runs = 3000);

/// Many logs out of one seed until `steps` commands were applied or one fails; the failure is cut down and
/// told in words in `violation`.
LogResult run_logs(const SystemFactory& make, std::uint64_t seed, std::uint64_t steps,
                   const LogOptions& options, const std::function<void(std::uint64_t)>& progress = {});

}  // namespace peerq::model
