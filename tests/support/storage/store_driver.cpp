#include "support/storage/store_driver.hpp"

#include "peerq/base/assert.hpp"
#include "security/system_entropy.hpp"
#include "storage/open_store.hpp"
#include "storage/system_file_system.hpp"
#include "wire/codec.hpp"

namespace peerq::test {

namespace {

storage::SystemFileSystem system_files;
Observer silent;

}  // namespace

StoreDriver::StoreDriver(std::string directory, std::uint64_t max_disk_bytes, std::size_t memory_budget)
    : directory_(std::move(directory)),
      max_disk_bytes_(max_disk_bytes),
      memory_budget_(memory_budget),
      file_system_(&system_files),
      codec_(wire::make_codec()),
      decoder_(codec_->make_decoder()) {}

StoreDriver::~StoreDriver() = default;

void StoreDriver::close() { store_.reset(); }

Result<void> StoreDriver::open() {
  close();
  const auto entropy = security::make_system_entropy();
  auto opened = storage::open_store({.directory = directory_,
                                     .max_disk_bytes = max_disk_bytes_,
                                     .memory_budget = memory_budget_,
                                     .initial_configuration = SharedBytes::copy(as_bytes("configuration"))},
                                    *file_system_, *entropy, silent);
  if (!opened) return std::move(opened).error();
  store_ = std::move(*opened);
  return replay();
}

Result<void> StoreDriver::replay() {
  auto state = store_->log().state(data_shard);
  if (!state) return std::move(state).error();
  const LogIndex first = next(machine().applied());
  if (first > state->last) return {};
  return store_->log().read(
      data_shard, first, state->last, [&](const port::LogRecord& record) -> Result<void> {
        if (record.type != port::EntryType::command) {
          return machine().pass(record.index, record.term, record.type == port::EntryType::change,
                                record.body.bytes());
        }
        auto view = decoder_->decode(record.body);
        if (!view) return std::move(view).error();
        ticks_ = std::max(ticks_, view->header.stamps.lease.us);
        return machine().apply(record.index, record.term, *view, effects_);
      });
}

Result<void> StoreDriver::run(engine::Command command) {
  engine::EntryHeader header;
  header.stamps = {LeaseTime{++ticks_}, WallTime{1'700'000'000'000 + ticks_}};
  header.proposer = PeerId(1);
  const SharedBytes body = codec_->encode_entry(header, std::span(&command, 1));
  const LogIndex index = next(machine().applied());
  std::vector<port::LogWrite> writes(1);
  writes[0].shard = data_shard;
  writes[0].records.push_back({index, Term(1), port::EntryType::command, body});
  if (auto committed = store_->log().commit(writes); !committed) return committed;
  auto view = decoder_->decode(body);
  if (!view) return std::move(view).error();
  effects_.clear();
  if (auto applied = machine().apply(index, Term(1), *view, effects_); !applied) return applied;
  return checkpoint_if_due();
}

Result<void> StoreDriver::create_queue(std::uint64_t number) {
  engine::Configure configure;
  configure.config.id = queue_id(number);
  configure.config.version = 1;
  configure.config.name = "queue-" + std::to_string(number);
  return run({{}, configure});
}

Result<void> StoreDriver::send(std::size_t count, std::string_view body, std::uint64_t queue) {
  std::vector<SharedBytes> messages;
  std::vector<engine::SendItem> items;
  for (std::size_t i = 0; i < count; ++i) {
    const std::string text = std::string(body) + std::to_string(bodies_++);
    messages.push_back(codec_->make_message(
        {.body = as_bytes(text), .attributes = {}, .reply_to = {}, .correlation_id = {}}));
    engine::SendItem item;
    item.payload = messages.back().bytes();
    item.counted_bytes = static_cast<std::uint32_t>(text.size());
    items.push_back(item);
  }
  engine::Send send;
  send.queue = queue_id(queue);
  send.items = items;
  return run({{}, send});
}

Result<std::vector<engine::Grant>> StoreDriver::receive(std::uint32_t max, std::uint64_t queue) {
  engine::Receive receive;
  receive.queue = queue_id(queue);
  receive.max_messages = max;
  if (auto done = run({{}, receive}); !done) return std::move(done).error();
  PEERQ_ASSERT(effects_.replies.size() == 1);
  std::vector<engine::Grant> grants = effects_.replies[0].grants;
  for (auto& grant : grants) {
    if (grant.payload.cold != nullptr) {
      auto fetched = grant.payload.cold->fetch();
      if (!fetched) return std::move(fetched).error();
      grant.payload = {std::move(*fetched), nullptr};
    }
    if (auto read = codec_->read_message(grant.payload.bytes); !read) return std::move(read).error();
  }
  return grants;
}

Result<void> StoreDriver::erase(const std::vector<engine::Grant>& grants, std::uint64_t queue) {
  std::vector<engine::SettleItem> items(grants.size());
  for (std::size_t i = 0; i < grants.size(); ++i) items[i].lease = grants[i].lease;
  engine::Settle settle;
  settle.queue = queue_id(queue);
  settle.items = items;
  return run({{}, settle});
}

Result<std::size_t> StoreDriver::drain(std::uint64_t queue) {
  std::size_t count = 0;
  while (true) {
    auto grants = receive(32, queue);
    if (!grants) return std::move(grants).error();
    if (grants->empty()) return count;
    count += grants->size();
    if (auto erased = erase(*grants, queue); !erased) return std::move(erased).error();
  }
}

Result<void> StoreDriver::checkpoint_if_due() {
  const bool pressed = !store_->usage().accepts_sends;
  return machine().checkpoint_due() || pressed ? checkpoint() : Result<void>();
}

Result<void> StoreDriver::checkpoint() {
  if (!machine().freeze(machine().applied())) return {};
  if (auto written = machine().write_checkpoint(); !written) return written;
  auto finished = machine().finish_checkpoint();
  if (!finished) return std::move(finished).error();
  std::vector<port::LogWrite> writes(1);
  writes[0].shard = data_shard;
  writes[0].snapshot = port::SnapshotMeta{finished->index, finished->term, finished->configuration_index,
                                          finished->configuration, 1};
  return store_->log().commit(writes);
}

}  // namespace peerq::test
