#pragma once
// Makes the log port asynchronous: gathers writes while a commit is under way, one commit for all shards.
//
// Two sides. The core's (under its token): enqueue, start, take_result. The writer's (one thread at a time,
// the one that `start` appointed): commit. They meet in `result_ready_`.

#include <atomic>
#include <optional>
#include <vector>

#include "peerq/base/result.hpp"
#include "peerq/base/time.hpp"
#include "peerq/port/log.hpp"

namespace peerq::node {

class LogWriter {
 public:
  explicit LogWriter(port::Log& log) noexcept : log_(&log) {}

  // The core's side.

  bool idle() const noexcept { return !busy_; }
  bool has_work() const noexcept { return !queue_.empty(); }
  /// Somebody waits for what is queued.
  bool urgent() const noexcept { return urgent_; }
  void hurry() noexcept { urgent_ = true; }

  void enqueue(std::vector<port::LogWrite>&& writes, bool urgent) {
    for (auto& write : writes) queue_.push_back(std::move(write));
    urgent_ = urgent_ || urgent;
  }

  /// Takes what is queued for the next commit; somebody must call `commit` after this.
  void start() {
    busy_ = true;
    committing_.swap(queue_);
    urgent_ = false;
  }

  /// The finished commit's writes and outcome, once; then idle again. Storage that is full keeps the writes:
  /// they are queued again in front, and may be tried again later.
  struct Outcome {
    Result<void> result;
    std::vector<port::LogWrite> writes;
  };
  std::optional<Outcome> take_outcome() {
    if (!result_ready_.load(std::memory_order_acquire)) return std::nullopt;
    result_ready_.store(false, std::memory_order_relaxed);
    busy_ = false;
    Outcome outcome{std::move(result_), std::move(committing_)};
    committing_.clear();
    return outcome;
  }
  void requeue(std::vector<port::LogWrite>&& writes) {
    for (auto& write : queue_) writes.push_back(std::move(write));
    queue_ = std::move(writes);
    urgent_ = true;
  }

  // The writer's side.

  /// Blocks on the disk.
  void commit() {
    result_ = log_->commit(committing_);  // durable: nothing is acknowledged before this returned
    result_ready_.store(true, std::memory_order_release);
  }

 private:
  port::Log* log_;
  bool busy_ = false;
  std::vector<port::LogWrite> queue_;
  bool urgent_ = false;
  std::vector<port::LogWrite> committing_;
  Result<void> result_;
  std::atomic<bool> result_ready_{false};
};

}  // namespace peerq::node
