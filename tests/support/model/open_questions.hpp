#pragma once
// What the semantics leave open about an entry, and how the model takes over the engine's answer once it is
// seen to be among the allowed ones.

#include <string>
#include <vector>

#include "peerq/base/ids.hpp"
#include "peerq/base/time.hpp"
#include "peerq/engine/query.hpp"

namespace peerq::model {

struct ReferenceModel;

/// An answer that the semantics do not fix: where dead-lettered messages of one entry stand among each other
/// when times are among the causes, or how long a retry with jitter waits.
struct OpenQuestion {
  enum Kind : std::uint8_t { retry, position, transfer } kind = retry;
  QueueId queue;
  MessageId id;
  WallTime due_min = {};  // of a retry
  WallTime due_max = {};
  bool either_cause = false;  // time-to-live and retention both had passed
};

/// Takes over the answers to all open questions about `queue`; says what is not allowed about them, or
/// nothing.
std::string adopt(ReferenceModel& model, QueueId queue, const std::vector<engine::MessageInfo>& answers);
/// The same for messages of `queue` that wait to be moved.
std::string adopt(ReferenceModel& model, QueueId queue, const std::vector<engine::MovingMessage>& answers);

}  // namespace peerq::model
