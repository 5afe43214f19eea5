#pragma once
// A shard's state machine as the node uses it, over memory or over a state store with checkpoints, behind the
// System interface. Entries come as bytes of the codec; the log since the last checkpoint is kept in memory,
// as a log would, and applied again at a restart.

#include <map>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "peerq/port/codec.hpp"
#include "peerq/port/state_machine.hpp"
#include "storage/delta_budget.hpp"
#include "storage/state_store.hpp"
#include "support/model/system.hpp"

namespace peerq::model {

/// A state store that keeps what was written when it is opened again.
class StateHome {
 public:
  virtual ~StateHome() = default;
  virtual storage::StateStore& store() = 0;
  virtual void reopen() = 0;
  /// An empty one of its kind.
  virtual std::unique_ptr<StateHome> another() const = 0;
};

/// In memory.
std::unique_ptr<StateHome> make_memory_home();
/// LMDB, in a directory of its own.
std::unique_ptr<StateHome> make_lmdb_home();

class MachineSystem : public System {
 public:
  /// Without a home: the shard in memory, which cannot restart.
  MachineSystem(std::unique_ptr<StateHome> home, std::shared_ptr<const port::Codec> codec);

  SharedBytes message(std::string_view body) override;
  engine::Effects apply(const engine::EntryHeader& header,
                        std::span<const engine::Command> commands) override;
  std::vector<QueueId> queues() override;
  const engine::QueueConfig* config(QueueId queue) override { return machine_->config(queue); }
  std::uint64_t deliverable(QueueId queue) override { return machine_->deliverable(queue); }
  Result<engine::QueueFacts> facts(QueueId queue, Stamps now) override { return machine_->facts(queue, now); }
  Result<engine::MessagePage> page(const engine::PageRequest& request, Stamps now) override {
    return machine_->page(request, now);
  }
  Result<engine::MessageInfo> get(QueueId queue, MessageId id, Stamps now) override {
    return machine_->get(queue, id, now);
  }
  Result<engine::Explanation> explain(QueueId queue, MessageId id, Stamps now) override {
    return machine_->explain(queue, id, now);
  }
  Result<engine::GroupPage> groups(QueueId queue, std::string_view after, std::size_t max) override {
    return machine_->groups(queue, after, max);
  }
  engine::NextDue next_due() override { return machine_->next_due(); }
  Result<std::optional<engine::RedriveRow>> redrive(QueueId queue) override {
    return machine_->redrive(queue);
  }
  Result<std::vector<engine::ScheduleInfo>> schedules(QueueId queue, std::string_view after,
                                                      std::size_t max) override {
    return machine_->schedules(queue, after, max);
  }
  std::vector<QueueId> queues_moving() override { return machine_->queues_moving(); }
  std::vector<engine::MovingMessage> moving(QueueId queue, std::size_t max) override {
    return machine_->moving(queue, max);
  }
  Result<engine::OutcomeRow> outcome(MessageId message) override { return machine_->outcome(message); }
  /// Takes one step of a checkpoint: freeze, write, finish. Entries and restarts come in between. True when
  /// finished.
  bool checkpoint() override;
  bool restart() override;
  /// A new home gets the last checkpoint, and then what the log has.
  bool restore(std::size_t chunk_bytes) override;

 private:
  void open();
  void replay();
  engine::Effects apply_bytes(LogIndex index, const SharedBytes& bytes);

  std::unique_ptr<StateHome> home_;
  std::shared_ptr<const port::Codec> codec_;
  std::unique_ptr<port::EntryDecoder> decoder_;
  std::unique_ptr<storage::DeltaBudget> budget_;
  std::unique_ptr<port::QueueMachine> machine_;
  std::map<LogIndex, SharedBytes> log_;
  LogIndex last_;
  enum class Step : std::uint8_t { freeze, write, finish } step_ = Step::freeze;
};

}  // namespace peerq::model
