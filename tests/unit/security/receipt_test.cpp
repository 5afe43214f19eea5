// Receipts: what is sealed comes back, and nothing else does.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <random>
#include <set>
#include <string>

#include "peerq/base/limits.hpp"
#include "security/receipt_sealer.hpp"

using namespace peerq;

namespace {

constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

std::array<std::byte, 16> key_of(int first) {
  std::array<std::byte, 16> key{};
  for (std::size_t i = 0; i < key.size(); ++i) key[i] = static_cast<std::byte>(first + static_cast<int>(i));
  return key;
}

const port::ReceiptParts parts{.queue = QueueId(0x0102'0304'0506'0708),
                               .lease = {Sequence::make(9, 77), 5},
                               .epoch = 3,
                               .principal = PrincipalId(42)};

}  // namespace

TEST_CASE("a receipt says after opening what was sealed") {
  const auto sealer = security::make_receipt_sealer(key_of(1));
  CHECK(sealer->open(sealer->seal(parts)) == parts);
  const port::ReceiptParts extreme{QueueId(~0ULL), {{~0ULL}, ~0U}, ~0U, PrincipalId(~0ULL)};
  CHECK(sealer->open(sealer->seal(extreme)) == extreme);
  CHECK(sealer->open(sealer->seal({})) == port::ReceiptParts{});
}

TEST_CASE("a receipt is short, printable and safe in a URL") {
  const auto text = security::make_receipt_sealer(key_of(1))->seal(parts);
  CHECK(text.size() <= limits::receipt_size_max);
  CHECK(std::all_of(text.begin(), text.end(),
                    [](char c) { return alphabet.find(c) != std::string_view::npos; }));
}

TEST_CASE("a receipt with any character changed is refused") {
  const auto sealer = security::make_receipt_sealer(key_of(1));
  const auto text = sealer->seal(parts);
  for (std::size_t i = 0; i < text.size(); ++i) {
    for (int c = 0; c < 256; ++c) {
      auto other = text;
      other[i] = static_cast<char>(c);
      REQUIRE(sealer->open(other).has_value() == (other == text));
    }
  }
}

TEST_CASE("a receipt that is cut, prolonged or padded is refused") {
  const auto sealer = security::make_receipt_sealer(key_of(1));
  const auto text = sealer->seal(parts);
  for (std::size_t size = 0; size < text.size(); ++size) REQUIRE_FALSE(sealer->open(text.substr(0, size)));
  for (const char c : {'A', '=', ' ', '\n', '\0'}) CHECK_FALSE(sealer->open(text + c));
  CHECK_FALSE(sealer->open(std::string(100'000, 'A')));
}

TEST_CASE("a receipt of another key is refused") {
  const auto text = security::make_receipt_sealer(key_of(1))->seal(parts);
  CHECK_FALSE(security::make_receipt_sealer(key_of(2))->open(text));
}

TEST_CASE("receipts that differ in one part differ") {
  const auto sealer = security::make_receipt_sealer(key_of(1));
  std::set<std::string> seen{sealer->seal(parts)};
  auto other = parts;
  other.queue = QueueId(1);
  seen.insert(sealer->seal(other));
  other = parts;
  other.lease.sequence = {1};
  seen.insert(sealer->seal(other));
  other = parts;
  other.lease.attempt = 6;
  seen.insert(sealer->seal(other));
  other = parts;
  other.epoch = 4;
  seen.insert(sealer->seal(other));
  other = parts;
  other.principal = PrincipalId(43);
  seen.insert(sealer->seal(other));
  CHECK(seen.size() == 6);
}

TEST_CASE("random texts of a receipt's length are refused") {
  const auto sealer = security::make_receipt_sealer(key_of(1));
  auto text = sealer->seal(parts);
  std::mt19937_64 random(5);
  for (int round = 0; round < 100'000; ++round) {
    for (auto& c : text) c = alphabet[random() % alphabet.size()];
    REQUIRE_FALSE(sealer->open(text));
  }
}

TEST_CASE("a receipt keeps its form: one sealed by an older version opens") {
  const auto sealer = security::make_receipt_sealer(key_of(1));
  const std::string sealed_once = "AQgHBgUEAwIBTQAAAAAAAJAFAAAAAwAAACoAAAAAAAAAgRECZw6je2Y";
  CHECK(sealer->seal(parts) == sealed_once);
  CHECK(sealer->open(sealed_once) == parts);
}
