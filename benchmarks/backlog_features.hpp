#pragma once
// The cases of the suite backlog whose queues use a feature, and what they do in processes of their own.

#include <string>
#include <vector>

#include "session.hpp"

namespace peerq::bench {

/// A case of this suite.
Case backlog_case(const std::string& name, const std::string& unit, const std::string& floor,
                  double target = 1);

void run_backlog_features(Session& session);
/// The longest gap of a queue's traffic while the queue beside it is purged.
void run_purge_beside(Session& session);

/// feature KIND DIRECTORY MESSAGES [PART]: fills and drains a queue; or fills it, and drains so many of the
/// same kind from a queue beside it.
void live_with_feature(const std::vector<std::string>& arguments);
/// neighbour KIND DIRECTORY MESSAGES ROUNDS MILLISECONDS: traffic without a purge beside it, and with one.
void purge_beside(const std::vector<std::string>& arguments);

}  // namespace peerq::bench
