// The tables' conformance suite over the tables in memory, and over the delta on the test kit's state store.
#include <catch2/generators/catch_generators.hpp>
#include "conformance/delta_subject.hpp"

#include "conformance/seed.hpp"
#include "conformance/tables_conformance.hpp"
#include "storage/memory_tables.hpp"
#include "support/storage/memory_state.hpp"

namespace peerq::conformance {
namespace {

class MemorySubject {
 public:
  storage::MemoryTables& tables() { return tables_; }
  bool has(engine::TableId) const { return true; }
  template <class BeforeRestart>
  void disturb(Dice& dice, ByteTables&, BeforeRestart) {
    tables_.begin_entry(dice.below(2000));
  }

 private:
  storage::MemoryTables tables_;
};

class SimHome final : public StateHome {
 public:
  storage::StateStore& store() override { return state_.store(); }
  void reopen() override { REQUIRE(store().refresh().has_value()); }
  bool fail_next_write() override {
    state_.fail_next_write(Error(errc::storage_full));
    return true;
  }

 private:
  test::MemoryState state_;
};

TEST_CASE("tables in memory do what an ordered map does") {
  const std::uint64_t start = seed();
  CAPTURE(start);
  MemorySubject subject;
  TablesCheck(subject, start).run(200'000);
}

TEST_CASE(
    "delta tables over the simulated state do what an ordered map does, through checkpoints and restarts") {
  SimHome home;
  check_delta(home, GENERATE(catalog_shard, data_shard), seed(), 40'000);
}

}  // namespace
}  // namespace peerq::conformance
