// A full disk and a reached limit: sends stop in time, everything that was accepted can be received and
// deleted, and the room that this gives is used again (S54).
#include <fcntl.h>
#include <sys/mount.h>
#include <unistd.h>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string>

#include "support/storage/scratch_directory.hpp"
#include "support/storage/store_driver.hpp"

using namespace peerq;
using test::ScratchDirectory;
using test::StoreDriver;
namespace fs = std::filesystem;

namespace {

/// A small disk of its own. Needs root: without, the test fails.
class SmallDisk {
 public:
  explicit SmallDisk(const char* options) {
    const int done = mount("peerq-test", scratch_.path().c_str(), "tmpfs", 0, options);
    INFO("mounting a tmpfs (the tests run as root): " << std::strerror(errno));
    REQUIRE(done == 0);
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  ~SmallDisk() { umount2(scratch_.path().c_str(), MNT_DETACH); }
  std::string operator/(const std::string& name) const { return scratch_ / name; }
  std::uint64_t free_bytes() const { return fs::space(scratch_.path()).available; }

  /// Somebody else takes what is left.
  void fill(const std::string& name) const {
    const int file = open((scratch_ / name).c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    const std::string block(4096, 'f');
    while (write(file, block.data(), block.size()) > 0) {
    }
    close(file);
  }

 private:
  ScratchDirectory scratch_;
};

/// Sends until the store says that it takes no more; how many were acknowledged.
std::size_t fill_up(StoreDriver& driver, std::string_view body, std::size_t batch) {
  std::size_t sent = 0;
  while (driver.store().usage().accepts_sends) {
    const auto done = driver.send(batch, body);
    if (!done) {
      INFO(done.error().text());
      REQUIRE(done.error() == errc::storage_full);
      break;
    }
    sent += batch;
    REQUIRE(sent < 10'000'000);
  }
  return sent;
}

std::uint64_t data_bytes(const std::string& directory) {
  return fs::file_size(directory + "/log/data.mdb") + fs::file_size(directory + "/state/data.mdb");
}

}  // namespace

TEST_CASE("a disk of 4 MiB is filled, drained and filled again, through restarts") {
  SmallDisk disk("size=4m");
  const std::string body(GENERATE(100, 1000, 20'000), 'b');
  StoreDriver driver(disk / "data");
  REQUIRE(driver.open().has_value());
  REQUIRE(driver.create_queue().has_value());
  std::size_t first = 0;
  for (int round = 0; round < 4; ++round) {
    const std::size_t sent = fill_up(driver, body, body.size() > 1000 ? 1 : 10);
    if (round == 0) first = sent;
    CHECK(sent > 0);
    CHECK(sent >= first / 3);
    if (round % 2 == 1) REQUIRE(driver.open().has_value());
    if (round == 2) disk.fill("others");
    const auto drained = driver.drain();
    if (!drained) FAIL(drained.error().text());
    CHECK(*drained == sent);
    fs::remove(disk / "others");
    REQUIRE(driver.checkpoint().has_value());
    CHECK(driver.store().usage().accepts_sends);
  }
}

TEST_CASE("on a disk that others filled to the last byte, what was accepted is received and deleted") {
  SmallDisk disk("size=16m");
  StoreDriver driver(disk / "data");
  REQUIRE(driver.open().has_value());
  REQUIRE(driver.create_queue().has_value());
  REQUIRE(driver.send(500, std::string(1000, 'b')).has_value());
  REQUIRE(driver.checkpoint().has_value());
  disk.fill("others");
  REQUIRE(disk.free_bytes() == 0);
  std::size_t sent = 500;
  sent += fill_up(driver, std::string(1000, 'b'), 10);
  CHECK_FALSE(driver.store().usage().accepts_sends);
  REQUIRE(driver.open().has_value());
  const auto drained = driver.drain();
  if (!drained) FAIL(drained.error().text());
  CHECK(*drained == sent);
  fs::remove(disk / "others");
  CHECK(driver.store().usage().accepts_sends);
}

TEST_CASE("the limit of the options holds for both files together") {
  ScratchDirectory scratch;
  const std::uint64_t limit = GENERATE(1 << 20, 8 << 20, 24 << 20);
  const std::size_t body = limit >> 12;
  CAPTURE(limit);
  StoreDriver driver(scratch / "data", limit);
  REQUIRE(driver.open().has_value());
  REQUIRE(driver.create_queue().has_value());
  for (int round = 0; round < 3; ++round) {
    const std::size_t sent = fill_up(driver, std::string(body, 'b'), 10);
    CHECK(sent * body > limit / 8);
    CHECK(data_bytes(scratch / "data") <= limit);
    const auto drained = driver.drain();
    if (!drained) FAIL(drained.error().text());
    CHECK(*drained == sent);
    CHECK(data_bytes(scratch / "data") <= limit + limit / 16);
    REQUIRE(driver.checkpoint().has_value());
    CHECK(driver.store().usage().accepts_sends);
  }
}

TEST_CASE("a log commit without room changes nothing and works again when there is room") {
  SmallDisk disk("size=4m");
  StoreDriver driver(disk / "data");
  REQUIRE(driver.open().has_value());
  disk.fill("others");
  std::vector<port::LogWrite> writes(1);
  writes[0].shard = interval_shard;
  writes[0].records.push_back({LogIndex(2), Term(1), port::EntryType::command,
                               SharedBytes::copy(as_bytes(std::string(3 << 20, 'x')))});
  for (int round = 0; round < 3; ++round) {
    const auto done = driver.store().log().commit(writes);
    REQUIRE_FALSE(done.has_value());
    CHECK(done.error() == errc::storage_full);
    CHECK(driver.store().log().state(interval_shard)->last == LogIndex(1));
  }
  fs::remove(disk / "others");
  REQUIRE(driver.store().log().commit(writes).has_value());
  CHECK(driver.store().log().state(interval_shard)->last == LogIndex(2));
}
