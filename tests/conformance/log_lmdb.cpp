// The log's conformance suite over LMDB.
#include <catch2/catch_test_macros.hpp>

#include "conformance/log_conformance.hpp"
#include "conformance/seed.hpp"
#include "storage/disk_space.hpp"
#include "storage/lmdb_log.hpp"
#include "storage/system_file_system.hpp"
#include "support/storage/scratch_directory.hpp"

namespace peerq::conformance {
namespace {

class LmdbSubject final : public LogSubject {
 public:
  LmdbSubject() { open(); }
  port::Log& log() override { return *log_; }
  void reopen() override {
    log_.reset();
    open();
  }

 private:
  void open() {
    space_ = std::make_unique<storage::DiskSpace>(storage::DiskSpace::Options{.log_reserve = 1 << 20},
                                                  file_system_);
    auto opened = storage::LmdbLog::open(
        {.folder = scratch_.path(), .map_size = std::uint64_t{1} << 30, .tables_max = 16}, *space_);
    if (!opened) FAIL(opened.error().text());
    log_ = std::move(*opened);
  }

  test::ScratchDirectory scratch_;
  storage::SystemFileSystem file_system_;
  std::unique_ptr<storage::DiskSpace> space_;
  std::unique_ptr<storage::LmdbLog> log_;
};

std::unique_ptr<LogSubject> make() { return std::make_unique<LmdbSubject>(); }

TEST_CASE("LMDB's log: an empty one says so") { check_empty_log(make); }
TEST_CASE("LMDB's log: what was appended is read back after a restart") { check_append_and_read(make); }
TEST_CASE("LMDB's log: records of every size are kept") { check_records_of_all_sizes(make); }
TEST_CASE("LMDB's log: a cut removes the tail before the append") { check_cut(make); }
TEST_CASE("LMDB's log: term and vote survive a restart") { check_hard_state(make); }
TEST_CASE("LMDB's log: a snapshot hides what is below it at once") { check_trim(make); }
TEST_CASE("LMDB's log: a long trim is spread over commits and its space is used again") {
  check_long_trim(make);
}
TEST_CASE("LMDB's log: a snapshot beyond the log empties it") { check_snapshot_beyond_the_log(make); }
TEST_CASE("LMDB's log: shards do not see each other") { check_shards_are_apart(make); }
TEST_CASE("LMDB's log: a visitor can stop a read") { check_visitor_can_stop(make); }
TEST_CASE("LMDB's log: bodies are aligned for Cap'n Proto") { check_bodies_are_aligned(make); }
TEST_CASE("LMDB's log: random writes and restarts agree with the model") {
  const std::uint64_t start = seed();
  CAPTURE(start);
  check_random_writes(make, start, 400);
}

}  // namespace
}  // namespace peerq::conformance
