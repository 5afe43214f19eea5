// The tables' conformance suite over the production stack: the delta on LMDB.
#include <catch2/generators/catch_generators.hpp>
#include <filesystem>

#include "conformance/delta_subject.hpp"
#include "conformance/seed.hpp"
#include "storage/disk_space.hpp"
#include "storage/lmdb_state.hpp"
#include "storage/system_file_system.hpp"
#include "support/storage/scratch_directory.hpp"

namespace peerq::conformance {
namespace {

class LmdbHome final : public StateHome {
 public:
  LmdbHome() { open(); }
  storage::StateStore& store() override { return *state_; }
  void reopen() override {
    state_.reset();
    open();
  }

 private:
  void open() {
    space_ = std::make_unique<storage::DiskSpace>(storage::DiskSpace::Options{.state_reserve = 1 << 20},
                                                  file_system_);
    auto opened = storage::LmdbState::open({.folder = scratch_.path(),
                                            .map_size = std::uint64_t{1} << 30,
                                            .tables_max = storage::StateTables::tables_max},
                                           0, *space_);
    if (!opened) FAIL(opened.error().text());
    state_ = std::move(*opened);
  }

  test::ScratchDirectory scratch_;
  storage::SystemFileSystem file_system_;
  std::unique_ptr<storage::DiskSpace> space_;
  std::unique_ptr<storage::LmdbState> state_;
};

TEST_CASE("delta tables over LMDB do what an ordered map does, through checkpoints and restarts") {
  LmdbHome home;
  check_delta(home, GENERATE(catalog_shard, data_shard), seed(), 40'000);
}

}  // namespace
}  // namespace peerq::conformance
