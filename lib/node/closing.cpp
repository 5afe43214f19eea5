// Ending: close (everything written, checkpointed), abandon (at once), and the refusal of whatever comes
// after.

#include <thread>

#include "node/core.hpp"

namespace peerq::node {

Result<void> Core::close(SteadyTime deadline) {
  closing_.store(true, std::memory_order_relaxed);
  return await(deadline, [this] { return closed_.load(std::memory_order_acquire); });
}

void Core::abandon() {
  abandon_requested_.store(true, std::memory_order_relaxed);
  closing_.store(true, std::memory_order_relaxed);
  run(Runner::submitter, nullptr);
}

bool Core::quiet(SteadyTime deadline) {
  const auto is_closed = [this] { return closed_.load(std::memory_order_acquire); };
  (void)await(deadline, is_closed);  // its error does not matter: a node that failed is quiet too
  return is_closed();
}

/// Runs the core and waits until `reached`; `advance_closing` tells of every change.
Result<void> Core::await(SteadyTime deadline, const std::function<bool()>& reached) {
  for (;;) {
    const std::uint32_t seen = progress_.load(std::memory_order_acquire);
    run(Runner::caller, nullptr);
    if (reached()) return is_failed_outside() ? Result<void>(failed_) : Result<void>();
    if (parts_.clock->steady() >= deadline) return errc::timeout;
    parts_.executor->wait(progress_, seen, deadline);
  }
}

/// Under the token, while closing: one thing after the other until nothing is left.
void Core::advance_closing() {
  abandoned_ = abandoned_ || abandon_requested_.load(std::memory_order_relaxed);
  for (auto& shard : shards_) end_waiters(shard);
  if (abandoned_) {
    for (auto& shard : shards_) fail_everything(shard, Error(errc::closed));
  }
  calls_.clear();
  if (abandoned_ || is_failed()) give_up_checkpoint();
  if (!is_idle()) {
    if (writer_.has_work()) writer_.hurry();  // nothing that may wait is worth waiting for now
    return;
  }
  if (!abandoned_ && !is_failed() && !marked_clean_) {
    final_ = true;
    consider_checkpoints();
    if (checkpointed_ != nullptr || writer_.has_work()) return;
    // After the last checkpoint: the record must be in the log that the next open reads.
    if (mark_clean()) return;
  }
  if (closed_.exchange(true, std::memory_order_release)) return;
  parts_.observer->event(NodeEvent::closed, "", 1);
  progress_.fetch_add(1, std::memory_order_release);
  parts_.executor->wake(progress_);
}

void Core::end_waiters(Shard& shard) {
  for (const QueueId queue : shard.waiters.queues()) {
    for (const auto& waiter : shard.waiters.take_all(queue)) finish(waiter, Error(errc::closed));
  }
  end_outcomes(shard, Error(errc::closed));
  end_lines(shard, Error(errc::closed));
}

bool Core::is_idle() const {
  if (checkpointed_ != nullptr || !writer_.idle()) return false;
  if (abandoned_ || is_failed()) return true;
  if (writer_.has_work()) return false;
  for (const auto& shard : shards_) {
    if (!shard.is_stopped() && (!shard.pending.empty() || !shard.under_way.empty())) return false;
  }
  return true;
}

/// Logs a barrier as the interval shard's last record: its log is complete. False when there is nothing to
/// wait for.
bool Core::mark_clean() {
  marked_clean_ = true;
  Shard& shard = this->shard(interval_shard);
  if (shard.is_stopped()) return false;
  port::ReplicatorUpdate update;
  auto index = shard.replicator->propose(port::EntryType::barrier, SharedBytes(), update);
  if (!index) return false;
  carry_out(shard, std::move(update), 0);
  writer_.hurry();
  auto passed = shard.machine->pass(*index, shard.replicator->term(), false, Bytes());
  if (!passed) stop_shard(shard, passed.error());
  return true;
}

void Core::shut() {
  // The executor has stopped; only threads of callers are left, and they leave the token soon.
  while (work_.fetch_add(1, std::memory_order_acq_rel) != 0) {
    if (parts_.executor->callers_may_run()) std::this_thread::yield();
  }
  hold(Runner::stopped);
}

/// Under the token: lets go of machines and store. The writer and the checkpointer are idle, or their lanes
/// stopped.
void Core::shut_down() {
  for (auto& shard : shards_) {
    fail_everything(shard, Error(errc::closed));
    shard.machine = nullptr;
    shard.queues = nullptr;
  }
  calls_.clear();
  shut_ = true;
  closed_.store(true, std::memory_order_release);
  parts_.store.reset();
}

void Core::refuse_everything() {
  for (auto request = mailbox_.take(); request != nullptr;) {
    auto after = Mailbox::follow(*request);
    finish(request, Error(errc::closed));
    request = std::move(after);
  }
}

}  // namespace peerq::node
