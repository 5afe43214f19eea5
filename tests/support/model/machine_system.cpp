#include "support/model/machine_system.hpp"

#include <stdexcept>
#include <utility>

#include "storage/disk_space.hpp"
#include "storage/lmdb_state.hpp"
#include "storage/machines.hpp"
#include "storage/system_file_system.hpp"
#include "support/storage/memory_state.hpp"
#include "support/storage/scratch_directory.hpp"

namespace peerq::model {

namespace {

template <class T>
T need(Result<T> result, const char* what) {
  if (!result) throw std::runtime_error(std::string(what) + ": " + result.error().text());
  if constexpr (!std::is_void_v<T>) return std::move(result).value();
}

class MemoryHome final : public StateHome {
 public:
  storage::StateStore& store() override { return state_.store(); }
  void reopen() override { need(state_.store().refresh(), "refresh"); }
  std::unique_ptr<StateHome> another() const override { return make_memory_home(); }

 private:
  test::MemoryState state_;
};

class LmdbHome final : public StateHome {
 public:
  LmdbHome() { open(); }
  storage::StateStore& store() override { return *state_; }
  void reopen() override {
    state_.reset();
    open();
  }
  std::unique_ptr<StateHome> another() const override { return make_lmdb_home(); }

 private:
  void open() {
    storage::DiskSpace::Options options;
    options.state_reserve = 1 << 20;
    space_ = std::make_unique<storage::DiskSpace>(options, file_system_);
    storage::LmdbEnvironment::Options environment;
    environment.folder = scratch_.path();
    environment.map_size = std::uint64_t{1} << 28;
    environment.tables_max = storage::StateTables::tables_max;
    state_ = need(storage::LmdbState::open(environment, 0, *space_), "open");
  }

  test::ScratchDirectory scratch_;
  storage::SystemFileSystem file_system_;
  std::unique_ptr<storage::DiskSpace> space_;
  std::unique_ptr<storage::LmdbState> state_;
};

std::unique_ptr<storage::DeltaBudget> make_budget() {
  return std::make_unique<storage::DeltaBudget>(storage::DeltaLimits{}, storage::DeltaBudget::Room());
}

}  // namespace

std::unique_ptr<StateHome> make_memory_home() { return std::make_unique<MemoryHome>(); }
std::unique_ptr<StateHome> make_lmdb_home() { return std::make_unique<LmdbHome>(); }

MachineSystem::MachineSystem(std::unique_ptr<StateHome> home, std::shared_ptr<const port::Codec> codec)
    : home_(std::move(home)),
      codec_(std::move(codec)),
      decoder_(codec_->make_decoder()),
      budget_(make_budget()) {
  open();
}

void MachineSystem::open() {
  machine_ = home_ == nullptr
                 ? storage::make_memory_queue_machine()
                 : need(storage::make_queue_machine(data_shard, home_->store(), *budget_), "machine");
}

SharedBytes MachineSystem::message(std::string_view body) {
  port::MessageParts parts;
  parts.body = as_bytes(body);
  return codec_->make_message(parts);
}

engine::Effects MachineSystem::apply(const engine::EntryHeader& header,
                                     std::span<const engine::Command> commands) {
  last_ = next(last_);
  SharedBytes bytes = codec_->encode_entry(header, commands);
  if (home_ != nullptr) log_.emplace(last_, bytes);
  return apply_bytes(last_, bytes);
}

engine::Effects MachineSystem::apply_bytes(LogIndex index, const SharedBytes& bytes) {
  const engine::EntryView entry = need(decoder_->decode(bytes), "decode");
  engine::Effects effects;
  need(machine_->apply(index, Term(1), entry, effects), "apply");
  return effects;
}

std::vector<QueueId> MachineSystem::queues() {
  std::vector<QueueId> ids;
  for (const auto& [id, version] : machine_->queues()) ids.push_back(id);
  return ids;
}

bool MachineSystem::checkpoint() {
  if (home_ == nullptr) return false;
  if (step_ == Step::freeze) {
    if (machine_->freeze(last_)) step_ = Step::write;
    return false;
  }
  if (step_ == Step::write) {
    need(machine_->write_checkpoint(), "write");
    step_ = Step::finish;
    return false;
  }
  const auto done = need(machine_->finish_checkpoint(), "finish");
  log_.erase(log_.begin(), log_.upper_bound(done.index));
  step_ = Step::freeze;
  return true;
}

bool MachineSystem::restart() {
  if (home_ == nullptr) return false;
  machine_.reset();
  home_->reopen();
  step_ = Step::freeze;
  open();
  replay();
  return true;
}

bool MachineSystem::restore(std::size_t chunk_bytes) {
  auto stream = machine_->stream(chunk_bytes);
  if (home_ == nullptr) {
    machine_ = need(storage::receive_memory_queue_machine(*stream), "receive");
    return true;
  }
  auto home = home_->another();
  auto budget = make_budget();
  auto machine = need(storage::receive_queue_machine(data_shard, home->store(), *budget, *stream), "receive");
  stream.reset();
  machine_ = std::move(machine);
  home_ = std::move(home);
  budget_ = std::move(budget);
  step_ = Step::freeze;
  replay();
  while (!checkpoint()) continue;  // only then is what was received on disk
  return true;
}

void MachineSystem::replay() {
  for (auto at = log_.upper_bound(machine_->applied()); at != log_.end(); ++at)
    apply_bytes(at->first, at->second);
  if (machine_->applied() != last_)
    throw std::runtime_error("the state and its log do not reach the last entry");
}

}  // namespace peerq::model
