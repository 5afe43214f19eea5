#pragma once
// What a random log is run against: the engine in one of its settings, behind the model's questions.

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "peerq/base/result.hpp"
#include "peerq/engine/command.hpp"
#include "peerq/engine/query.hpp"
#include "peerq/engine/reply.hpp"

namespace peerq::model {

/// A shard of queues under test. **Thread** one.
class System {
 public:
  virtual ~System() = default;

  /// The bytes to send for a body; an engine behind a codec wants the codec's messages.
  virtual SharedBytes message(std::string_view body) { return SharedBytes::copy(as_bytes(body)); }
  virtual engine::Effects apply(const engine::EntryHeader& header,
                                std::span<const engine::Command> commands) = 0;

  virtual std::vector<QueueId> queues() = 0;
  virtual const engine::QueueConfig* config(QueueId queue) = 0;
  virtual std::uint64_t deliverable(QueueId queue) = 0;
  virtual Result<engine::QueueFacts> facts(QueueId queue, Stamps now) = 0;
  virtual Result<engine::MessagePage> page(const engine::PageRequest& request, Stamps now) = 0;
  virtual Result<engine::MessageInfo> get(QueueId queue, MessageId id, Stamps now) = 0;
  virtual engine::NextDue next_due() = 0;
  /// `not_supported` by a system that does not answer these.
  virtual Result<engine::Explanation> explain(QueueId, MessageId, Stamps) { return errc::not_supported; }
  virtual Result<engine::GroupPage> groups(QueueId, std::string_view /*after*/, std::size_t /*max*/) {
    return errc::not_supported;
  }

  virtual Result<std::optional<engine::RedriveRow>> redrive(QueueId queue) = 0;
  virtual Result<std::vector<engine::ScheduleInfo>> schedules(QueueId queue, std::string_view after,
                                                              std::size_t max) = 0;
  virtual std::vector<QueueId> queues_moving() = 0;
  virtual std::vector<engine::MovingMessage> moving(QueueId queue, std::size_t max) = 0;
  virtual Result<engine::OutcomeRow> outcome(MessageId message) = 0;

  /// Writes the state to disk; false when this system has none.
  virtual bool checkpoint() { return false; }
  /// Forgets what is in memory and recovers; false when this system cannot.
  virtual bool restart() { return false; }
  /// Goes on with tables that got the state in chunks of this size; false when this system cannot.
  virtual bool restore(std::size_t /*chunk_bytes*/) { return false; }
};

/// The catalog under test. **Thread** one.
class CatalogSystem {
 public:
  virtual ~CatalogSystem() = default;
  virtual engine::Effects apply(const engine::EntryHeader& header,
                                std::span<const engine::Command> commands) = 0;
  virtual std::optional<engine::QueueConfig> find(std::string_view name) = 0;
  virtual std::vector<engine::QueueConfig> list(std::string_view prefix, std::string_view after,
                                                std::size_t max) = 0;
  virtual std::vector<engine::Configure> unconfirmed() = 0;
  virtual bool restart() { return false; }
};

}  // namespace peerq::model
