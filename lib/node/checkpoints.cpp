// Checkpoints: set the delta aside (core), write it (checkpoint lane), switch to it (core), then let the log
// forget. One at a time in the whole node. Never in another order: the log is trimmed only after the state is
// durable.

#include "node/core.hpp"
#include "peerq/base/plant.hpp"

namespace peerq::node {

namespace {

constexpr std::size_t log_bytes_max = 64 * 1024 * 1024;
constexpr auto checkpoint_retry = std::chrono::milliseconds(500);

}  // namespace

void Core::consider_checkpoints() {
  if (abandoned_ || is_failed() || marked_clean_) return;
  if (retry_checkpoint_at_ <= now_) {
    retry_checkpoint_at_ = SteadyTime::never();
    return post_checkpoint();
  }
  if (checkpointed_ != nullptr || checkpoints_failed_) return;
  for (auto& shard : shards_) {
    if (shard.keep == Keep::memory || shard.is_stopped()) continue;
    if (!shard.changed && !final_ && accepts_sends()) continue;
    const bool pressed = !accepts_sends() && shard.log_bytes > 0;
    if (!shard.machine->checkpoint_due() && shard.log_bytes < log_bytes_max && !pressed && !final_) {
      shard.changed = false;
      continue;
    }
    if (begin_checkpoint(shard)) return;
  }
}

bool Core::begin_checkpoint(Shard& shard) {
  if (shard.durable < shard.machine->applied()) {
    // Acknowledged before it was written: a checkpoint never holds more than the durable log.
    writer_.hurry();
    return false;
  }
  if (!shard.machine->freeze(shard.durable)) {
    shard.log_bytes = 0;
    return false;
  }
  shard.log_bytes = 0;
  checkpointed_ = &shard;
  post_checkpoint();
  return true;
}

void Core::post_checkpoint() {
  parts_.executor->post(port::Lane::checkpoint,
                        [self = shared_from_this(), machine = checkpointed_->machine] {
                          self->checkpoint_result_ = machine->write_checkpoint();  // durable:
                          self->checkpoint_ready_.store(true, std::memory_order_release);
                          self->run(Runner::core_lane, nullptr);
                        });
}

/// For a node that ends at once or failed: a checkpoint that waits for room waits for nothing now.
void Core::give_up_checkpoint() {
  if (retry_checkpoint_at_ == SteadyTime::never()) return;
  retry_checkpoint_at_ = SteadyTime::never();
  checkpointed_ = nullptr;
}

void Core::take_checkpoint() {
  if (!checkpoint_ready_.exchange(false, std::memory_order_acquire)) return;
  Shard& shard = *checkpointed_;
  progress_.fetch_add(1, std::memory_order_release);
  parts_.executor->wake(progress_);
  shard.due_known = false;
  if (!checkpoint_result_) {
    const Error error = checkpoint_result_.error();
    parts_.observer->event(NodeEvent::checkpoint_failed, shard.name, 1);
    if (error.code == errc::storage_full && !closing_.load(std::memory_order_relaxed)) {
      // What was set aside stays so; room may come.
      retry_checkpoint_at_ = now_ + checkpoint_retry;
      return set_accepts_sends(false);
    }
    checkpointed_ = nullptr;
    checkpoints_failed_ = true;
    if (error.code == errc::node_failed) return fail_node("state", error);
    if (error.code != errc::storage_full) stop_shard(shard, error);
    return;
  }
  checkpointed_ = nullptr;
  auto written = shard.machine->finish_checkpoint();
  if (!written) return stop_shard(shard, written.error());
  parts_.observer->event(NodeEvent::checkpoint_done, shard.name, 1);
  std::vector<port::LogWrite> trim(1);
  trim.front().shard = shard.id;
  trim.front().snapshot = port::SnapshotMeta{.index = written->index,
                                             .term = written->term,
                                             .configuration_index = written->configuration_index,
                                             .configuration = std::move(written->configuration)};
  writer_.enqueue(std::move(trim), final_ || !accepts_sends());
  refresh_usage();
}

}  // namespace peerq::node
