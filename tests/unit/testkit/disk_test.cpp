// The simulated disk: what a commit that returned keeps, what a crash takes, and that stores of an older life
// are done.
#include <catch2/catch_test_macros.hpp>
#include <map>
#include <string>
#include <vector>

#include "peerq/testkit/simulation.hpp"
#include "replication/single_replicator.hpp"
#include "wire/codec.hpp"

using namespace peerq;
using namespace std::chrono_literals;
using port::LogRecord;
using port::LogWrite;
using testkit::Simulation;

namespace {

SharedBytes body(const std::string& text) { return SharedBytes::copy(as_bytes(text)); }

LogWrite write_of(ShardId shard, std::uint64_t index, const std::string& text) {
  LogWrite write;
  write.shard = shard;
  write.records.push_back({LogIndex(index), Term(1), port::EntryType::command, body(text)});
  return write;
}

std::unique_ptr<port::Store> open(Simulation& sim) {
  port::StoreOptions options;
  options.initial_configuration = body("configuration");
  return sim.disk().open(options, *sim.entropy()).value();
}

std::vector<std::string> texts(port::Log& log, ShardId shard) {
  std::vector<std::string> out;
  const auto state = log.state(shard).value();
  log.read(shard, state.first, state.last,
           [&](const LogRecord& record) -> Result<void> {
             CHECK(record.index.value == state.first.value + out.size());
             out.emplace_back(as_text(record.body.bytes()));
             return {};
           })
      .value();
  return out;
}

std::string long_text(std::uint64_t number) { return std::to_string(number) + std::string(700, 'x'); }

}  // namespace

TEST_CASE("a new simulated directory has a configuration entry of term 1 in each durable shard") {
  Simulation sim;
  const auto store = open(sim);
  for (const ShardId shard : {catalog_shard, data_shard, interval_shard}) {
    CHECK(texts(store->log(), shard) == std::vector<std::string>{"configuration"});
    CHECK(store->log().state(shard).value().hard.term == Term(1));
  }
  CHECK(store->identity().first_queue.value % (std::uint64_t{1} << 32) == 0);
  CHECK(store->identity().first_queue.value != 0);
}

TEST_CASE("a simulated directory is open once at a time") {
  Simulation sim;
  auto store = open(sim);
  CHECK(sim.disk().open({}, *sim.entropy()).error() == errc::data_dir_locked);
  const auto identity = store->identity().cluster;
  store.reset();
  store = open(sim);
  CHECK(store->identity().cluster == identity);
}

TEST_CASE("a commit takes virtual time and the core runs meanwhile") {
  Simulation sim;
  const auto store = open(sim);
  const auto start = sim.scheduler().now();
  bool core_ran = false;
  bool callback_ran = false;
  sim.executor()->post(port::Lane::core, [&] { core_ran = true; });
  sim.executor()->post(port::Lane::callback, [&] { callback_ran = true; });
  store->log().commit({write_of(data_shard, 2, "a")}).value();
  CHECK(sim.scheduler().now() >= start + 100us);
  CHECK(sim.scheduler().now() <= start + 1ms);
  CHECK(core_ran);
  CHECK_FALSE(callback_ran);
}

TEST_CASE("what a commit returned for survives every power cut, and at most the one under way is added") {
  std::uint64_t kept = 0;
  std::uint64_t torn = 0;
  std::uint64_t lost = 0;
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    Simulation sim({.seed = seed});
    auto store = open(sim);
    std::uint64_t acknowledged = 1;
    bool cut = false;
    sim.scheduler().after(std::chrono::microseconds(sim.scheduler().below(20'000)), [&] {
      sim.cut_power();
      cut = true;
    });
    while (store->log().commit({write_of(data_shard, acknowledged + 1, long_text(acknowledged + 1))}))
      ++acknowledged;
    REQUIRE(cut);
    CHECK(store->log().state(data_shard).error() == errc::node_failed);
    store.reset();

    sim.boot();
    store = open(sim);
    const auto found = texts(store->log(), data_shard);
    INFO("seed " << seed);
    REQUIRE((found.size() == acknowledged || found.size() == acknowledged + 1));
    for (std::size_t i = 1; i < found.size(); ++i) REQUIRE(found[i] == long_text(i + 1));
    kept += sim.disk().facts().commits_kept;
    torn += sim.disk().facts().commits_torn;
    lost += sim.disk().facts().commits_lost;
    CHECK(store->log().commit({write_of(data_shard, found.size() + 1, "after")}).has_value());
  }
  CHECK(kept > 20);
  CHECK(torn > 20);
  CHECK(lost > 20);
}

TEST_CASE("a commit over several shards survives whole or not at all") {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    Simulation sim({.seed = seed});
    auto store = open(sim);
    sim.scheduler().after(1us, [&] { sim.cut_power(); });
    REQUIRE_FALSE(store->log().commit(
        {write_of(catalog_shard, 2, long_text(1)), write_of(data_shard, 2, long_text(2))}));
    store.reset();
    sim.boot();
    store = open(sim);
    CHECK(texts(store->log(), catalog_shard).size() == texts(store->log(), data_shard).size());
  }
}

TEST_CASE("a disk that lies about its syncs loses what it acknowledged") {
  bool lost = false;
  for (std::uint64_t seed = 0; seed < 20 && !lost; ++seed) {
    Simulation sim({.seed = seed, .disk = {.lie_about_sync = true}});
    auto store = open(sim);
    for (std::uint64_t i = 2; i < 20; ++i)
      store->log().commit({write_of(data_shard, i, long_text(i))}).value();
    sim.cut_power();
    store.reset();
    sim.boot();
    store = open(sim);
    const auto found = texts(store->log(), data_shard);
    for (std::size_t i = 1; i < found.size(); ++i) CHECK(found[i] == long_text(i + 1));
    lost = found.size() < 19;
  }
  CHECK(lost);
}

TEST_CASE("a killed process loses nothing that it had committed, even on a disk that lies") {
  Simulation sim({.disk = {.lie_about_sync = true}});
  auto store = open(sim);
  for (std::uint64_t i = 2; i < 20; ++i) store->log().commit({write_of(data_shard, i, long_text(i))}).value();
  sim.kill();
  CHECK(store->log().commit({write_of(data_shard, 20, "late")}).error() == errc::node_failed);
  store.reset();
  sim.boot();
  CHECK(texts(open(sim)->log(), data_shard).size() == 19);
}

TEST_CASE("cut, append, term and snapshot work together, and the log's head goes") {
  Simulation sim;
  const auto store = open(sim);
  auto& log = store->log();
  for (std::uint64_t i = 2; i <= 10; ++i) log.commit({write_of(data_shard, i, std::to_string(i))}).value();
  LogWrite write = write_of(data_shard, 8, "eight again");
  write.records[0].term = Term(2);
  write.cut_from = LogIndex(8);
  write.hard = port::HardState{Term(2), PeerId(3)};
  write.snapshot = port::SnapshotMeta{LogIndex(6), Term(1), LogIndex(1), "configuration", 1};
  log.commit({write}).value();
  const auto state = log.state(data_shard).value();
  CHECK(state.first == LogIndex(7));
  CHECK(state.last == LogIndex(8));
  CHECK(state.last_term == Term(2));
  CHECK(state.hard == *write.hard);
  CHECK(state.snapshot == *write.snapshot);
  CHECK(texts(log, data_shard) == std::vector<std::string>{"7", "eight again"});
}

TEST_CASE("a full simulated disk refuses commits and takes them again when there is room") {
  Simulation sim;
  const auto store = open(sim);
  sim.disk().set_full(true);
  CHECK_FALSE(store->usage().accepts_sends);
  CHECK(store->log().commit({write_of(data_shard, 2, "a")}).error() == errc::storage_full);
  sim.disk().set_full(false);
  CHECK(store->log().commit({write_of(data_shard, 2, "a")}).has_value());
}

TEST_CASE("a failed sync is final for the process") {
  Simulation sim;
  auto store = open(sim);
  sim.disk().fail_next_sync();
  CHECK(store->log().commit({write_of(data_shard, 2, "a")}).error() == errc::node_failed);
  CHECK(store->log().commit({write_of(data_shard, 2, "a")}).error() == errc::node_failed);
  CHECK(store->log().state(data_shard).error() == errc::node_failed);
  store.reset();
  CHECK(open(sim)->log().state(data_shard).has_value());
}

TEST_CASE("a damaged record is told from a good one") {
  Simulation sim;
  const auto store = open(sim);
  store->log().commit({write_of(data_shard, 2, "a"), write_of(catalog_shard, 2, "b")}).value();
  CHECK(sim.disk().damage_record(data_shard, LogIndex(9)).error() == errc::invalid_argument);
  sim.disk().damage_record(data_shard, LogIndex(2)).value();
  const auto visit = [](const LogRecord&) -> Result<void> { return {}; };
  CHECK(store->log().read(data_shard, LogIndex(1), LogIndex(2), visit).error() == errc::corrupt);
  CHECK(store->log().read(data_shard, LogIndex(1), LogIndex(1), visit).has_value());
  CHECK(store->log().read(catalog_shard, LogIndex(1), LogIndex(2), visit).has_value());
}
