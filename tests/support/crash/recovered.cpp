#include "support/crash/recovered.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "api/open_parts.hpp"
#include "checksum/checksum.hpp"
#include "peerq/port/codec.hpp"
#include "security/system_entropy.hpp"
#include "storage/open_store.hpp"
#include "storage/system_file_system.hpp"
#include "wire/codec.hpp"

namespace peerq::crash {

namespace {

constexpr ShardId durable_shards[] = {catalog_shard, data_shard, interval_shard};

template <class... Numbers>
std::uint64_t mixed(std::uint64_t seed, Numbers... numbers) {
  const std::uint64_t all[] = {static_cast<std::uint64_t>(numbers)...};
  return checksum(seed, std::as_bytes(std::span(all)));
}

MessageStatus status_of(engine::MessageState state) {
  switch (state) {
    case engine::MessageState::delayed: return MessageStatus::delayed;
    case engine::MessageState::in_flight: return MessageStatus::in_flight;
    case engine::MessageState::parked: return MessageStatus::parked;
    default: return MessageStatus::ready;
  }
}

/// An open directory, being read.
class StoreReader {
 public:
  explicit StoreReader(port::Store& store)
      : store_(&store), codec_(wire::make_codec()), decoder_(codec_->make_decoder()) {}

  Result<Recovered> read() {
    for (const ShardId shard : durable_shards) {
      if (auto done = replay(shard); !done) return std::move(done).error();
    }
    if (auto done = read_catalog(); !done) return std::move(done).error();
    for (const ShardId shard : {data_shard, interval_shard}) {
      if (auto done = read_queues(shard); !done) return std::move(done).error();
    }
    for (const ShardId shard : durable_shards) {
      if (auto done = check_health(shard); !done) return std::move(done).error();
    }
    return std::move(out_);
  }

 private:
  port::StateMachine& machine(ShardId shard) {
    if (shard == catalog_shard) return store_->catalog();
    return store_->queues(shard);
  }

  /// Members that cannot answer an error answer nothing when damage was found; this one tells.
  Result<void> check_health(ShardId shard) {
    port::StateMachine& machine = this->machine(shard);
    return machine.pass(next(machine.applied()), Term(1), false, Bytes());
  }

  Result<void> replay(ShardId shard) {
    auto state = store_->log().state(shard);
    if (!state) return std::move(state).error();
    auto& found = out_.shards[shard.value];
    port::StateMachine& machine = this->machine(shard);
    if (state->first <= state->last) {
      auto read = store_->log().read(shard, state->first, state->last, [&](const port::LogRecord& record) {
        const std::uint64_t head = mixed(0, record.term.value, static_cast<std::uint64_t>(record.type));
        found.records.emplace_back(record.index.value, checksum(head, record.body.bytes()));
        return record.index > machine.applied() ? apply(machine, record) : Result<void>();
      });
      if (!read) return read;
    }
    found.applied = machine.applied().value;
    if (machine.applied() == state->last) return {};
    return Error(errc::corrupt, fmt::format("shard {}: applied {}, the log ends at {}", shard.value,
                                            found.applied, state->last.value));
  }

  Result<void> apply(port::StateMachine& machine, const port::LogRecord& record) {
    if (record.type != port::EntryType::command) {
      return machine.pass(record.index, record.term, record.type == port::EntryType::change,
                          record.body.bytes());
    }
    auto view = decoder_->decode(record.body);
    if (!view) return std::move(view).error();
    effects_.clear();
    return machine.apply(record.index, record.term, *view, effects_);
  }

  Result<void> read_catalog() {
    auto& catalog = store_->catalog();
    std::uint64_t digest = 0;
    for (std::string after;;) {
      const auto page = catalog.list("", after, limits::page_max);
      if (page.empty()) break;
      after = page.back().name;
      for (const auto& config : page) {
        out_.names.push_back(config.name);
        digest =
            mixed(checksum(digest, as_bytes(config.name)), config.id.value, config.version, config.paused);
      }
    }
    out_.shards[catalog_shard.value].digest = mixed(digest, catalog.unconfirmed().size());
    return {};
  }

  Result<void> read_queues(ShardId shard) {
    auto& machine = store_->queues(shard);
    auto queues = machine.queues();
    std::sort(queues.begin(), queues.end());
    std::uint64_t digest = 0;
    for (const auto& [id, version] : queues) {
      const auto* config = machine.config(id);
      if (config == nullptr) return Error(errc::corrupt, fmt::format("queue {} has no parameters", id.value));
      RecoveredQueue queue{.name = config->name, .durability = config->options.durability};
      auto facts = machine.facts(id, machine.stamps());
      if (!facts) return std::move(facts).error();
      const auto& row = facts->counters;
      queue.ready = row.ready;
      queue.delayed = row.delayed;
      queue.in_flight = row.in_flight;
      queue.parked = row.parked;
      digest = mixed(digest, id.value, version, row.ready, row.delayed, row.in_flight, row.parked, row.bytes,
                     row.sent, row.received, row.redelivered, row.deleted, row.expired, row.dead_lettered,
                     row.purged);
      if (auto read = read_messages(machine, id, queue, digest); !read) return read;
      out_.queues.push_back(std::move(queue));
    }
    out_.shards[shard.value].digest = digest;
    return {};
  }

  Result<void> read_messages(port::QueueMachine& machine, QueueId id, RecoveredQueue& queue,
                             std::uint64_t& digest) {
    engine::PageRequest request;
    request.queue = id;
    request.max_messages = limits::page_max;
    for (;;) {
      auto page = machine.page(request, machine.stamps());
      if (!page) return std::move(page).error();
      for (const auto& info : page->messages) {
        auto message = read_message(info, digest);
        if (!message) return std::move(message).error();
        queue.messages.push_back(std::move(*message));
      }
      if (!page->next) return {};
      request.after = *page->next;
    }
  }

  Result<RecoveredMessage> read_message(const engine::MessageInfo& info, std::uint64_t& digest) {
    SharedBytes bytes = info.payload.bytes;
    if (info.payload.cold != nullptr) {
      auto fetched = info.payload.cold->fetch();
      if (!fetched) return std::move(fetched).error();
      bytes = std::move(*fetched);
    }
    auto view = codec_->read_message(bytes);
    if (!view) return std::move(view).error();
    digest = mixed(checksum(digest, bytes.bytes()), info.id.incarnation.value, info.id.sequence.value,
                   info.sequence.value, static_cast<std::uint64_t>(info.state), info.attempt,
                   info.receive_count, info.first_sent.ms, info.due.ms, info.expires.ms, info.lease_left_ms);
    return RecoveredMessage{.id = info.id,
                            .body = history::read_body(view->body),
                            .body_size = view->body.size(),
                            .status = status_of(info.state),
                            .attempt = info.attempt};
  }

  port::Store* store_;
  std::unique_ptr<port::Codec> codec_;
  std::unique_ptr<port::EntryDecoder> decoder_;
  engine::Effects effects_;
  Recovered out_;
};

Result<void> list_messages(const Queue& queue, RecoveredQueue& out) {
  ListOptions options{.max_messages = limits::page_max};
  for (;;) {
    auto page = queue.list(options);
    if (!page) return std::move(page).error();
    for (const auto& message : page->messages) {
      out.messages.push_back({.id = message.id,
                              .body = history::read_body(as_bytes(message.body)),
                              .body_size = message.body.size(),
                              .status = message.status,
                              .attempt = message.attempt});
    }
    if (!page->next) return {};
    options.after = *page->next;
  }
}

}  // namespace

Result<Recovered> recover_store(const std::string& directory) {
  storage::SystemFileSystem file_system;
  const auto entropy = security::make_system_entropy();
  Observer observer;
  const port::StoreOptions options{.directory = directory,
                                   .memory_budget = limits::memory_budget_min,
                                   .initial_configuration = detail::initial_configuration()};
  auto store = storage::open_store(options, file_system, *entropy, observer);
  if (!store) return std::move(store).error();
  return StoreReader(**store).read();
}

Result<Queue> open_soon(Node& node, const std::string& name) {
  for (int tries = 0;; ++tries) {
    auto queue = node.open_queue(name);
    if (queue || tries == 200) return queue;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
}

Result<Recovered> list_node(Node& node) {
  auto described = node.list_queues({.max_queues = limits::page_max});
  if (!described) return std::move(described).error();
  Recovered out;
  for (const auto& description : *described) {
    out.names.push_back(description.name);
    auto queue = open_soon(node, description.name);
    if (!queue) return std::move(queue).error();
    RecoveredQueue found{.name = description.name, .durability = description.options.durability};
    if (auto listed = list_messages(*queue, found); !listed) return std::move(listed).error();
    auto statistics = queue->statistics();
    if (!statistics) return std::move(statistics).error();
    found.ready = statistics->ready;
    found.delayed = statistics->delayed;
    found.in_flight = statistics->in_flight;
    found.parked = statistics->parked;
    out.queues.push_back(std::move(found));
  }
  return out;
}

Result<std::vector<RecoveredMessage>> drain(Node& node, const std::string& name) {
  auto queue = open_soon(node, name);
  if (!queue) return std::move(queue).error();
  std::vector<RecoveredMessage> out;
  for (int empty = 0; empty < 3;) {
    auto received = queue->receive({.max_messages = 100});
    if (!received) return std::move(received).error();
    if (received->empty()) {
      ++empty;
      continue;
    }
    empty = 0;
    auto erased = queue->erase(*received);
    if (!erased) return std::move(erased).error();
    for (std::size_t i = 0; i < received->size(); ++i) {
      if (const auto& one = (*erased)[i]; !one) return one.error();
      if ((*erased)[i]->already_gone)
        continue;  // its lease ended meanwhile, and it went to the dead-letter queue
      const Delivery& delivery = (*received)[i];
      out.push_back({.id = delivery.id(),
                     .body = history::read_body(delivery.bytes()),
                     .body_size = delivery.bytes().size(),
                     .attempt = delivery.attempt()});
    }
  }
  return out;
}

}  // namespace peerq::crash
