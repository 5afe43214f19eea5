#pragma once
// The host's own threads, lent to a node instead of threads of the library's own.

#include <chrono>

#include "peerq/base/unique_function.hpp"

namespace peerq {

/// What a host implements to run a node's work. Tasks may run in any order and on any threads; the library
/// keeps the order that it needs.
///
/// **Thread** every member is called from any thread, several at once; none may run the task before it
/// returns.
/// **Ownership** must outlive the node. Tasks that still wait when the node has closed do nothing and may be
/// run or destroyed.
struct HostExecutor {
  virtual ~HostExecutor() = default;
  /// Runs quick work soon: it never blocks.
  virtual void post(Task task) = 0;
  /// Runs work that may block on the disk, or in the user's handlers. Give it at least three threads: the
  /// writer, the checkpoint and handlers wait side by side. With fewer all goes on, one after the other.
  virtual void post_blocking(Task task) = 0;
  /// Runs quick work after at least `delay`.
  virtual void post_after(std::chrono::nanoseconds delay, Task task) = 0;
};

}  // namespace peerq
