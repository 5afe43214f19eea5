#pragma once
// Bytes to views and back. One implementation, on Cap'n Proto (lib/wire); formats in docs/formats.md.

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "peerq/base/bytes.hpp"
#include "peerq/base/result.hpp"
#include "peerq/engine/command.hpp"

namespace peerq::port {

struct AttributeView {
  std::string_view key;
  Bytes value;
};

/// The parts of a message that only producer and consumer look at.
struct MessageParts {
  Bytes body;
  std::span<const AttributeView> attributes;
  std::string_view reply_to;
  Bytes correlation_id;
};

/// A message read: views into its bytes, which the caller keeps.
struct MessageView {
  Bytes body;
  std::vector<AttributeView> attributes;
  std::string_view reply_to;
  Bytes correlation_id;
};

/// Body and attributes, as counted against the limits (S13).
inline std::size_t counted_size(const MessageParts& parts) noexcept {
  std::size_t size = parts.body.size();
  for (const auto& attribute : parts.attributes) size += attribute.key.size() + attribute.value.size();
  return size;
}

/// Owns what the views of a decoded entry point into, besides the entry's bytes. Reusable: decoding again
/// invalidates the former views and keeps the memory.
class EntryDecoder {
 public:
  virtual ~EntryDecoder() = default;
  /// **Errors** version_mismatch (newer format, S53), corrupt. The view lives until the next `decode`.
  virtual Result<engine::EntryView> decode(SharedBytes bytes) = 0;
};

/// Encodes and decodes messages and entries. **Thread** any; a decoder one at a time.
class Codec {
 public:
  virtual ~Codec() = default;

  /// One opaque, single-segment, 8-byte aligned message with its checksum.
  virtual SharedBytes make_message(const MessageParts& parts) const = 0;

  /// Checks structure, bounds and checksum, and shows the parts. **Errors** message_invalid.
  virtual Result<MessageView> read_message(const SharedBytes& message) const = 0;

  /// One log entry. The payloads are copied in as they are.
  virtual SharedBytes encode_entry(const engine::EntryHeader& header,
                                   std::span<const engine::Command> commands) const = 0;

  virtual std::unique_ptr<EntryDecoder> make_decoder() const = 0;
};

}  // namespace peerq::port
