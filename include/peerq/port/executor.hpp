#pragma once
// Who runs the node's work. Implementations: own threads and a host's executor (lib/runtime), and the test
// kit's, which runs everything on one thread in virtual time.

#include <atomic>
#include <cstdint>

#include "peerq/base/time.hpp"
#include "peerq/base/unique_function.hpp"

namespace peerq::port {

/// Kinds of work. Tasks of one lane run one at a time, in the order posted; lanes run side by side.
enum class Lane : std::uint8_t {
  core,        ///< Short, never blocks; the node's state.
  writer,      ///< Blocks on the log's sync.
  checkpoint,  ///< Blocks on the state's sync.
  helper,      ///< Cold reads; may block on the disk.
  callback,    ///< The user's completion handlers; may block.
};

/// Runs tasks. **Thread** every member from any thread.
class Executor {
 public:
  virtual ~Executor() = default;

  /// Runs `task` soon on its lane. A task posted after `stop` is destroyed unrun.
  virtual void post(Lane lane, Task task) = 0;

  /// Runs `task` on the core lane at `at` or shortly after. There is one timer: a later call replaces it.
  virtual void arm(SteadyTime at, Task task) = 0;

  /// Blocks the caller while `word == old`, until `wake(word)` or `deadline`; may return early.
  /// In virtual time it runs other work instead. Never called under the core's token.
  virtual void wait(std::atomic<std::uint32_t>& word, std::uint32_t old, SteadyTime deadline) = 0;

  /// Wakes everyone who waits on `word`.
  virtual void wake(std::atomic<std::uint32_t>& word) = 0;

  /// Whether a blocked caller may run core and writer steps itself, which saves a hand-over.
  virtual bool callers_may_run() const noexcept = 0;

  /// Whether the caller is a task of one of its lanes, which must not `stop` it.
  virtual bool runs_caller() const noexcept { return false; }

  /// Ends the lanes: running tasks end, waiting ones are destroyed, threads are joined. Not from a lane's own
  /// task.
  virtual void stop() = 0;
};

}  // namespace peerq::port
