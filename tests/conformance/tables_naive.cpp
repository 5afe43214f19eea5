// The tables' conformance suite over the tests' own naive tables, which other tests take as the truth.
#include "conformance/seed.hpp"
#include "conformance/tables_conformance.hpp"
#include "support/naive_tables.hpp"

namespace peerq::conformance {
namespace {

class NaiveSubject {
 public:
  test::NaiveTables& tables() { return tables_; }
  bool has(engine::TableId) const { return true; }
  template <class BeforeRestart>
  void disturb(Dice&, ByteTables&, BeforeRestart) {}

 private:
  test::NaiveTables tables_;
};

TEST_CASE("naive tables do what an ordered map does") {
  const std::uint64_t start = seed();
  CAPTURE(start);
  NaiveSubject subject;
  TablesCheck(subject, start).run(50'000);
}

}  // namespace
}  // namespace peerq::conformance
