// A write that the disk lost leaves an older page in its place, whole and with good seals: it is found by the
// sums (lib/storage/row_sums.hpp), never served.
#include <catch2/catch_test_macros.hpp>
#include <functional>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "support/storage/scratch_directory.hpp"
#include "support/storage/store_driver.hpp"
#include "support/storage/whole_file.hpp"

using namespace peerq;
using test::read_file;
using test::ScratchDirectory;
using test::StoreDriver;
using test::write_file;

namespace {

constexpr std::size_t page_size = 4096;

/// What can be seen of a message, and the time when something is due.
using Shown = std::vector<std::tuple<std::uint64_t, int, std::uint32_t, std::int64_t>>;

Result<Shown> look(const std::string& directory) {
  StoreDriver driver(directory);
  if (auto opened = driver.open(); !opened) return std::move(opened).error();
  Shown out;
  engine::PageRequest request;
  request.queue = driver.queue_id(0);
  request.max_messages = limits::page_max;
  for (bool more = true; more;) {
    auto page = driver.machine().page(request, driver.machine().stamps());
    if (!page) return std::move(page).error();
    for (const auto& message : page->messages) {
      out.emplace_back(message.sequence.value, static_cast<int>(message.state), message.attempt, 0);
    }
    more = page->next.has_value();
    if (more) request.after = *page->next;
  }
  const auto due = driver.machine().next_due();
  out.emplace_back(0, 0, 0, due.lease.us);
  if (const Error& damage = driver.machine().damage(); damage.code != errc::ok) return damage;
  return out;
}

/// Works through some checkpoints; the state file as each of them left it.
std::vector<std::string> work(const std::string& directory) {
  StoreDriver driver(directory);
  REQUIRE(driver.open().has_value());
  REQUIRE(driver.create_queue().has_value());
  std::vector<std::string> files;
  REQUIRE(driver.send(600, std::string(120, 'b')).has_value());
  for (int round = 0; round < 12; ++round) {
    auto held = driver.receive(40).value();
    held.resize(held.size() / 4);
    REQUIRE(driver.erase(held).has_value());
    REQUIRE(driver.checkpoint().has_value());
    files.push_back(read_file(directory + "/state/data.mdb"));
  }
  return files;
}

/// Puts older pages of the log back, one at a time: each is refused, or `check` sees the data shard's state.
/// How many were refused.
std::size_t put_older_log_pages_back(const std::string& directory, const std::vector<std::string>& files,
                                     const std::function<void(const port::ShardLogState&)>& check) {
  const std::string& last = files.back();
  std::size_t refused = 0;
  for (std::size_t at = 2 * page_size; at < last.size(); at += page_size) {
    for (const std::string& older : files) {
      if (at >= older.size() || last.compare(at, page_size, older, at, page_size) == 0) continue;
      write_file(directory + "/log/data.mdb", std::string(last).replace(at, page_size, older, at, page_size));
      StoreDriver driver(directory);
      if (const auto opened = driver.open(); opened) {
        check(*driver.store().log().state(data_shard));
      } else {
        CHECK(opened.error() == errc::corrupt);
        ++refused;
      }
    }
  }
  return refused;
}

}  // namespace

TEST_CASE("whatever page of the state is an older one, it is refused or makes no difference") {
  ScratchDirectory scratch;
  const std::string directory = scratch / "data";
  const auto files = work(directory);
  const std::string& last = files.back();
  const Shown truth = look(directory).value();
  REQUIRE(truth.size() > 100);
  const std::string state = directory + "/state/data.mdb";
  std::size_t refused = 0;
  for (std::size_t at = 2 * page_size; at < last.size(); at += page_size) {
    std::optional<std::string> tried;
    for (const std::string& older : files) {
      const std::string page = at < older.size() ? older.substr(at, page_size) : std::string();
      if (page.empty() || page == tried || last.compare(at, page_size, page) == 0) continue;
      tried = page;
      write_file(state, std::string(last).replace(at, page_size, page));
      const auto shown = look(directory);
      INFO("page " << at / page_size);
      if (shown) {
        CHECK(*shown == truth);
        continue;
      }
      CHECK(shown.error() == errc::corrupt);
      ++refused;
    }
  }
  CHECK(refused > 20);
}

TEST_CASE("an older page of the log's terms, votes and snapshots is refused") {
  ScratchDirectory scratch;
  const std::string directory = scratch / "data";
  std::vector<std::string> files;
  {
    StoreDriver driver(directory);
    REQUIRE(driver.open().has_value());
    for (std::uint64_t term = 1; term < 8; ++term) {
      std::vector<port::LogWrite> writes(1);
      writes[0].shard = data_shard;
      writes[0].hard = port::HardState{Term(term), PeerId(term)};
      REQUIRE(driver.store().log().commit(writes).has_value());
      files.push_back(read_file(directory + "/log/data.mdb"));
    }
  }
  CHECK(put_older_log_pages_back(directory, files, [](const port::ShardLogState& state) {
          CHECK(state.hard == port::HardState{Term(7), PeerId(7)});
        }) > 5);
}

TEST_CASE("an older page of the log is refused although it has as many records") {
  ScratchDirectory scratch;
  const std::string directory = scratch / "data";
  std::vector<std::string> files;
  LogIndex last_index;
  {
    StoreDriver driver(directory);
    REQUIRE(driver.open().has_value());
    auto& log = driver.store().log();
    last_index = next(log.state(data_shard)->last);
    for (std::uint64_t term = 1; term < 8; ++term) {
      // A leader of a later term puts its own record in the place of one that was never committed.
      std::vector<port::LogWrite> writes(1);
      writes[0].shard = data_shard;
      writes[0].cut_from = last_index;
      writes[0].records = {{last_index, Term(term), port::EntryType::barrier, {}}};
      REQUIRE(log.commit(writes).has_value());
      files.push_back(read_file(directory + "/log/data.mdb"));
    }
  }
  CHECK(put_older_log_pages_back(directory, files, [](const port::ShardLogState& state) {
          CHECK(state.last_term == Term(7));
        }) > 5);
}
