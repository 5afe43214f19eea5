// Opening a data directory: what is made, what is refused, and that a refused one is left as it was.
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <filesystem>
#include <map>

#include "storage/system_file_system.hpp"
#include "support/storage/scratch_directory.hpp"
#include "support/storage/store_driver.hpp"
#include "support/storage/whole_file.hpp"

using namespace peerq;
using Catch::Matchers::ContainsSubstring;
using test::read_file;
using test::ScratchDirectory;
using test::StoreDriver;
using test::write_file;
namespace fs = std::filesystem;

namespace {

/// Every file below with its bytes.
std::map<std::string, std::string> tree(const std::string& path) {
  std::map<std::string, std::string> out;
  for (const auto& entry : fs::recursive_directory_iterator(path)) {
    out[entry.path().string()] = entry.is_regular_file() ? read_file(entry.path().string()) : "";
  }
  return out;
}

Error refusal(StoreDriver& driver) {
  const auto opened = driver.open();
  REQUIRE_FALSE(opened.has_value());
  REQUIRE_FALSE(opened.error().detail.empty());
  return opened.error();
}

/// Plays a file system of a chosen kind.
class PlayedFileSystem final : public port::FileSystem {
 public:
  port::FileSystemFacts played;
  Result<port::FileSystemFacts> facts(const std::string&) override { return played; }
  Result<std::uint64_t> free_bytes(int) override { return played.free_bytes; }
  Result<void> preallocate(int, std::uint64_t) override { return errc::not_supported; }
};

}  // namespace

TEST_CASE("a new directory holds a configuration entry of term 1 in each durable shard") {
  ScratchDirectory scratch;
  StoreDriver driver(scratch / "a/b/data");
  REQUIRE(driver.open().has_value());
  for (const ShardId shard : {catalog_shard, data_shard, interval_shard}) {
    const auto state = driver.store().log().state(shard);
    REQUIRE(state.has_value());
    CHECK(state->first == LogIndex(1));
    CHECK(state->last == LogIndex(1));
    CHECK(state->hard == port::HardState{Term(1), PeerId(1)});
    REQUIRE(driver.store()
                .log()
                .read(shard, LogIndex(1), LogIndex(1),
                      [](const port::LogRecord& record) -> Result<void> {
                        CHECK(record.type == port::EntryType::change);
                        CHECK(record.term == Term(1));
                        CHECK(as_text(record.body.bytes()) == "configuration");
                        return {};
                      })
                .has_value());
  }
  CHECK(driver.store().identity().first_queue.value % (std::uint64_t{1} << 32) == 0);
  CHECK(driver.store().identity().first_queue.value != 0);
  CHECK(driver.store().usage().accepts_sends);
  CHECK(read_file(scratch / "a/b/data/FORMAT") == "peerq 2\n");
}

TEST_CASE("a directory keeps its identity and two directories never share one") {
  ScratchDirectory scratch;
  StoreDriver one(scratch / "one");
  StoreDriver two(scratch / "two");
  REQUIRE(one.open().has_value());
  REQUIRE(two.open().has_value());
  const port::Identity first = one.store().identity();
  CHECK(first.cluster != two.store().identity().cluster);
  CHECK(first.receipt_key != two.store().identity().receipt_key);
  REQUIRE(one.open().has_value());
  CHECK(one.store().identity().cluster == first.cluster);
  CHECK(one.store().identity().receipt_key == first.receipt_key);
  CHECK(one.store().identity().first_queue == first.first_queue);
}

TEST_CASE("a second open in the same process is refused and names the holder") {
  ScratchDirectory scratch;
  StoreDriver holder(scratch / "data");
  REQUIRE(holder.open().has_value());
  StoreDriver other(scratch / "data");
  const Error error = refusal(other);
  CHECK(error.code == errc::data_dir_locked);
  CHECK_THAT(error.detail, ContainsSubstring(std::to_string(getpid())));
  holder.close();
  CHECK(other.open().has_value());
}

TEST_CASE("a directory held by another process is refused and names that process") {
  ScratchDirectory scratch;
  int ready[2];
  REQUIRE(pipe(ready) == 0);
  const pid_t child = fork();
  if (child == 0) {
    StoreDriver holder(scratch / "data");
    const char said = holder.open() ? 'y' : 'n';
    [[maybe_unused]] const auto written = write(ready[1], &said, 1);
    pause();
    _exit(0);
  }
  char said = 0;
  REQUIRE(read(ready[0], &said, 1) == 1);
  REQUIRE(said == 'y');
  StoreDriver other(scratch / "data");
  const Error error = refusal(other);
  CHECK(error.code == errc::data_dir_locked);
  CHECK_THAT(error.detail, ContainsSubstring(std::to_string(child)));
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  CHECK(other.open().has_value());
  close(ready[0]);
  close(ready[1]);
}

TEST_CASE("a fork of the process that opened the directory can neither write it nor unlock it") {
  ScratchDirectory scratch;
  StoreDriver driver(scratch / "data");
  REQUIRE(driver.open().has_value());
  REQUIRE(driver.create_queue().has_value());
  const pid_t child = fork();
  if (child == 0) {
    const auto sent = driver.send(1, "from the child");
    const bool refused = !sent && sent.error() == errc::forked;
    driver.close();
    _exit(refused ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
  StoreDriver other(scratch / "data");
  CHECK(refusal(other).code == errc::data_dir_locked);
  CHECK(driver.send(1, "from the parent").has_value());
}

TEST_CASE("a path that is a file is refused and stays as it was") {
  ScratchDirectory scratch;
  write_file(scratch / "data", "mine");
  StoreDriver driver(scratch / "data");
  const Error error = refusal(driver);
  CHECK(error.code == errc::data_dir_unsupported);
  CHECK_THAT(error.detail, ContainsSubstring("is a file"));
  CHECK(read_file(scratch / "data") == "mine");
  StoreDriver below(scratch / "data/below");
  CHECK(refusal(below).code == errc::data_dir_unsupported);
}

TEST_CASE("a directory of a newer format is refused and stays as it was") {
  ScratchDirectory scratch;
  StoreDriver driver(scratch / "data");
  REQUIRE(driver.open().has_value());
  driver.close();
  write_file(scratch / "data/FORMAT", "peerq 3\n");
  const auto before = tree(scratch / "data");
  const Error error = refusal(driver);
  CHECK(error.code == errc::data_dir_unsupported);
  CHECK_THAT(error.detail, ContainsSubstring("format 3") && ContainsSubstring("upgrade"));
  CHECK(tree(scratch / "data") == before);
}

TEST_CASE("a network file system is refused by its type and nothing is written") {
  ScratchDirectory scratch;
  PlayedFileSystem files;
  files.played.free_bytes = std::uint64_t{1} << 40;
  files.played.network = true;
  for (const std::uint64_t type : {0x6969UL, 0xff534d42UL, 0x01021997UL}) {
    files.played.type = type;
    CHECK(storage::network_file_system(type) != nullptr);
    StoreDriver driver(scratch / "data");
    driver.use(files);
    const Error error = refusal(driver);
    CHECK(error.code == errc::data_dir_unsupported);
    CHECK_THAT(error.detail, ContainsSubstring("network") && ContainsSubstring("local disk"));
  }
  CHECK_FALSE(fs::exists(scratch / "data"));
  for (const std::uint64_t local : {0xef53UL, 0x58465342UL, 0x9123683eUL, 0x01021994UL, 0x794c7630UL}) {
    CHECK(storage::network_file_system(local) == nullptr);
  }
}

TEST_CASE("a disk without room for a new directory is refused and nothing is written") {
  ScratchDirectory scratch;
  PlayedFileSystem files;
  files.played.free_bytes = 100 * 1024;
  StoreDriver driver(scratch / "data");
  driver.use(files);
  const Error error = refusal(driver);
  CHECK(error.code == errc::storage_full);
  CHECK_THAT(error.detail, ContainsSubstring("make room"));
  CHECK_FALSE(fs::exists(scratch / "data"));
}

TEST_CASE("a read-only mount is refused, whether the directory is there or not") {
  ScratchDirectory scratch;
  StoreDriver driver(scratch / "data");
  REQUIRE(driver.open().has_value());
  driver.close();
  const auto before = tree(scratch / "data");
  REQUIRE(mount(scratch.path().c_str(), scratch.path().c_str(), nullptr, MS_BIND, nullptr) == 0);
  REQUIRE(mount(nullptr, scratch.path().c_str(), nullptr, MS_BIND | MS_REMOUNT | MS_RDONLY, nullptr) == 0);
  const Error there = refusal(driver);
  StoreDriver elsewhere(scratch / "new");
  const Error missing = refusal(elsewhere);
  REQUIRE(umount(scratch.path().c_str()) == 0);
  CHECK(there.code == errc::data_dir_unsupported);
  CHECK_THAT(there.detail, ContainsSubstring("read-only"));
  CHECK(missing.code == errc::data_dir_unsupported);
  CHECK(tree(scratch / "data") == before);
  CHECK_FALSE(fs::exists(scratch / "new"));
  CHECK(driver.open().has_value());
}

TEST_CASE("whatever a crash during creation leaves, the next open makes the directory") {
  ScratchDirectory scratch;
  const std::string data = scratch / "data";
  fs::create_directories(data);
  SECTION("only the directory") {}
  SECTION("the lock") { write_file(data + "/LOCK", "1\n"); }
  SECTION("empty folders") {
    fs::create_directories(data + "/log");
    fs::create_directories(data + "/state");
  }
  SECTION("an environment whose first pages were torn") {
    fs::create_directories(data + "/log");
    write_file(data + "/log/data.mdb", std::string(8192, '\0'));
    write_file(data + "/log/lock.mdb", std::string(8192, '\0'));
  }
  SECTION("everything but FORMAT's bytes") {
    StoreDriver first(data);
    REQUIRE(first.open().has_value());
    const auto cluster = first.store().identity().cluster;
    first.close();
    write_file(data + "/FORMAT", "");
    StoreDriver second(data);
    REQUIRE(second.open().has_value());
    CHECK(second.store().identity().cluster == cluster);
  }
  StoreDriver driver(data);
  REQUIRE(driver.open().has_value());
  CHECK(driver.store().log().state(data_shard)->last >= LogIndex(1));
  CHECK(read_file(data + "/FORMAT") == "peerq 2\n");
}

TEST_CASE("a lost FORMAT does not cost the data") {
  ScratchDirectory scratch;
  StoreDriver driver(scratch / "data");
  REQUIRE(driver.open().has_value());
  REQUIRE(driver.create_queue().has_value());
  REQUIRE(driver.send(10, "kept").has_value());
  driver.close();
  fs::remove(scratch / "data/FORMAT");
  REQUIRE(driver.open().has_value());
  CHECK(driver.drain().value() == 10);
}

TEST_CASE("a state that does not belong to the log is refused") {
  ScratchDirectory scratch;
  StoreDriver driver(scratch / "data");
  REQUIRE(driver.open().has_value());
  REQUIRE(driver.create_queue().has_value());
  driver.close();
  fs::copy(scratch / "data", scratch / "old", fs::copy_options::recursive);
  REQUIRE(driver.open().has_value());
  REQUIRE(driver.send(10, "later").has_value());
  REQUIRE(driver.checkpoint().has_value());
  driver.close();
  SECTION("an older state under a trimmed log") {
    fs::copy(scratch / "old/state/data.mdb", scratch / "data/state/data.mdb",
             fs::copy_options::overwrite_existing);
  }
  SECTION("a newer state over an older log") {
    fs::copy(scratch / "old/log/data.mdb", scratch / "data/log/data.mdb",
             fs::copy_options::overwrite_existing);
  }
  const Error error = refusal(driver);
  CHECK(error.code == errc::corrupt);
  CHECK_THAT(error.detail, ContainsSubstring("do not belong together"));
}

TEST_CASE("what was checkpointed and what was only logged are both there after a restart") {
  ScratchDirectory scratch;
  StoreDriver driver(scratch / "data");
  REQUIRE(driver.open().has_value());
  REQUIRE(driver.create_queue().has_value());
  REQUIRE(driver.send(20, "checkpointed").has_value());
  REQUIRE(driver.checkpoint().has_value());
  REQUIRE(driver.send(30, "logged").has_value());
  const LogIndex applied = driver.machine().applied();
  REQUIRE(driver.open().has_value());
  CHECK(driver.machine().applied() == applied);
  CHECK(driver.drain().value() == 50);
}
