#include "engine_rig.hpp"

#include <span>

#include "session.hpp"
#include "storage/machines.hpp"
#include "wire/codec.hpp"

namespace peerq::bench {

namespace {

constexpr std::uint64_t map_size = std::uint64_t{1} << 32;
constexpr std::uint64_t state_reserve = std::uint64_t{32} << 20;
constexpr QueueId queue_id{std::uint64_t{1} << 32};

std::unique_ptr<storage::LmdbState> open_state(const std::filesystem::path& folder,
                                               storage::DiskSpace& space) {
  std::filesystem::create_directories(folder);
  return storage::LmdbState::open({.folder = folder.string(),
                                   .map_size = map_size,
                                   .tables_max = storage::StateTables::tables_max},
                                  0, space)
      .value();
}

}  // namespace

MemoryShard::MemoryShard() : machine_(storage::make_memory_queue_machine()) {}

void MemoryShard::apply(const engine::EntryView& entry, engine::Effects& effects) {
  machine_->apply(next(machine_->applied()), Term(1), entry, effects).value();
}

DurableShard::DurableShard(const std::filesystem::path& folder)
    : space_({.max_bytes = 0, .log_reserve = 0, .state_reserve = state_reserve}, file_system_),
      state_(open_state(folder, space_)),
      budget_(storage::DeltaLimits::of(limits::memory_budget_default, 0),
              [this] { return space_.room(storage::DataFile::state); }),
      machine_(storage::make_queue_machine(data_shard, *state_, budget_).value()),
      checkpointer_([this] { write_checkpoints(); }) {}

DurableShard::~DurableShard() {
  phase_.wait(Phase::writing);
  phase_ = Phase::stopped;
  phase_.notify_all();
  checkpointer_.join();
}

void DurableShard::write_checkpoints() {
  for (;;) {
    const Phase phase = phase_;
    if (phase == Phase::stopped) return;
    if (phase != Phase::writing) {
      phase_.wait(phase);
      continue;
    }
    written_ = machine_->write_checkpoint();
    phase_ = Phase::written;
    phase_.notify_all();
  }
}

void DurableShard::finish_checkpoint() {
  written_.value();
  machine_->finish_checkpoint().value();
  ++checkpoints_;
  phase_ = Phase::idle;
}

void DurableShard::apply(const engine::EntryView& entry, engine::Effects& effects) {
  if (phase_ == Phase::written) finish_checkpoint();
  if (machine_->over_budget()) {
    phase_.wait(Phase::writing);
    finish_checkpoint();
  }
  machine_->apply(next(machine_->applied()), Term(1), entry, effects).value();
  if (phase_ == Phase::idle && machine_->checkpoint_due() && machine_->freeze(machine_->applied())) {
    phase_ = Phase::writing;
    phase_.notify_all();
  }
}

EngineLifecycle::EngineLifecycle(Shard& shard, std::size_t batch, std::size_t body_size)
    : shard_(&shard), batch_(batch), codec_(wire::make_codec()), decoder_(codec_->make_decoder()) {
  header_.stamps = {LeaseTime{1'000'000}, WallTime{1'700'000'000'000}};
  engine::Configure configure;
  configure.config.id = queue_id;
  configure.config.version = 1;
  configure.config.name = "bench";
  small_entry_ = codec_->encode_entry(header_, std::span(&erase_, 1));
  apply({{}, configure}, small_entry_);

  const std::string body(body_size, 'b');
  engine::SendItem item;
  item.payload = as_bytes(body);
  item.counted_bytes = static_cast<std::uint32_t>(body_size);
  const std::vector<engine::SendItem> items(batch, item);
  const engine::Command send{{}, engine::Send{.queue = queue_id, .atomic = false, .items = items}};
  send_ = decoder_->decode(codec_->encode_entry(header_, std::span(&send, 1))).value();
  engine::Receive receive;
  receive.queue = queue_id;
  receive.max_messages = static_cast<std::uint32_t>(batch);
  receive_.body = receive;
  settled_.resize(batch);
  erase_.body = engine::Settle{.queue = queue_id, .verb = engine::Verb::erase, .items = settled_};
  small_entry_ = codec_->encode_entry(header_, std::span(&erase_, 1));
}

void EngineLifecycle::apply(const engine::Command& command, const SharedBytes& bytes) {
  header_.stamps.lease = header_.stamps.lease + Microseconds(20);
  shard_->apply({.header = header_, .commands = std::span(&command, 1), .bytes = bytes}, effects_);
  if (effects_.replies.front().code != errc::ok) {
    throw CannotMeasure("the engine refused a command: " +
                        std::string(name_of(effects_.replies.front().code)));
  }
}

void EngineLifecycle::keep_backlog(std::size_t messages) {
  for (std::size_t sent = 0; sent < messages; sent += batch_) apply(send_.commands.front(), send_.bytes);
}

void EngineLifecycle::run_batch() {
  apply(send_.commands.front(), send_.bytes);
  apply(receive_, small_entry_);
  const auto& grants = effects_.replies.front().grants;
  if (grants.size() != batch_) throw CannotMeasure("the engine handed out too few messages");
  for (std::size_t i = 0; i < batch_; ++i) settled_[i].lease = grants[i].lease;
  apply(erase_, small_entry_);
  for (const engine::ItemReply& item : effects_.replies.front().items) {
    if (item.code != errc::ok || item.already_gone)
      throw CannotMeasure("the engine did not delete a message");
  }
}

}  // namespace peerq::bench
