#pragma once
// The cases of the suite local that have files of their own.

namespace peerq::bench {

class Session;

void run_lifecycle_against_sqlite(Session& session);
void run_lifecycle_memory(Session& session);
void run_handoff_memory(Session& session);
void run_local_features(Session& session);

}  // namespace peerq::bench
