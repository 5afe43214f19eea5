// The simulated log's journal: which of the commits that were not synced survive, sector by sector.
#include <catch2/catch_test_macros.hpp>
#include <string>
#include <vector>

#include "testkit/sim_log.hpp"

using namespace peerq;
using testkit::SimJournal;

namespace {

/// Commits of three sectors each; the first is synced.
SimJournal journal_of(std::uint64_t commits) {
  SimJournal journal;
  for (std::uint64_t i = 1; i <= commits; ++i) {
    port::LogWrite write;
    write.shard = data_shard;
    write.records.push_back({LogIndex(i), Term(1), port::EntryType::command,
                             SharedBytes::copy(as_bytes(std::string(1'400, static_cast<char>('a' + i))))});
    journal.write({write});
    if (i == 1) journal.sync();
  }
  return journal;
}

std::uint64_t last_of(const SimJournal& journal) {
  return journal.current().at(data_shard).records.rbegin()->first.value;
}

}  // namespace

TEST_CASE("commits of which every sector survived are there") {
  auto journal = journal_of(4);
  const auto losses = journal.tear([](std::uint64_t) { return true; });
  CHECK(losses.kept == 3);
  CHECK(losses.lost + losses.torn == 0);
  CHECK(last_of(journal) == 4);
}

TEST_CASE("commits of which no sector survived are gone, and nothing is torn") {
  auto journal = journal_of(4);
  const auto losses = journal.tear([](std::uint64_t) { return false; });
  CHECK(losses.kept == 0);
  CHECK(losses.lost == 3);
  CHECK(losses.torn == 0);
  CHECK(last_of(journal) == 1);
}

TEST_CASE("a commit that lacks one sector is torn and takes the later ones with it") {
  const auto torn_at = [](std::uint64_t missing) {
    auto journal = journal_of(4);
    const auto losses = journal.tear([&](std::uint64_t sector) { return sector != missing; });
    CHECK(losses.torn == 1);
    CHECK(losses.kept + losses.torn + losses.lost == 3);
    CHECK(last_of(journal) == 1 + losses.kept);
    return losses.kept;
  };
  CHECK(torn_at(3) == 0);
  CHECK(torn_at(7) == 1);
  CHECK(torn_at(10) == 2);
}

TEST_CASE("what a killed process had written stays in whole commits from the front") {
  auto journal = journal_of(4);
  const auto losses = journal.keep_first(2);
  CHECK(losses.kept == 2);
  CHECK(losses.lost == 1);
  CHECK(last_of(journal) == 3);
  CHECK(journal.unsynced() == 0);
}
