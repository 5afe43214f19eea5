// Damaged bytes are found by their checksums, never served, and nothing is deleted because of them (S55).
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <fstream>
#include <string>
#include <string_view>
#include <utility>

#include "storage/log_record.hpp"
#include "storage/page_view.hpp"
#include "storage/row_seal.hpp"
#include "support/storage/scratch_directory.hpp"
#include "support/storage/store_driver.hpp"
#include "support/storage/whole_file.hpp"

using namespace peerq;
using test::ScratchDirectory;
using test::StoreDriver;

namespace {

/// Flips one bit in the middle of every place of the file where `text` stands; how many.
std::size_t flip_all(const std::string& path, const std::string& text) {
  std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
  const std::string bytes{std::istreambuf_iterator<char>(file), {}};
  std::size_t count = 0;
  for (std::size_t at = bytes.find(text); at != std::string::npos; at = bytes.find(text, at + 1), ++count) {
    file.seekp(static_cast<std::streamoff>(at + text.size() / 2));
    file.put(static_cast<char>(bytes[at + text.size() / 2] ^ 0x10));
  }
  return count;
}

/// Flips a bit in the flags of every first page of a large row; how many.
std::size_t change_overflow_flags(const std::string& path, int bit) {
  constexpr std::size_t page_size = 4096;
  std::string bytes = test::read_file(path);
  std::size_t count = 0;
  for (std::size_t at = 0; at + page_size <= bytes.size(); at += page_size) {
    const storage::PageView page(as_bytes(bytes).data() + at, page_size);
    if (page.number() != at / page_size || page.flags() != storage::page_is_overflow) continue;
    bytes[at + 10] = static_cast<char>(bytes[at + 10] ^ bit);
    ++count;
  }
  test::write_file(path, bytes);
  return count;
}

/// Leaves a directory with so many messages, all of them in its tables.
void leave_checkpointed(StoreDriver& driver, std::size_t count, std::string_view body) {
  REQUIRE(driver.open().has_value());
  REQUIRE(driver.create_queue().has_value());
  REQUIRE(driver.send(count, body).has_value());
  REQUIRE(driver.checkpoint().has_value());
  driver.close();
}

}  // namespace

TEST_CASE("a changed log record keeps the directory from opening and is named") {
  ScratchDirectory scratch;
  StoreDriver driver(scratch / "data");
  REQUIRE(driver.open().has_value());
  REQUIRE(driver.create_queue().has_value());
  REQUIRE(driver.send(1, "the record to be damaged").has_value());
  REQUIRE(driver.send(1, "a sound record").has_value());
  driver.close();
  REQUIRE(flip_all(scratch / "data/log/data.mdb", "the record to be damaged") > 0);
  const auto opened = driver.open();
  REQUIRE_FALSE(opened.has_value());
  CHECK(opened.error() == errc::corrupt);
  CHECK(opened.error().detail.find("record 3") != std::string::npos);
}

TEST_CASE("a changed name of a table is damage, and no new table takes its place") {
  const auto [file, table] = GENERATE(std::pair("log", "1.records"), std::pair("state", "1.messages"));
  ScratchDirectory scratch;
  StoreDriver driver(scratch / "data");
  leave_checkpointed(driver, 1, "x");
  REQUIRE(flip_all(scratch / (std::string("data/") + file + "/data.mdb"), table) > 0);
  const auto opened = driver.open();
  REQUIRE_FALSE(opened.has_value());
  CHECK(opened.error() == errc::corrupt);
}

TEST_CASE("a changed head of a row's own pages is damage when the row goes, not the end of the process") {
  ScratchDirectory scratch;
  StoreDriver driver(scratch / "data");
  leave_checkpointed(driver, 2, std::string(9000, 'x'));
  // LMDB asserts on the flag of a page that was written in this transaction, where it frees pages.
  const int dirty = 0x10;
  REQUIRE(change_overflow_flags(scratch / "data/state/data.mdb", dirty) >= 2);
  REQUIRE(driver.open().has_value());
  const auto drained = driver.drain();
  const auto ended = drained ? driver.checkpoint() : Result<void>(drained.error());
  REQUIRE_FALSE(ended.has_value());
  CHECK(ended.error() == errc::corrupt);
}

TEST_CASE("a changed payload is never served and its shard goes on for others (S55)") {
  ScratchDirectory scratch;
  StoreDriver driver(scratch / "data");
  const std::string body = GENERATE(std::string("damaged body"), "damaged body" + std::string(9000, 'x'));
  leave_checkpointed(driver, 1, body);
  REQUIRE(flip_all(scratch / "data/state/data.mdb", "damaged body") > 0);
  REQUIRE(driver.open().has_value());
  const auto received = driver.receive(1);
  REQUIRE_FALSE(received.has_value());
  CHECK(received.error() == errc::corrupt);
}

TEST_CASE("a changed row poisons its shard: every member answers, nothing more is written (S55)") {
  ScratchDirectory scratch;
  StoreDriver driver(scratch / "data");
  leave_checkpointed(driver, 3, "sound");
  // The queue's parameters hold its name.
  REQUIRE(flip_all(scratch / "data/state/data.mdb", "queue-0") > 0);
  REQUIRE(driver.open().has_value());
  const auto sent = driver.send(1, "more");
  REQUIRE_FALSE(sent.has_value());
  CHECK(sent.error() == errc::corrupt);
  auto& machine = driver.machine();
  CHECK(machine.facts(driver.queue_id(0), {}).error() == errc::corrupt);
  engine::PageRequest request;
  request.queue = driver.queue_id(0);
  CHECK(machine.page(request, {}).error() == errc::corrupt);
  CHECK(machine.config(driver.queue_id(0)) == nullptr);
  CHECK(machine.pass(next(machine.applied()), Term(1), false, {}).error() == errc::corrupt);
  CHECK_FALSE(machine.freeze(machine.applied()));
  CHECK_FALSE(machine.checkpoint_due());
}

TEST_CASE("a row in another row's place does not pass") {
  using namespace storage;
  std::string value = "row";
  seal_row(data_shard, engine::TableId::messages, as_bytes("key"), value);
  CHECK(open_row(data_shard, engine::TableId::messages, as_bytes("key"), as_bytes(value)).has_value());
  CHECK_FALSE(open_row(data_shard, engine::TableId::messages, as_bytes("kez"), as_bytes(value)).has_value());
  CHECK_FALSE(open_row(data_shard, engine::TableId::ready, as_bytes("key"), as_bytes(value)).has_value());
  CHECK_FALSE(
      open_row(interval_shard, engine::TableId::messages, as_bytes("key"), as_bytes(value)).has_value());
  CHECK_FALSE(
      open_row(data_shard, engine::TableId::messages, as_bytes("key"), as_bytes(value).first(3)).has_value());
}

TEST_CASE("every single flipped bit of a record, hard state, snapshot or identity is found") {
  using namespace storage;
  const port::LogRecord record{LogIndex(7), Term(2), port::EntryType::change,
                               SharedBytes::copy(as_bytes("a body"))};
  std::string bytes(record_header_size + record.body.size(), '\0');
  write_record(data_shard, record, std::as_writable_bytes(std::span(bytes)));
  REQUIRE(read_record(data_shard, LogIndex(7), as_bytes(bytes)).has_value());
  CHECK_FALSE(read_record(data_shard, LogIndex(8), as_bytes(bytes)).has_value());
  CHECK_FALSE(read_record(interval_shard, LogIndex(7), as_bytes(bytes)).has_value());
  const auto flips_found = [](std::string value, auto read) {
    for (std::size_t bit = 0; bit < value.size() * 8; ++bit) {
      value[bit / 8] = static_cast<char>(value[bit / 8] ^ (1 << (bit % 8)));
      if (read(as_bytes(value))) return false;
      value[bit / 8] = static_cast<char>(value[bit / 8] ^ (1 << (bit % 8)));
    }
    return true;
  };
  CHECK(flips_found(bytes, [](Bytes b) { return read_record(data_shard, LogIndex(7), b).has_value(); }));
  const port::HardState hard{Term(3), PeerId(2)};
  CHECK(flips_found(write_hard_state(data_shard, hard),
                    [](Bytes b) { return read_hard_state(data_shard, b).has_value(); }));
  const port::SnapshotMeta meta{LogIndex(5), Term(1), LogIndex(1), "conf", 1};
  CHECK(flips_found(write_snapshot_meta(data_shard, meta),
                    [](Bytes b) { return read_snapshot_meta(data_shard, b).has_value(); }));
  CHECK(flips_found(write_identity({}), [](Bytes b) { return read_identity(b).has_value(); }));
  CHECK(read_snapshot_meta(data_shard, as_bytes(write_snapshot_meta(data_shard, meta))) == meta);
  CHECK(read_hard_state(data_shard, as_bytes(write_hard_state(data_shard, hard))) == hard);
}
