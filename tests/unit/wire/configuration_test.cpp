// The body of configuration entries, byte for byte as libraft has it.
#include <catch2/catch_test_macros.hpp>
#include <cstring>
#include <random>

#include "wire/configuration.hpp"

using namespace peerq;
using wire::Server;
using wire::ServerRole;

namespace {

const std::vector<Server> three = {{PeerId(1), "a:7400", ServerRole::voter},
                                   {PeerId(2), "", ServerRole::standby},
                                   {PeerId(0x0102'0304'0506'0708), "c", ServerRole::spare}};

std::vector<std::byte> bytes_of(std::string_view text) {
  const auto bytes = as_bytes(text);
  return {bytes.begin(), bytes.end()};
}

}  // namespace

TEST_CASE("one voter is encoded as libraft encodes it") {
  using namespace std::string_view_literals;
  const auto encoded = wire::encode_configuration({{PeerId(1), "127.0.0.1:9001", ServerRole::voter}});
  CHECK(as_text(encoded.bytes()) ==
        "\x01"
        "\x01\0\0\0\0\0\0\0"
        "\x01\0\0\0\0\0\0\0"
        "127.0.0.1:9001\0"
        "\x01"
        "\0\0\0\0\0\0\0"sv);
}

TEST_CASE("a configuration comes back as it was and takes whole words") {
  const auto encoded = wire::encode_configuration(three);
  CHECK(encoded.size() == 48);
  CHECK(wire::decode_configuration(encoded.bytes()).value() == three);
}

TEST_CASE("a configuration that is cut or prolonged is corrupt") {
  const auto encoded = wire::encode_configuration(three);
  for (std::size_t size = 0; size < encoded.size(); ++size) {
    CHECK(wire::decode_configuration(encoded.bytes().first(size)).error() == errc::corrupt);
  }
  auto longer = bytes_of(as_text(encoded.bytes()));
  longer.resize(longer.size() + 8);
  CHECK(wire::decode_configuration(longer).error() == errc::corrupt);
}

TEST_CASE("a configuration with what no cluster agreed on is corrupt") {
  const auto good = bytes_of(as_text(wire::encode_configuration(three).bytes()));
  const auto with = [&](std::size_t at, int value) {
    auto bytes = good;
    bytes[at] = static_cast<std::byte>(value);
    return wire::decode_configuration(bytes);
  };
  CHECK(with(0, 2).error() == errc::corrupt);                // format
  CHECK(with(1, 0).error() == errc::corrupt);                // no servers
  CHECK(with(1, 4).error() == errc::corrupt);                // more than there are
  CHECK(with(8, 0xff).error() == errc::corrupt);             // 2^56 of them
  CHECK(with(9, 0).error() == errc::corrupt);                // id 0
  CHECK(with(9, 2).error() == errc::corrupt);                // an id twice
  CHECK(with(9 + 8 + 7, 3).error() == errc::corrupt);        // role
  CHECK(with(good.size() - 1, 1).error() == errc::corrupt);  // padding
}

TEST_CASE("random bytes are no configuration and do no harm") {
  std::mt19937_64 random(4);
  const auto good = wire::encode_configuration(three);
  for (int round = 0; round < 50'000; ++round) {
    auto bytes = bytes_of(as_text(good.bytes()));
    bytes.resize(1 + random() % bytes.size());
    bytes.shrink_to_fit();
    for (int i = 0; i < 3; ++i) bytes[random() % bytes.size()] = static_cast<std::byte>(random());
    if (const auto servers = wire::decode_configuration(bytes)) {
      CHECK(wire::encode_configuration(servers.value()).size() == bytes.size());
    }
  }
}
