#include "wire/codec.hpp"

#include "wire/entry.hpp"
#include "wire/message.hpp"

namespace peerq::wire {

namespace {

class CapnProtoCodec final : public port::Codec {
 public:
  SharedBytes make_message(const port::MessageParts& parts) const override {
    return wire::make_message(parts);
  }

  Result<port::MessageView> read_message(const SharedBytes& message) const override {
    return wire::read_message(message);
  }

  SharedBytes encode_entry(const engine::EntryHeader& header,
                           std::span<const engine::Command> commands) const override {
    return wire::encode_entry(header, commands);
  }

  std::unique_ptr<port::EntryDecoder> make_decoder() const override { return wire::make_entry_decoder(); }
};

}  // namespace

std::unique_ptr<port::Codec> make_codec() { return std::make_unique<CapnProtoCodec>(); }

}  // namespace peerq::wire
