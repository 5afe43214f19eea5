#include "wire/message.hpp"

#include <message.capnp.h>

#include <algorithm>

#include "checksum/checksum.hpp"
#include "peerq/base/limits.hpp"
#include "wire/segment.hpp"

namespace peerq::wire {

namespace {

using schema::Message;

// Word 0 is the root pointer, word 1 the checksum, then pointers and what they point to.
constexpr std::size_t checksum_word = 1;
constexpr std::size_t checked_from = 2;

template <class Schema>
constexpr std::size_t size_of = capnp::sizeInWords<Schema>();

bool has_extras(const port::MessageParts& parts) noexcept {
  return !parts.attributes.empty() || !parts.reply_to.empty() || !parts.correlation_id.empty();
}

std::size_t extras_words(const port::MessageParts& parts) noexcept {
  std::size_t words =
      size_of<Message::Extras> + text_words(parts.reply_to) + words_of(parts.correlation_id.size());
  if (!parts.attributes.empty()) words += 1 + parts.attributes.size() * size_of<Message::Attribute>;
  for (const auto& attribute : parts.attributes) {
    words += text_words(attribute.key) + words_of(attribute.value.size());
  }
  return words;
}

void write_extras(Message::Extras::Builder extras, const port::MessageParts& parts) {
  if (!parts.reply_to.empty()) {
    fill(extras.initReplyTo(static_cast<unsigned>(parts.reply_to.size())), parts.reply_to);
  }
  if (!parts.correlation_id.empty()) extras.setCorrelationId(to_data(parts.correlation_id));
  if (parts.attributes.empty()) return;
  auto attributes = extras.initAttributes(static_cast<unsigned>(parts.attributes.size()));
  for (unsigned i = 0; i < attributes.size(); ++i) {
    const auto& [key, value] = parts.attributes[i];
    auto attribute = attributes[i];
    if (!key.empty()) fill(attribute.initKey(static_cast<unsigned>(key.size())), key);
    if (!value.empty()) attribute.setValue(to_data(value));
  }
}

std::uint64_t word_at(Bytes message, std::size_t index) noexcept {
  std::uint64_t word = 0;
  std::memcpy(&word, message.data() + index * word_size, word_size);
  return word;
}

/// Everything but the checksum itself counts. Multiplying by an odd number loses nothing of the root pointer.
std::uint64_t seal(Bytes message) noexcept {
  return checksum(0, message.subspan(checked_from * word_size)) ^
         (word_at(message, 0) * 0x9e37'79b9'7f4a'7c15);
}

/// The root is the struct that follows its pointer, with at least the checksum in it.
bool has_own_root(std::uint64_t pointer) noexcept {
  return static_cast<std::uint32_t>(pointer) == 0 && static_cast<std::uint16_t>(pointer >> 32) > 0;
}

bool printable(std::string_view key) noexcept {
  return std::all_of(key.begin(), key.end(), [](char c) { return c >= 0x20 && c <= 0x7e; });
}

Error invalid(std::string_view what) { return {errc::message_invalid, std::string(what)}; }

Result<port::MessageView> read_parts(Message::Reader root) {
  port::MessageView view;
  view.body = from_data(root.getBody());
  if (!root.hasExtras()) return view;
  const auto extras = root.getExtras();
  view.reply_to = from_text(extras.getReplyTo());
  view.correlation_id = from_data(extras.getCorrelationId());
  if (view.reply_to.size() > limits::queue_name_size_max) return invalid("reply_to is too long");
  if (view.correlation_id.size() > limits::correlation_id_size_max)
    return invalid("correlation_id is too long");

  const auto attributes = extras.getAttributes();
  if (attributes.size() > limits::attributes_max) return invalid("too many attributes");
  view.attributes.reserve(attributes.size());
  for (const auto& attribute : attributes) {
    const auto key = from_text(attribute.getKey());
    if (key.empty() || key.size() > limits::attribute_key_size_max || !printable(key)) {
      return invalid("an attribute's key");
    }
    view.attributes.push_back({key, from_data(attribute.getValue())});
  }
  return view;
}

}  // namespace

SharedBytes make_message(const port::MessageParts& parts) {
  // Beyond this a Cap'n Proto list could not count the bytes; the limits are far below.
  PEERQ_ASSERT(parts.body.size() < (std::size_t{1} << 28));
  const bool extras = has_extras(parts);
  const std::size_t head = 1 + size_of<Message> + (extras ? extras_words(parts) : 0);

  Segment segment(head + words_of(parts.body.size()), head);
  auto root = segment.builder().initRoot<Message>();
  if (extras) write_extras(root.initExtras(), parts);
  // Last, because only what comes before the body was zeroed.
  if (!parts.body.empty()) {
    fill_unzeroed(root.initBody(static_cast<unsigned>(parts.body.size())), parts.body);
  }
  SharedBytes message = segment.finish();
  root.setChecksum(seal(message.bytes()));
  return message;
}

Result<port::MessageView> read_message(const SharedBytes& message) {
  const Bytes bytes = message.bytes();
  if (!is_segment(bytes) || bytes.size() < checked_from * word_size) return invalid("its size or place");
  if (!has_own_root(word_at(bytes, 0))) return invalid("its root");
  if (word_at(bytes, checksum_word) != seal(bytes)) return invalid("its checksum differs");
  return guarded(errc::message_invalid, "malformed", [&]() -> Result<port::MessageView> {
    SegmentReader reader(bytes);
    return read_parts(reader.root<Message>());
  });
}

}  // namespace peerq::wire
