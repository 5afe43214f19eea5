#pragma once
// The engine over tables in memory, behind the System interface. A restart drops what the engine derived and
// keeps the tables. Entries go to the engine as views, or as bytes of a codec.

#include <memory>
#include <span>
#include <stdexcept>
#include <string_view>
#include <utility>
#include <vector>

#include "peerq/engine/queue_engine.hpp"
#include "peerq/port/codec.hpp"
#include "storage/state_stream.hpp"
#include "support/model/system.hpp"

namespace peerq::model {

template <class Tables>
class EngineSystem : public System {
 public:
  /// `codec` may be null: views then go straight in.
  explicit EngineSystem(std::shared_ptr<const port::Codec> codec = nullptr) : codec_(std::move(codec)) {
    if (codec_ != nullptr) decoder_ = codec_->make_decoder();
    restart();
  }

  SharedBytes message(std::string_view body) override {
    if (codec_ == nullptr) return System::message(body);
    port::MessageParts parts;
    parts.body = as_bytes(body);
    return codec_->make_message(parts);
  }

  engine::Effects apply(const engine::EntryHeader& header,
                        std::span<const engine::Command> commands) override {
    engine::EntryView entry;
    entry.header = header;
    entry.commands = commands;
    if (codec_ != nullptr) {
      auto decoded = decoder_->decode(codec_->encode_entry(header, commands));
      if (!decoded) throw std::runtime_error("decode: " + decoded.error().text());
      entry = *decoded;
    }
    engine::Effects effects;
    index_ = next(index_);
    engine_->apply(index_, entry, effects);
    return effects;
  }

  std::vector<QueueId> queues() override {
    std::vector<QueueId> ids;
    for (const auto& [id, version] : engine_->queues()) ids.push_back(id);
    return ids;
  }
  const engine::QueueConfig* config(QueueId queue) override { return engine_->config(queue); }
  std::uint64_t deliverable(QueueId queue) override { return engine_->deliverable(queue); }
  Result<engine::QueueFacts> facts(QueueId queue, Stamps now) override { return engine_->facts(queue, now); }
  Result<engine::MessagePage> page(const engine::PageRequest& request, Stamps now) override {
    return engine_->page(request, now);
  }
  Result<engine::MessageInfo> get(QueueId queue, MessageId id, Stamps now) override {
    return engine_->get(queue, id, now);
  }
  engine::NextDue next_due() override { return engine_->next_due(); }
  Result<std::optional<engine::RedriveRow>> redrive(QueueId queue) override {
    return engine_->redrive(queue);
  }
  Result<std::vector<engine::ScheduleInfo>> schedules(QueueId queue, std::string_view after,
                                                      std::size_t max) override {
    return engine_->schedules(queue, after, max);
  }
  std::vector<QueueId> queues_moving() override { return engine_->queues_moving(); }
  std::vector<engine::MovingMessage> moving(QueueId queue, std::size_t max) override {
    return engine_->moving(queue, max);
  }
  Result<engine::OutcomeRow> outcome(MessageId message) override { return engine_->outcome(message); }
  Result<engine::Explanation> explain(QueueId queue, MessageId id, Stamps now) override {
    return engine_->explain(queue, id, now);
  }
  Result<engine::GroupPage> groups(QueueId queue, std::string_view after, std::size_t max) override {
    return engine_->groups(queue, after, max);
  }

  bool restart() override {
    engine_ = std::make_unique<engine::QueueEngine<Tables>>(tables_);
    return true;
  }

  bool restore(std::size_t chunk_bytes) override {
    Tables fresh;
    storage::TablesStream<Tables> from(tables_, data_shard, {}, chunk_bytes);
    storage::TablesReceiver<Tables> to(fresh, data_shard);
    for (;;) {
      const auto chunk = from.next();
      if (!chunk) throw std::runtime_error("stream: " + chunk.error().text());
      if (chunk->empty()) break;
      if (const auto put = to.put(chunk->bytes()); !put)
        throw std::runtime_error("receive: " + put.error().text());
    }
    if (!(fresh == tables_)) throw std::runtime_error("other rows came than went");
    engine_.reset();
    tables_ = std::move(fresh);
    return restart();
  }

 private:
  std::shared_ptr<const port::Codec> codec_;
  std::unique_ptr<port::EntryDecoder> decoder_;
  Tables tables_;
  std::unique_ptr<engine::QueueEngine<Tables>> engine_;
  LogIndex index_;
};

}  // namespace peerq::model
