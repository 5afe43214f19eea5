// What went wrong: what is erased stands in a delta until a checkpoint is through, and some looks at the
// first row of a range passed all of it again each time: taking n messages from a group, giving back n leases
// of a session, reclaiming n groups took n * n steps. Found by the benchmark of a deep group.
#include <catch2/catch_test_macros.hpp>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "peerq/engine/queue_engine.hpp"
#include "storage/memory_tables.hpp"

namespace peerq::engine {
namespace {

/// Tables that keep in mind what was erased, and count how much of it is passed on the way to a first row.
class LeavingTables : public storage::MemoryTables {
 public:
  template <class Row>
  std::optional<Found<Row>> first(const typename Row::Key& from, const typename Row::Key& to) const {
    auto found = storage::MemoryTables::first<Row>(from, to);
    const auto left = left_.find(Row::table);
    if (left == left_.end()) return found;
    passed_ += static_cast<std::size_t>(
        std::distance(left->second.lower_bound(bytes_of<Row>(from)),
                      left->second.lower_bound(bytes_of<Row>(found ? found->key : to))));
    return found;
  }
  template <class Row>
  void insert(const typename Row::Key& key, const Row& row) {
    storage::MemoryTables::insert<Row>(key, row);
    left_[Row::table].erase(bytes_of<Row>(key));
  }
  template <class Row>
  void erase(const typename Row::Key& key) {
    storage::MemoryTables::erase<Row>(key);
    left_[Row::table].insert(bytes_of<Row>(key));
  }

  std::size_t passed() const noexcept { return passed_; }

 private:
  template <class Row>
  static std::string bytes_of(const typename Row::Key& key) {
    std::string out;
    encode_key<Row>(key, out);
    return out;
  }

  std::map<TableId, std::set<std::string>> left_;
  mutable std::size_t passed_ = 0;
};

constexpr std::size_t count = 1'000;
/// Enough for a few looks at each row; passing all of them again each time would be half a million.
constexpr std::size_t passed_max = 20 * count;

class Bench {
 public:
  explicit Bench(QueueType type) {
    Configure configure;
    configure.config.id = queue;
    configure.config.version = 1;
    configure.config.name = "queue";
    configure.config.options.type = type;
    run(configure);
  }

  Reply run(CommandBody body, Origin origin = {}) {
    header_.stamps.lease = header_.stamps.lease + Microseconds(1);
    const Command command{origin, std::move(body)};
    engine_.apply(LogIndex(++index_), {header_, std::span(&command, 1), {}}, effects_);
    return effects_.replies.at(0);
  }
  /// One message each to as many groups, again and again.
  void send(std::size_t groups) {
    for (std::size_t i = 0; i < count; ++i) {
      const std::string group = "group" + std::to_string(i % groups);
      SendItem item;
      item.payload = as_bytes("body");
      item.counted_bytes = 4;
      item.group_id = as_bytes(group);
      run(Send{queue, false, std::span(&item, 1)});
    }
  }
  bool reclaims() const { return engine_.next_due().more; }

  const QueueId queue{1};
  LeavingTables tables;

 private:
  EntryHeader header_;
  QueueEngine<LeavingTables> engine_{tables};
  Effects effects_;
  std::uint64_t index_ = 0;
};

TEST_CASE("taking messages from the front of a deep group does not pass those that were taken before") {
  Bench bench(QueueType::fifo);
  bench.send(1);
  for (std::size_t left = count; left > 0;) {
    Receive receive;
    receive.queue = bench.queue;
    receive.max_messages = 10;
    const Reply received = bench.run(receive);
    REQUIRE(received.grants.size() == 10);
    std::vector<SettleItem> items;
    for (const Grant& grant : received.grants) items.push_back({grant.lease, -1, {}, {}});
    bench.run(Settle{bench.queue, Verb::erase, items});
    left -= items.size();
  }
  CHECK(bench.tables.passed() < passed_max);
}

TEST_CASE("reclaiming the groups of a purged and of a deleted queue does not pass those that are gone") {
  Bench bench(QueueType::fifo);
  bench.send(count);
  SECTION("purged") { bench.run(Purge{bench.queue}); }
  SECTION("deleted") {
    Configure configure;
    configure.config.id = bench.queue;
    configure.removed = true;
    bench.run(configure);
  }
  for (int entry = 0; bench.reclaims(); ++entry) {
    REQUIRE(entry < 100);
    bench.run(Tick{});
  }
  CHECK(bench.tables.passed() < passed_max);
}

TEST_CASE("the end of a session does not pass the leases and replies that it took away before") {
  Bench bench(QueueType::standard);
  bench.send(1);
  const SessionId session(7);
  bench.run(OpenSession{session});
  for (std::uint64_t request = 1; request <= count; ++request) {
    Receive receive;
    receive.queue = bench.queue;
    receive.bind_to_session = true;
    REQUIRE(bench.run(receive, {session, request, {}}).grants.size() == 1);
  }
  bench.run(CloseSession{session});
  CHECK(bench.tables.passed() < passed_max);
}

}  // namespace
}  // namespace peerq::engine
