#pragma once
// Loads of the engine suite that use a feature of queues.

#include <cstddef>
#include <string>

#include "engine_rig.hpp"

namespace peerq::bench {

class Session;

/// A shard of either kind. **Errors** throws BadResult.
std::unique_ptr<Shard> make_shard(bool durable, const std::filesystem::path& folder);

/// FIFO, message after message to so many groups in turn.
EngineLoad fifo_load(std::size_t groups);
/// Ten priorities in turn.
EngineLoad priorities_load(PriorityMode mode);
/// An id with every message; about so many are remembered at any time once so many were sent.
EngineLoad deduplication_load(std::size_t remembered);
/// Due at any time of the day that begins now.
EngineLoad delayed_load();

/// The cases of features; `run_engine_suite` runs them.
void run_engine_features(Session& session);

}  // namespace peerq::bench
