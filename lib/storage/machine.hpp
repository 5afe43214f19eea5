#pragma once
// The state machine ports over an engine and its tables. `State` is ShardDelta (durable shards) or
// MemoryShard.
//
// A table that cannot be read throws TablesFailure out of the engine. Nothing that the engine did since the
// entry began can be trusted then: the machine is poisoned, answers that error for good, and its delta is
// never written (S55). An entry of a newer format is refused before any change and poisons nothing (S53).

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "peerq/base/assert.hpp"
#include "peerq/engine/catalog_engine.hpp"
#include "peerq/engine/queue_engine.hpp"
#include "peerq/port/state_machine.hpp"

namespace peerq::storage {

/// What both kinds of machine share.
template <class Port, class State, class Engine>
class Machine : public Port {
 public:
  Result<void> apply(LogIndex index, Term term, const engine::EntryView& entry,
                     engine::Effects& effects) override {
    auto done = guarded([&]() -> Result<void> {
      PEERQ_ASSERT(index == next(state_.applied()));
      state_.begin_entry(entry.bytes.size());
      engine_.apply(index, entry, effects);
      state_.applied(index, term, entry.header.stamps, entry.bytes.size());
      return {};
    });
    return done;
  }

  Result<void> pass(LogIndex index, Term term, bool configuration, Bytes body) override {
    if (is_poisoned()) return poison_;
    PEERQ_ASSERT(index == next(state_.applied()));
    state_.passed(index, term, configuration, body);
    return {};
  }

  const Error& damage() const noexcept override { return poison_; }

  LogIndex applied() const noexcept override { return state_.applied(); }
  Stamps stamps() const noexcept override { return state_.stamps(); }
  engine::NextDue next_due() override {
    return guarded_or(engine::NextDue{}, [&] { return engine_.next_due(); });
  }

  bool checkpoint_due() const noexcept override { return !is_poisoned() && state_.checkpoint_due(); }
  bool over_budget() const noexcept override { return !is_poisoned() && state_.over_budget(); }
  bool freeze(LogIndex durable) override { return !is_poisoned() && state_.freeze(durable); }
  Result<void> write_checkpoint() override { return state_.write(); }
  Result<engine::Checkpoint> finish_checkpoint() override {
    if (is_poisoned()) return poison_;
    auto finished = state_.finish();
    if (!finished) poison_ = finished.error();
    return finished;
  }
  std::unique_ptr<port::StateStream> stream(std::size_t chunk_bytes) override {
    return state_.stream(chunk_bytes);
  }

 protected:
  template <class... EngineArguments>
  explicit Machine(State state, EngineArguments... arguments)
      : state_(std::move(state)), engine_(state_.tables(), arguments...) {}

  /// Runs `call`, which gives a Result; a table that cannot be read becomes its error, now and from now on.
  template <class Call>
  auto guarded(Call call) -> decltype(call()) {
    if (is_poisoned()) return poison_;
    try {
      return call();
    } catch (const engine::TablesFailure& failure) {
      if (!(failure.error == errc::version_mismatch)) poison_ = failure.error;
      return failure.error;
    }
  }

  bool is_poisoned() const noexcept { return poison_.code != errc::ok; }

  /// For members that cannot answer an error.
  template <class Value, class Call>
  Value guarded_or(Value otherwise, Call call) {
    return guarded([&]() -> Result<Value> { return call(); }).value_or(std::move(otherwise));
  }

  State state_;
  Engine engine_;
  Error poison_;
};

/// A shard of queues.
template <class State>
class QueueMachineOver final
    : public Machine<port::QueueMachine, State, engine::QueueEngine<typename State::Tables>> {
  using Base = Machine<port::QueueMachine, State, engine::QueueEngine<typename State::Tables>>;

 public:
  explicit QueueMachineOver(State state) : Base(std::move(state)) {}

  const engine::QueueConfig* config(QueueId queue) override {
    return this->guarded_or(static_cast<const engine::QueueConfig*>(nullptr),
                            [&] { return this->engine_.config(queue); });
  }
  bool remembers(QueueId queue, std::string_view attempt_id) override {
    return this->guarded_or(false, [&] { return this->engine_.remembers(queue, attempt_id); });
  }
  std::uint64_t open_groups(QueueId queue, std::uint64_t max) override {
    return this->guarded_or(std::uint64_t{0}, [&] { return this->engine_.open_groups(queue, max); });
  }
  std::optional<MessageId> sent_as(QueueId queue, const engine::SendItem& item, WallTime now) override {
    return this->guarded_or(std::optional<MessageId>{},
                            [&] { return this->engine_.sent_as(queue, item, now); });
  }
  Result<void> lease_state(QueueId queue, const engine::LeaseRef& lease, Stamps now) override {
    return this->guarded([&] { return this->engine_.lease_state(queue, lease, now); });
  }
  engine::Depth depth(QueueId queue) override {
    return this->guarded_or(engine::Depth{}, [&] { return this->engine_.depth(queue); });
  }
  bool remembers(const engine::Origin& origin) override {
    return this->guarded_or(false, [&] { return this->engine_.remembers(origin); });
  }
  bool has_session(SessionId session) override {
    return this->guarded_or(false, [&] { return this->engine_.has_session(session); });
  }
  std::uint64_t deliverable(QueueId queue) override {
    return this->guarded_or(std::uint64_t{0}, [&] { return this->engine_.deliverable(queue); });
  }
  std::uint32_t receipt_epoch(QueueId queue) override {
    return this->guarded_or(std::uint32_t{0}, [&] { return this->engine_.receipt_epoch(queue); });
  }
  Result<engine::QueueFacts> facts(QueueId queue, Stamps now) override {
    return this->guarded([&] { return this->engine_.facts(queue, now); });
  }
  Result<engine::MessagePage> page(const engine::PageRequest& request, Stamps now) override {
    return this->guarded([&] { return this->engine_.page(request, now); });
  }
  Result<engine::MessageInfo> get(QueueId queue, MessageId id, Stamps now) override {
    return this->guarded([&] { return this->engine_.get(queue, id, now); });
  }
  Result<engine::Explanation> explain(QueueId queue, MessageId id, Stamps now) override {
    return this->guarded([&] { return this->engine_.explain(queue, id, now); });
  }
  Result<engine::GroupPage> groups(QueueId queue, std::string_view after, std::size_t max) override {
    return this->guarded([&] { return this->engine_.groups(queue, after, max); });
  }
  Result<std::optional<engine::RedriveRow>> redrive(QueueId queue) override {
    return this->guarded([&] { return this->engine_.redrive(queue); });
  }
  std::vector<engine::MovingMessage> moving(QueueId queue, std::size_t max) override {
    return this->guarded_or(std::vector<engine::MovingMessage>{},
                            [&] { return this->engine_.moving(queue, max); });
  }
  std::vector<engine::MovingMessage> moving(QueueId queue, QueueId target, std::size_t max) override {
    return this->guarded_or(std::vector<engine::MovingMessage>{},
                            [&] { return this->engine_.moving(queue, target, max); });
  }
  std::vector<QueueId> targets_moving(QueueId queue) override {
    return this->guarded_or(std::vector<QueueId>{}, [&] { return this->engine_.targets_moving(queue); });
  }
  std::vector<QueueId> queues_moving() override {
    return this->guarded_or(std::vector<QueueId>{}, [&] { return this->engine_.queues_moving(); });
  }
  Result<engine::OutcomeRow> outcome(MessageId message) override {
    return this->guarded([&] { return this->engine_.outcome(message); });
  }
  Result<std::vector<engine::ScheduleInfo>> schedules(QueueId queue, std::string_view after,
                                                      std::size_t max) override {
    return this->guarded([&] { return this->engine_.schedules(queue, after, max); });
  }
  std::vector<std::pair<QueueId, std::uint64_t>> queues() override {
    return this->guarded_or(std::vector<std::pair<QueueId, std::uint64_t>>{},
                            [&] { return this->engine_.queues(); });
  }
};

/// The catalog.
template <class State>
class CatalogMachineOver final
    : public Machine<port::CatalogMachine, State, engine::CatalogEngine<typename State::Tables>> {
  using Base = Machine<port::CatalogMachine, State, engine::CatalogEngine<typename State::Tables>>;

 public:
  CatalogMachineOver(State state, QueueId first_queue) : Base(std::move(state), first_queue) {}

  std::optional<engine::QueueConfig> find(std::string_view name) override {
    return this->guarded_or(std::optional<engine::QueueConfig>{}, [&] { return this->engine_.find(name); });
  }
  std::optional<engine::QueueConfig> find(QueueId queue) override {
    return this->guarded_or(std::optional<engine::QueueConfig>{}, [&] { return this->engine_.find(queue); });
  }
  std::vector<engine::QueueConfig> list(std::string_view prefix, std::string_view after,
                                        std::size_t max) override {
    return this->guarded_or(std::vector<engine::QueueConfig>{},
                            [&] { return this->engine_.list(prefix, after, max); });
  }
  std::vector<engine::Configure> unconfirmed() override {
    return this->guarded_or(std::vector<engine::Configure>{}, [&] { return this->engine_.unconfirmed(); });
  }
};

}  // namespace peerq::storage
