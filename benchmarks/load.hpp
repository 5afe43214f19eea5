#pragma once
// Producers and consumers that put messages through a queue: threads, batches, batches under way. Every
// message is counted: one that is lost, refused or has a wrong size makes the measurement fail.

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <span>
#include <stop_token>
#include <string>

#include "peerq/queue.hpp"
#include "statistics.hpp"

namespace peerq::bench {

/// Gives a message what it has besides its body. `number` counts a load's messages from `Load::first_number`.
/// **Thread** several producers at once.
using VaryMessage = std::function<void(std::uint64_t number, SendOptions& options)>;

/// How messages are put through.
struct Load {
  std::uint64_t messages = 0;
  std::size_t body_bytes = 0;
  std::size_t batch = 1;
  std::size_t producers = 1;
  std::size_t consumers = 1;
  /// Batches under way at once on each side, shared evenly by its threads. 1 and one thread: blocking calls.
  std::size_t outstanding = 1;
  /// Producers wait while so many messages are sent and not yet deleted.
  std::uint64_t window = 8'192;
  VaryMessage vary = {};
  std::uint64_t first_number = 0;
};

/// Messages that a producer is to send next.
struct Claim {
  std::uint64_t first_number = 0;
  /// 0: all are sent, or the run failed.
  std::size_t count = 0;
};

/// What the threads of one run share. **Thread** any.
class Flow {
 public:
  explicit Flow(const Load& load) : load_(load) {}

  /// What a producer is to send next; waits for room.
  Claim claim();
  void count_received(std::size_t messages, std::size_t bytes);
  /// The last one ends the run.
  void count_deleted(std::size_t messages);
  void fail(const std::string& why);

  bool over() const noexcept { return over_.stop_requested(); }
  std::stop_token over_token() const noexcept { return over_.get_token(); }

  /// Checks that everything arrived. Seconds from the start to the last delete.
  /// **Errors** throws CannotMeasure.
  double finish();

 private:
  Load load_;
  Clock::time_point begin_ = Clock::now();
  std::stop_source over_;
  std::mutex mutex_;
  std::condition_variable room_;
  std::uint64_t claimed_ = 0;
  std::uint64_t received_ = 0;
  std::uint64_t received_bytes_ = 0;
  std::uint64_t deleted_ = 0;
  double seconds_ = 0;
  std::string failure_;
};

// **Errors** all throw CannotMeasure. Seconds.

/// Sends only; batches go to the queues in turns.
double fill(std::span<const Queue> queues, const Load& load);
/// Receives and deletes what is there.
double drain(const Queue& queue, const Load& load);
/// Producers and consumers at once.
double run_lifecycle(const Queue& queue, const Load& load);
/// The same, in messages per second.
inline double lifecycle_rate(const Queue& queue, const Load& load) {
  return static_cast<double>(load.messages) / run_lifecycle(queue, load);
}

}  // namespace peerq::bench
