// Every error says whether the operation happened (S57).
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <set>
#include <string>
#include <vector>

#include "peerq/base/errc.hpp"

namespace peerq::test {
namespace {

std::vector<errc> all_errors() {
  return {
#define PEERQ_X(name, happened, text) errc::name,
      PEERQ_ERRORS(PEERQ_X)
#undef PEERQ_X
  };
}

TEST_CASE("S57 every error says whether the operation happened, by name and in words") {
  const std::set<errc> unknown{errc::outcome_unknown, errc::node_failed, errc::slow_consumer,
                               errc::shm_corrupt};
  CHECK(all_errors().size() == static_cast<std::size_t>(errc::shm_corrupt));
  for (const errc code : all_errors()) {
    INFO(name_of(code));
    const Error error(code, "detail");
    CHECK(error.happened() == (unknown.contains(code) ? Happened::unknown : Happened::no));
    CHECK(error.text() == std::string(name_of(code)) + ": detail: " + std::string(text_of(code)));
    CHECK(text_of(code).size() > 10);
    CHECK(error.error_code().category() == category());
  }
  CHECK(happened(errc::ok) == Happened::yes);
  CHECK(happened(static_cast<errc>(255)) == Happened::unknown);
}

}  // namespace
}  // namespace peerq::test
