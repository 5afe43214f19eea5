#include "peerq/message.hpp"

#include <fmt/format.h>

#include <charconv>

namespace peerq {

std::string to_string(const MessageId& id) {
  return fmt::format("{:016x}{:016x}", id.incarnation.value, id.sequence.value);
}

Result<MessageId> parse_message_id(std::string_view text) {
  const auto half = [text](std::size_t from, std::uint64_t& out) {
    const char* first = text.data() + from;
    const auto [end, error] = std::from_chars(first, first + 16, out, 16);
    return error == std::errc() && end == first + 16;
  };
  MessageId id;
  if (text.size() != 32 || !half(0, id.incarnation.value) || !half(16, id.sequence.value)) {
    return Error(errc::invalid_argument, "a message id has 32 hex digits");
  }
  return id;
}

}  // namespace peerq
