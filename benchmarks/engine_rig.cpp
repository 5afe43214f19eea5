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

EngineLifecycle::EngineLifecycle(Shard& shard, EngineLoad load)
    : shard_(&shard),
      load_(std::move(load)),
      codec_(wire::make_codec()),
      decoder_(codec_->make_decoder()),
      settled_(load_.batch) {
  header_.stamps = {LeaseTime{1'000'000}, WallTime{1'700'000'000'000}};
  engine::Configure configure;
  configure.config.id = queue_id;
  configure.config.version = 1;
  configure.config.name = "bench";
  configure.config.options = load_.options;
  const engine::Command erase{{}, engine::Settle{.queue = queue_id, .items = settled_}};
  small_entry_ = codec_->encode_entry(header_, std::span(&erase, 1));
  apply({{}, configure}, small_entry_);

  const std::string body(load_.body_bytes, 'b');
  engine::SendItem item;
  item.payload = as_bytes(body);
  item.counted_bytes = static_cast<std::uint32_t>(load_.body_bytes);
  const std::vector<engine::SendItem> items(load_.batch, item);
  const engine::Command send{{}, engine::Send{.queue = queue_id, .atomic = false, .items = items}};
  const engine::EntryView entry =
      decoder_->decode(codec_->encode_entry(header_, std::span(&send, 1))).value();
  send_entry_ = entry.bytes;
  const auto& decoded = std::get<engine::Send>(entry.commands.front().body).items;
  items_.assign(decoded.begin(), decoded.end());
  send_.body = engine::Send{.queue = queue_id, .atomic = false, .items = items_};
  engine::Receive receive;
  receive.queue = queue_id;
  receive.max_messages = static_cast<std::uint32_t>(load_.batch);
  receive_.body = receive;
}

void EngineLifecycle::apply(const engine::Command& command, const SharedBytes& bytes) {
  header_.stamps.lease = header_.stamps.lease + Microseconds(20);
  shard_->apply({.header = header_, .commands = std::span(&command, 1), .bytes = bytes}, effects_);
  if (effects_.replies.front().code != errc::ok) {
    throw CannotMeasure("the engine refused a command: " +
                        std::string(name_of(effects_.replies.front().code)));
  }
}

void EngineLifecycle::send_batch() {
  if (load_.vary) {
    for (engine::SendItem& item : items_) load_.vary(sent_++, item);
  }
  apply(send_, send_entry_);
  for (const engine::ItemReply& item : effects_.replies.front().items) {
    if (item.code != errc::ok || item.deduplicated) throw CannotMeasure("the engine did not take a message");
  }
}

void EngineLifecycle::send(std::size_t messages) {
  for (std::size_t sent = 0; sent < messages; sent += load_.batch) send_batch();
}

void EngineLifecycle::run_batch() {
  advance(load_.wall_step);
  send_batch();
  if (drain_batch() != load_.batch) throw CannotMeasure("the engine handed out too few messages");
}

std::size_t EngineLifecycle::drain_batch() {
  apply(receive_, small_entry_);
  const auto& grants = effects_.replies.front().grants;
  const std::size_t count = grants.size();
  if (count == 0) return 0;
  for (std::size_t i = 0; i < count; ++i) settled_[i].lease = grants[i].lease;
  const engine::Settle erase{
      .queue = queue_id, .verb = engine::Verb::erase, .items = std::span(settled_).first(count)};
  apply({{}, erase}, small_entry_);
  for (const engine::ItemReply& item : effects_.replies.front().items) {
    if (item.code != errc::ok || item.already_gone)
      throw CannotMeasure("the engine did not delete a message");
  }
  return count;
}

}  // namespace peerq::bench
