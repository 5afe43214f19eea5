#pragma once
// The Executor port on a host's threads: it brings none of its own and keeps the order that lanes promise.

#include <memory>

#include "peerq/port/executor.hpp"
#include "peerq/port/host_executor.hpp"

namespace peerq::runtime {

/// `host` must outlive the executor; what it still holds afterwards does nothing.
std::unique_ptr<port::Executor> make_hosted_executor(HostExecutor& host);

}  // namespace peerq::runtime
