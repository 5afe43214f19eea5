#include "support/history/body.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <string_view>

namespace peerq::history {

namespace {

constexpr std::size_t sum_size = 16;
constexpr std::string_view mark = "peerq-body";

std::uint64_t checksum(std::string_view text) {  // FNV-1a
  std::uint64_t sum = 0xcbf29ce484222325;
  for (const char c : text) sum = (sum ^ static_cast<std::uint8_t>(c)) * 0x100000001b3;
  return sum;
}

std::optional<std::uint64_t> take_number(std::string_view& text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end == text.data() + text.size() || *end != ' ') return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()) + 1);
  return number;
}

}  // namespace

std::string make_body(BodyTag tag, std::size_t size) {
  size = std::max(size, body_size_min);
  std::string body = fmt::format("{} {} {} {} ", mark, tag.producer, tag.number, size);
  for (std::uint64_t i = tag.number; body.size() < size - sum_size; ++i)
    body += static_cast<char>('a' + i % 26);
  return body + fmt::format("{:016x}", checksum(body));
}

std::optional<BodyTag> read_body(Bytes bytes) {
  std::string_view body = as_text(bytes);
  if (body.size() < body_size_min) return std::nullopt;
  const auto covered = body.substr(0, body.size() - sum_size);
  if (body.substr(covered.size()) != fmt::format("{:016x}", checksum(covered))) return std::nullopt;
  if (body.substr(0, mark.size()) != mark) return std::nullopt;
  const std::size_t size = body.size();
  body.remove_prefix(mark.size() + 1);
  const auto producer = take_number(body);
  const auto number = take_number(body);
  const auto told = take_number(body);
  if (!producer || !number || told != size) return std::nullopt;
  return BodyTag{static_cast<std::uint32_t>(*producer), *number};
}

}  // namespace peerq::history
