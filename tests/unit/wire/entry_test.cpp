// Entries: every command there and back, views, reuse of the decoder, versions.
#include <catch2/catch_test_macros.hpp>
#include <cstring>
#include <string>
#include <vector>

#include "unit/wire/samples.hpp"

using namespace peerq;

namespace {

bool inside(Bytes part, const SharedBytes& whole) {
  const auto bytes = whole.bytes();
  return part.data() >= bytes.data() && part.data() + part.size() <= bytes.data() + bytes.size();
}

/// An entry of one empty header with another version number.
SharedBytes entry_of_version(std::uint16_t version) {
  const auto entry = test::codec().encode_entry({}, {});
  const auto copy = SharedBytes::allocate(entry.size());
  std::memcpy(copy.second.data(), entry.bytes().data(), entry.size());
  std::memcpy(copy.second.data() + 8, &version, sizeof(version));
  return copy.first;
}

}  // namespace

TEST_CASE("an entry with every command comes back as it was") {
  const auto sample = test::every_command(test::codec());
  auto decoder = test::codec().make_decoder();
  const auto bytes = test::codec().encode_entry(sample.header, sample.commands);
  CHECK(bytes.size() % 8 == 0);
  const auto entry = decoder->decode(bytes);
  REQUIRE(entry);
  REQUIRE(entry.value().commands.size() == sample.commands.size());
  for (std::size_t i = 0; i < sample.commands.size(); ++i) {
    INFO("command " << i);
    CHECK(test::same(entry.value().commands[i], sample.commands[i]));
  }
  CHECK(entry.value().header == sample.header);
}

TEST_CASE("an entry without commands comes back as it was") {
  engine::EntryHeader header;
  header.stamps = {{-1}, {-2}};
  header.proposer = PeerId(~0ULL);
  auto decoder = test::codec().make_decoder();
  const auto entry = decoder->decode(test::codec().encode_entry(header, {})).value();
  CHECK(entry.header == header);
  CHECK(entry.commands.empty());
}

TEST_CASE("random entries come back as they were, all through one decoder") {
  auto decoder = test::codec().make_decoder();
  for (std::uint64_t seed = 0; seed < 3'000; ++seed) {
    const auto sample = test::random_entry(test::codec(), seed);
    const auto entry = decoder->decode(test::codec().encode_entry(sample.header, sample.commands));
    INFO("seed " << seed);
    REQUIRE(entry);
    REQUIRE(test::same(entry.value(), sample));
  }
}

TEST_CASE("payloads and reasons are views into the entry's bytes, payloads aligned to 8") {
  const auto sample = test::every_command(test::codec());
  auto decoder = test::codec().make_decoder();
  const auto bytes = test::codec().encode_entry(sample.header, sample.commands);
  const auto entry = decoder->decode(bytes).value();
  std::size_t payloads = 0;
  std::size_t reasons = 0;
  for (const auto& command : entry.commands) {
    if (const auto* send = std::get_if<engine::Send>(&command.body)) {
      for (const auto& item : send->items) {
        CHECK(inside(item.payload, bytes));
        CHECK(reinterpret_cast<std::uintptr_t>(item.payload.data()) % 8 == 0);
        CHECK(test::codec().read_message(entry.bytes.slice(item.payload)).has_value());
        ++payloads;
      }
    }
    if (const auto* settle = std::get_if<engine::Settle>(&command.body)) {
      for (const auto& item : settle->items) {
        if (item.reason.empty()) continue;
        CHECK(inside(item.reason, bytes));
        ++reasons;
      }
    }
  }
  CHECK(payloads == 4);
  CHECK(reasons == 2);
  CHECK(entry.bytes.bytes().data() == bytes.bytes().data());
}

TEST_CASE("the views of a large entry stay where they are while the rest is decoded") {
  std::vector<engine::SendItem> items(700);
  std::vector<engine::Command> commands(40);
  for (std::size_t i = 0; i < items.size(); ++i) items[i].counted_bytes = static_cast<std::uint32_t>(i);
  for (std::size_t i = 0; i < commands.size(); ++i) {
    commands[i].body = engine::Send{QueueId(i), false, std::span(items).first(items.size() - i)};
  }
  auto decoder = test::codec().make_decoder();
  for (int round = 0; round < 3; ++round) {
    const auto entry = decoder->decode(test::codec().encode_entry({}, commands)).value();
    REQUIRE(entry.commands.size() == commands.size());
    for (std::size_t i = 0; i < commands.size(); ++i) {
      const auto& send = std::get<engine::Send>(entry.commands[i].body);
      REQUIRE(send.items.size() == items.size() - i);
      for (std::size_t k = 0; k < send.items.size(); ++k) REQUIRE(send.items[k].counted_bytes == k);
    }
  }
}

TEST_CASE("a batch of deletes takes 16 bytes a receipt") {
  std::vector<engine::SettleItem> items(1'000);
  const engine::Command command{{}, engine::Settle{QueueId(1), engine::Verb::erase, items}};
  CHECK(test::codec().encode_entry({}, {&command, 1}).size() < 16 * items.size() + 200);
}

TEST_CASE("an entry of a newer version is refused before anything else in it is looked at") {
  auto decoder = test::codec().make_decoder();
  for (const std::uint16_t version : {3, 4, 0xffff}) {
    CHECK(decoder->decode(entry_of_version(version)).error() == errc::version_mismatch);
  }
  const auto newer = entry_of_version(3);
  auto* pointer = const_cast<std::byte*>(newer.bytes().data()) + 8 + 4 * 8;
  std::memset(pointer, 0x77, 8);
  CHECK(decoder->decode(newer).error() == errc::version_mismatch);
  CHECK(decoder->decode(entry_of_version(2)).has_value());
  CHECK(decoder->decode(entry_of_version(1)).has_value());
  CHECK(decoder->decode(entry_of_version(0)).error() == errc::corrupt);
}

TEST_CASE("an unknown kind of command and an unknown verb are corrupt") {
  const engine::Command tick;
  const engine::Command settle{{}, engine::Settle{QueueId(1), static_cast<engine::Verb>(5), {}}};
  auto decoder = test::codec().make_decoder();
  const auto entry = test::codec().encode_entry({}, {&tick, 1});
  // root pointer, header of 4 words and a pointer, list tag, then the command: queue, kind.
  auto* kind = const_cast<std::byte*>(entry.bytes().data()) + 8 + 5 * 8 + 8 + 8;
  REQUIRE(decoder->decode(entry).has_value());
  *kind = std::byte{100};
  CHECK(decoder->decode(entry).error() == errc::corrupt);
  CHECK(decoder->decode(test::codec().encode_entry({}, {&settle, 1})).error() == errc::corrupt);
  const engine::Command change{{}, engine::ChangeGroup{QueueId(1), static_cast<engine::GroupVerb>(4), {}}};
  CHECK(decoder->decode(test::codec().encode_entry({}, {&change, 1})).error() == errc::corrupt);
}

TEST_CASE("a decoder that met a bad entry reads the next good one") {
  auto decoder = test::codec().make_decoder();
  const auto sample = test::every_command(test::codec());
  const auto bytes = test::codec().encode_entry(sample.header, sample.commands);
  CHECK(decoder->decode(bytes.slice(bytes.bytes().first(bytes.size() / 16 * 8))).error() == errc::corrupt);
  CHECK(test::same(decoder->decode(bytes).value(), sample));
}
