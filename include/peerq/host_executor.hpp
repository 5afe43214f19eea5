#pragma once
// The interface of a host that lends its threads to a node (see `HostExecutor`).

#include "peerq/port/host_executor.hpp"  // IWYU pragma: export
