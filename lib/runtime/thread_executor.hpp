#pragma once
// The Executor port on threads of the library's own: core, log writer and checkpointer from the start,
// helpers and callbacks from their first task on.

#include <memory>

#include "peerq/base/result.hpp"
#include "peerq/port/executor.hpp"

namespace peerq::runtime {

/// Starts the threads. They are named `peerq-...` and leave the process's signals to the host's threads.
/// **Errors** limit_exceeded: the system gives no more threads.
Result<std::unique_ptr<port::Executor>> make_thread_executor();

}  // namespace peerq::runtime
