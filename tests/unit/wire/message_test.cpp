// Messages: size, round trip, bounds, and what is refused.
#include <catch2/catch_test_macros.hpp>
#include <string>
#include <vector>

#include "peerq/base/limits.hpp"
#include "unit/wire/samples.hpp"

using namespace peerq;

namespace {

SharedBytes plain(std::string_view body) {
  port::MessageParts parts;
  parts.body = as_bytes(body);
  return test::codec().make_message(parts);
}

/// Parts with `count` attributes whose keys have `key_size` characters.
struct Rich {
  explicit Rich(std::size_t count, std::size_t key_size = 12) {
    for (std::size_t i = 0; i < count; ++i) {
      std::string key = std::to_string(i);
      key.resize(key_size, 'k');
      keys.push_back(key);
    }
    for (const auto& key : keys) attributes.push_back({key, as_bytes(value)});
    parts.body = as_bytes(body);
    parts.attributes = attributes;
    parts.reply_to = "replies";
    parts.correlation_id = as_bytes(correlation);
  }
  Rich(const Rich&) = delete;
  Rich& operator=(const Rich&) = delete;

  std::string body = "body";
  std::string value = "value";
  std::string correlation = "correlation";
  std::vector<std::string> keys;
  std::vector<port::AttributeView> attributes;
  port::MessageParts parts;
};

}  // namespace

TEST_CASE("a message with a body of 100 bytes takes 136 bytes") {
  CHECK(plain(std::string(100, 'x')).size() == 136);
  CHECK(plain("").size() == 32);
}

TEST_CASE("a body of every size comes back as it was") {
  std::string body;
  for (std::size_t size = 0; size < 300; ++size) {
    const auto message = plain(body);
    CHECK(message.size() % 8 == 0);
    const auto view = test::codec().read_message(message);
    REQUIRE(view);
    CHECK(as_text(view.value().body) == body);
    CHECK(view.value().attributes.empty());
    body.push_back(static_cast<char>(size * 7));
  }
}

TEST_CASE("a body of 16 MiB comes back as it was") {
  const std::string body(limits::max_message_size_max, 'b');
  const auto message = plain(body);
  CHECK(as_text(test::codec().read_message(message).value().body) == body);
}

TEST_CASE("a message's views point into the message's own bytes") {
  const auto message = plain("hello there");
  const auto view = test::codec().read_message(message).value();
  CHECK(view.body.data() >= message.bytes().data());
  CHECK(view.body.data() + view.body.size() <= message.bytes().data() + message.size());
  CHECK(reinterpret_cast<std::uintptr_t>(view.body.data()) % 8 == 0);
}

TEST_CASE("attributes, reply queue and correlation id come back in order") {
  const Rich rich(3);
  const auto message = test::codec().make_message(rich.parts);
  const auto result = test::codec().read_message(message);
  REQUIRE(result);
  const auto& view = result.value();
  REQUIRE(view.attributes.size() == 3);
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(view.attributes[i].key == rich.keys[i]);
    CHECK(as_text(view.attributes[i].value) == "value");
  }
  CHECK(view.reply_to == "replies");
  CHECK(as_text(view.correlation_id) == "correlation");
  CHECK(as_text(view.body) == "body");
}

TEST_CASE("64 attributes are read and 65 are refused") {
  CHECK(test::codec().read_message(test::codec().make_message(Rich(64).parts)).has_value());
  const auto refused = test::codec().read_message(test::codec().make_message(Rich(65).parts));
  REQUIRE_FALSE(refused);
  CHECK(refused.error() == errc::message_invalid);
}

TEST_CASE("an attribute's key of 128 characters is read and one of 129 is refused") {
  CHECK(test::codec().read_message(test::codec().make_message(Rich(1, 128).parts)).has_value());
  CHECK(test::codec().read_message(test::codec().make_message(Rich(1, 129).parts)).error() ==
        errc::message_invalid);
}

TEST_CASE("an attribute's key that is empty or not printable is refused") {
  for (const std::string_view key : {"", "a\nb", "\x7f", "\xc3\xa4"}) {
    const port::AttributeView attribute{key, {}};
    port::MessageParts parts;
    parts.attributes = {&attribute, 1};
    CHECK(test::codec().read_message(test::codec().make_message(parts)).error() == errc::message_invalid);
  }
}

TEST_CASE("a correlation id of 128 bytes is read and one of 129 is refused") {
  const std::string id(129, 'c');
  port::MessageParts parts;
  parts.correlation_id = as_bytes(id).first(128);
  CHECK(test::codec().read_message(test::codec().make_message(parts)).has_value());
  parts.correlation_id = as_bytes(id);
  CHECK(test::codec().read_message(test::codec().make_message(parts)).error() == errc::message_invalid);
}

TEST_CASE("a reply queue's name of 80 characters is read and one of 81 is refused") {
  const std::string name(81, 'n');
  port::MessageParts parts;
  parts.reply_to = std::string_view(name).substr(0, 80);
  CHECK(test::codec().read_message(test::codec().make_message(parts)).has_value());
  parts.reply_to = name;
  CHECK(test::codec().read_message(test::codec().make_message(parts)).error() == errc::message_invalid);
}

TEST_CASE("bytes that cannot be a message are refused without being looked into") {
  CHECK(test::codec().read_message(SharedBytes()).error() == errc::message_invalid);
  for (std::size_t size = 1; size < 64; ++size) {
    CHECK(test::codec().read_message(SharedBytes::allocate(size).first).error() == errc::message_invalid);
  }
  const auto message = plain("hello there");
  const auto shifted = SharedBytes::allocate(message.size() + 8);
  std::memcpy(shifted.second.data() + 1, message.bytes().data(), message.size());
  const auto misaligned = shifted.first.slice(shifted.first.bytes().subspan(1, message.size()));
  CHECK(test::codec().read_message(misaligned).error() == errc::message_invalid);
}

TEST_CASE("a message that is cut or prolonged is refused") {
  const auto message = plain(std::string(100, 'x'));
  for (std::size_t size = 8; size < message.size(); size += 8) {
    CHECK(test::codec().read_message(message.slice(message.bytes().first(size))).error() ==
          errc::message_invalid);
  }
  const auto longer = SharedBytes::allocate(message.size() + 8);
  std::memset(longer.second.data(), 0, longer.second.size());
  std::memcpy(longer.second.data(), message.bytes().data(), message.size());
  CHECK(test::codec().read_message(longer.first).error() == errc::message_invalid);
}
