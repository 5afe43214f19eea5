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
  bool takes_all_commands() override { return codec_ == nullptr; }
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

 private:
  std::shared_ptr<const port::Codec> codec_;
  std::unique_ptr<port::EntryDecoder> decoder_;
  Tables tables_;
  std::unique_ptr<engine::QueueEngine<Tables>> engine_;
  LogIndex index_;
};

}  // namespace peerq::model
