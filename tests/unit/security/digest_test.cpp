#include <catch2/catch_test_macros.hpp>
#include <string>

#include "security/body_digest.hpp"

namespace peerq::security {
namespace {

std::string hex(const port::Digest::Value& value) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string out;
  for (const std::byte byte : value) {
    out.push_back(digits[std::to_integer<unsigned>(byte) >> 4]);
    out.push_back(digits[std::to_integer<unsigned>(byte) & 15]);
  }
  return out;
}

TEST_CASE("S17 the digest of a body is BLAKE2b-256") {
  const auto digest = make_body_digest();
  CHECK(hex(digest->of({})) == "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8");
  CHECK(hex(digest->of(as_bytes("abc"))) ==
        "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319");
}

}  // namespace
}  // namespace peerq::security
