// Damaged and forged bytes: refused or read as something harmless, never a crash, never a view outside.
#include <catch2/catch_test_macros.hpp>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "checksum/checksum.hpp"
#include "unit/wire/samples.hpp"

using namespace peerq;

namespace {

/// A copy in memory of its own, so that a sanitizer sees the first byte behind it.
struct Copy {
  explicit Copy(Bytes from) {
    auto room = SharedBytes::allocate(from.size());
    std::memcpy(room.second.data(), from.data(), from.size());
    shared = std::move(room.first);
    bytes = room.second;
  }
  SharedBytes shared;
  std::span<std::byte> bytes;
};

std::uint64_t word(std::span<const std::byte> bytes, std::size_t index) {
  std::uint64_t out = 0;
  std::memcpy(&out, bytes.data() + 8 * index, 8);
  return out;
}

/// What a forger does who knows the format.
void seal_again(std::span<std::byte> message) {
  const std::uint64_t seal = checksum(0, message.subspan(16)) ^ (word(message, 0) * 0x9e37'79b9'7f4a'7c15);
  std::memcpy(message.data() + 8, &seal, 8);
}

bool inside(Bytes part, Bytes whole) {
  return part.empty() ||
         (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

/// Touches every byte that a view shows.
unsigned sum(Bytes bytes) {
  unsigned out = 0;
  for (const auto byte : bytes) out += std::to_integer<unsigned>(byte);
  return out;
}

SharedBytes message_with_extras() {
  const std::vector<port::AttributeView> attributes = {{"key", as_bytes("value")},
                                                       {"other", as_bytes("thing")}};
  port::MessageParts parts;
  parts.body = as_bytes("the body of the message");
  parts.attributes = attributes;
  parts.reply_to = "replies";
  parts.correlation_id = as_bytes("1234567890");
  return test::codec().make_message(parts);
}

void check_views(const port::MessageView& view, Bytes message) {
  REQUIRE(inside(view.body, message));
  REQUIRE(inside(view.correlation_id, message));
  REQUIRE(inside(as_bytes(view.reply_to), message));
  REQUIRE(view.attributes.size() <= limits::attributes_max);
  unsigned total = sum(view.body) + sum(view.correlation_id);
  for (const auto& attribute : view.attributes) {
    REQUIRE(inside(as_bytes(attribute.key), message));
    REQUIRE(inside(attribute.value, message));
    total += sum(attribute.value);
  }
  REQUIRE(total < 0xffff'ffff);
}

void check_items(const engine::EntryView& entry) {
  const Bytes bytes = entry.bytes.bytes();
  unsigned total = 0;
  for (const auto& command : entry.commands) {
    if (const auto* send = std::get_if<engine::Send>(&command.body)) {
      REQUIRE(send->items.size() <= bytes.size());
      for (const auto& item : send->items) {
        REQUIRE(inside(item.payload, bytes));
        total += sum(item.payload) + sum(item.group_id) + sum(item.deduplication_id);
      }
    }
    if (const auto* settle = std::get_if<engine::Settle>(&command.body)) {
      REQUIRE(settle->items.size() <= bytes.size());
      for (const auto& item : settle->items) total += sum(item.reason);
    }
    if (const auto* create = std::get_if<engine::CreateQueue>(&command.body))
      total += sum(as_bytes(create->name));
  }
  REQUIRE(total < 0xffff'ffff);
}

}  // namespace

TEST_CASE("every flipped bit of a message is noticed") {
  const auto message = message_with_extras();
  for (std::size_t bit = 0; bit < 8 * message.size(); ++bit) {
    Copy copy(message.bytes());
    copy.bytes[bit / 8] ^= static_cast<std::byte>(1U << (bit % 8));
    REQUIRE(test::codec().read_message(copy.shared).error() == errc::message_invalid);
  }
}

TEST_CASE("a message that was changed and sealed again never shows bytes outside itself") {
  const auto message = message_with_extras();
  std::mt19937_64 random(1);
  std::size_t read = 0;
  for (int round = 0; round < 60'000; ++round) {
    Copy copy(message.bytes());
    const std::size_t flips = 1 + random() % 6;
    for (std::size_t i = 0; i < flips; ++i) {
      auto& byte = copy.bytes[random() % copy.bytes.size()];
      byte = (random() & 1) != 0 ? static_cast<std::byte>(random())
                                 : byte ^ static_cast<std::byte>(1U << (random() % 8));
    }
    seal_again(copy.bytes);
    const auto view = test::codec().read_message(copy.shared);
    if (!view) {
      REQUIRE(view.error() == errc::message_invalid);
      continue;
    }
    ++read;
    check_views(view.value(), copy.bytes);
  }
  CHECK(read > 100);
}

TEST_CASE("random words with a good seal are refused or harmless") {
  std::mt19937_64 random(2);
  for (int round = 0; round < 20'000; ++round) {
    Copy copy(SharedBytes::allocate(8 * (2 + random() % 20)).first.bytes());
    for (auto& byte : copy.bytes) byte = static_cast<std::byte>(random() & random());
    const std::uint64_t root = (std::uint64_t{1 + random() % 3} << 32) | ((random() % 3) << 48);
    std::memcpy(copy.bytes.data(), &root, 8);
    seal_again(copy.bytes);
    if (const auto view = test::codec().read_message(copy.shared)) check_views(view.value(), copy.bytes);
  }
}

TEST_CASE("cycles, endless lists and pointers to elsewhere are message_invalid") {
  // Root with one data word and two pointers: body, extras.
  const std::uint64_t root = (std::uint64_t{1} << 32) | (std::uint64_t{2} << 48);
  const std::uint64_t body = 0;
  const auto refused = [&](std::vector<std::uint64_t> words) {
    Copy copy(std::as_bytes(std::span(words)));
    seal_again(copy.bytes);
    return !test::codec().read_message(copy.shared);
  };
  const std::uint64_t extras = std::uint64_t{3} << 48;  // follows, three pointers
  const std::uint64_t list_of_empty = 1 | (std::uint64_t{0x1fff'ffff} << 35);
  const std::uint64_t composite = 1 | (std::uint64_t{2} << 2) | (std::uint64_t{7} << 32);
  const std::uint64_t composite_tag = std::uint64_t{0x1fff'ffff} << 2;
  CHECK(refused({root, 0, body, extras, list_of_empty, 0, 0}));
  CHECK(refused({root, 0, body, extras, composite, 0, 0, composite_tag}));
  CHECK(refused({root, 0, 1 | (std::uint64_t{2} << 32) | (std::uint64_t{1} << 48), 0}));
  CHECK(refused({root, 0, 2 | (std::uint64_t{7} << 32), 0}));                  // far pointer into segment 7
  CHECK(refused({root, 0, 2 | (std::uint64_t{2} << 3), 0}));                   // far pointer to itself
  CHECK(refused({root, 0, 3, 0}));                                             // capability
  CHECK(refused({root, 0, 1 | (std::uint64_t{2} << 32) | (~0ULL << 35), 0}));  // 2^29 bytes
}

TEST_CASE("a damaged entry is refused or read without a view outside it") {
  auto decoder = test::codec().make_decoder();
  const auto sample = test::every_command(test::codec());
  const auto entry = test::codec().encode_entry(sample.header, sample.commands);
  std::mt19937_64 random(3);
  std::size_t refused = 0;
  for (int round = 0; round < 60'000; ++round) {
    Copy copy(entry.bytes());
    const std::size_t flips = 1 + random() % 4;
    for (std::size_t i = 0; i < flips; ++i) {
      copy.bytes[random() % copy.bytes.size()] ^= static_cast<std::byte>(1U << (random() % 8));
    }
    const auto view = decoder->decode(copy.shared);
    if (view) {
      check_items(view.value());
    } else {
      ++refused;
      REQUIRE((view.error() == errc::corrupt || view.error() == errc::version_mismatch));
    }
  }
  CHECK(refused > 1'000);
}

TEST_CASE("an entry cut at any word is refused or read without a view outside it") {
  auto decoder = test::codec().make_decoder();
  const auto sample = test::every_command(test::codec());
  const auto entry = test::codec().encode_entry(sample.header, sample.commands);
  for (std::size_t size = 0; size < entry.size(); ++size) {
    const Copy copy(entry.bytes().first(size));
    CHECK(decoder->decode(copy.shared).error() == errc::corrupt);
  }
}

TEST_CASE("a claim of half a billion commands takes no memory") {
  auto decoder = test::codec().make_decoder();
  const std::uint64_t root = (std::uint64_t{4} << 32) | (std::uint64_t{1} << 48);
  const std::uint64_t composite = 1 | (std::uint64_t{7} << 32);
  const std::vector<std::uint64_t> words = {root, 1, 0, 0, 0, composite, std::uint64_t{0x1fff'ffff} << 2};
  CHECK(decoder->decode(SharedBytes::copy(std::as_bytes(std::span(words)))).error() == errc::corrupt);
}

TEST_CASE("commands that take no room in the entry are corrupt") {
  auto decoder = test::codec().make_decoder();
  const std::uint64_t root = (std::uint64_t{4} << 32) | (std::uint64_t{1} << 48);
  const std::uint64_t composite = 1 | (std::uint64_t{7} << 32);
  std::vector<std::uint64_t> words(1'000);
  words[0] = root;
  words[1] = 1;
  words[5] = composite;
  words[6] = std::uint64_t{900} << 2;
  CHECK(decoder->decode(SharedBytes::copy(std::as_bytes(std::span(words)))).error() == errc::corrupt);
}

TEST_CASE("a column that is shorter than its batch is corrupt") {
  std::vector<engine::SendItem> sends(2);
  std::vector<engine::SettleItem> settles(2);
  for (auto& item : sends) {
    item.priority = 9;
    item.due = {1};
    item.time_to_live_ms = 1;
    item.group_id = as_bytes("a group");
    item.deduplication_id = as_bytes("an id");
  }
  for (auto& item : settles) {
    item.value_ms = 1;
    item.reason = as_bytes("a reason");
  }
  const std::vector<engine::Command> commands = {
      {{}, engine::Send{QueueId(1), false, sends}},
      {{}, engine::Settle{QueueId(1), engine::Verb::nack, settles}}};
  const auto entry = test::codec().encode_entry({}, commands);
  auto decoder = test::codec().make_decoder();
  REQUIRE(decoder->decode(entry).has_value());

  std::size_t columns = 0;
  for (std::size_t i = 0; i < entry.size() / 8; ++i) {
    const std::uint64_t pointer = word(entry.bytes(), i);
    const auto element = (pointer >> 32) & 7;
    const bool list_of_two = (pointer & 3) == 1 && (pointer >> 35) == 2 && element != 7;
    if (!list_of_two) continue;
    ++columns;
    Copy copy(entry.bytes());
    const std::uint64_t shorter = pointer - (std::uint64_t{1} << 35);
    std::memcpy(copy.bytes.data() + 8 * i, &shorter, 8);
    CHECK(decoder->decode(copy.shared).error() == errc::corrupt);
  }
  CHECK(columns == 9);
}
