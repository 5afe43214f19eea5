// The log's conformance suite over the test kit's log.
#include <catch2/catch_test_macros.hpp>

#include "conformance/log_conformance.hpp"
#include "conformance/seed.hpp"
#include "peerq/testkit/disk.hpp"

namespace peerq::conformance {
namespace {

/// The process dies and another one starts: it finds what was committed.
class SimSubject final : public LogSubject {
 public:
  port::Log& log() override { return disk_.log(); }
  void reopen() override { disk_.kill(); }

 private:
  testkit::SimScheduler scheduler_{seed()};
  testkit::SimDisk disk_{scheduler_};
};

std::unique_ptr<LogSubject> make_sim() { return std::make_unique<SimSubject>(); }

TEST_CASE("The simulated log: an empty one says so") { check_empty_log(make_sim); }
TEST_CASE("The simulated log: what was appended is read back after a restart") {
  check_append_and_read(make_sim);
}
TEST_CASE("The simulated log: records of every size are kept") { check_records_of_all_sizes(make_sim); }
TEST_CASE("The simulated log: a cut removes the tail before the append") { check_cut(make_sim); }
TEST_CASE("The simulated log: term and vote survive a restart") { check_hard_state(make_sim); }
TEST_CASE("The simulated log: a snapshot hides what is below it at once") { check_trim(make_sim); }
TEST_CASE("The simulated log: a long trim is spread over commits and its space is used again") {
  check_long_trim(make_sim);
}
TEST_CASE("The simulated log: a snapshot beyond the log empties it") {
  check_snapshot_beyond_the_log(make_sim);
}
TEST_CASE("The simulated log: shards do not see each other") { check_shards_are_apart(make_sim); }
TEST_CASE("The simulated log: a visitor can stop a read") { check_visitor_can_stop(make_sim); }
TEST_CASE("The simulated log: bodies are aligned for Cap'n Proto") { check_bodies_are_aligned(make_sim); }
TEST_CASE("The simulated log: random writes and restarts agree with the model") {
  const std::uint64_t start = seed();
  CAPTURE(start);
  check_random_writes(make_sim, start, 400);
}

}  // namespace
}  // namespace peerq::conformance
