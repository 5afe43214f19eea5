// The delta over the tables on disk: what vanishes, what is written, when it is frozen, what a failed write
// leaves.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <string>

#include "storage/delta_budget.hpp"
#include "storage/memory_tables.hpp"
#include "storage/payload_copy.hpp"
#include "storage/shard_delta.hpp"
#include "support/storage/memory_state.hpp"

using namespace peerq;
using engine::MessageKey;
using engine::MessageRow;
using engine::NoteRow;
using engine::ReadyRow;
using engine::TableId;
using engine::WallDue;
using engine::WallDueRow;
using storage::DeltaBudget;
using storage::DeltaLevel;
using storage::DeltaLimits;
using storage::ShardDelta;

namespace {

constexpr MessageKey key_of(std::uint64_t number) { return {QueueId(9), Sequence{number}}; }
constexpr MessageId id_of(std::uint64_t number) { return {QueueId(9), Sequence{number}}; }

/// Says when a table is read, by failing.
class UnreadableState final : public storage::StateStore {
 public:
  class Unreadable final : public storage::Snapshot {
   public:
    bool empty(ShardId, engine::TableId) const noexcept override { return false; }
    std::optional<Bytes> get(ShardId, engine::TableId, Bytes) override {
      throw engine::TablesFailure{Error(errc::node_failed, "EIO")};
    }
    std::optional<Bytes> next(ShardId, engine::TableId, Bytes, bool) override {
      throw engine::TablesFailure{Error(errc::node_failed, "EIO")};
    }
    Result<SharedBytes> payload(ShardId, MessageId) override { return errc::node_failed; }
    std::uint64_t pages(ShardId, engine::TableId) const noexcept override { return 0; }
    std::uint64_t pages_per_row(ShardId, engine::TableId) const noexcept override { return 0; }
  };
  Result<void> write(ShardId, const storage::RowSource&) override { return errc::node_failed; }
  const std::shared_ptr<storage::Snapshot>& snapshot() const noexcept override { return snapshot_; }
  Result<void> refresh() override { return {}; }

 private:
  std::shared_ptr<storage::Snapshot> snapshot_ = std::make_shared<Unreadable>();
};

void apply(ShardDelta& delta) {
  const LogIndex index = next(delta.applied());
  delta.applied(index, Term(1), {LeaseTime{1}, WallTime{1}}, 10);
}

}  // namespace

TEST_CASE("a row that came and went between two checkpoints leaves nothing") {
  DeltaLevel level;
  level.insert<MessageRow>(key_of(1), {});
  level.insert<ReadyRow>(key_of(1), {});
  level.insert<NoteRow>(key_of(1), {});
  level.insert_payload(id_of(1), SharedBytes::copy(as_bytes("x")));
  CHECK_FALSE(level.empty());
  level.update<MessageRow>(key_of(1), {});
  level.erase<MessageRow>(key_of(1));
  level.erase<ReadyRow>(key_of(1));
  level.erase<NoteRow>(key_of(1));
  level.erase_payload(id_of(1));
  CHECK(level.empty());
}

TEST_CASE("a row that exists below leaves a mark when it is erased, also after it came again") {
  DeltaLevel level;
  level.erase<MessageRow>(key_of(1));
  CHECK(level.find<MessageRow>(key_of(1)).known);
  CHECK(level.find<MessageRow>(key_of(1)).row == nullptr);
  level.insert<MessageRow>(key_of(1), {});
  CHECK(level.find<MessageRow>(key_of(1)).row != nullptr);
  level.erase<MessageRow>(key_of(1));
  CHECK(level.find<MessageRow>(key_of(1)).known);
  level.erase<ReadyRow>(key_of(1));
  level.insert<ReadyRow>(key_of(1), {});
  level.erase<ReadyRow>(key_of(1));
  CHECK(level.find<ReadyRow>(key_of(1)).known);
}

TEST_CASE("changes never read below") {
  UnreadableState state;
  DeltaBudget budget({}, {});
  ShardDelta delta(data_shard, state, budget);
  auto& tables = delta.tables();
  tables.insert<MessageRow>(key_of(1), {});
  tables.update<MessageRow>(key_of(2), {});
  tables.erase<MessageRow>(key_of(3));
  tables.erase<ReadyRow>(key_of(3));
  tables.insert_payload(id_of(1), SharedBytes::copy(as_bytes("x")));
  tables.erase_payload(id_of(2));
  CHECK(tables.find<MessageRow>(key_of(1)).has_value());
  CHECK_FALSE(tables.find<MessageRow>(key_of(3)).has_value());
  CHECK_THROWS_AS(tables.find<MessageRow>(key_of(4)), engine::TablesFailure);
}

TEST_CASE("a small payload is copied out of its entry, one that is most of it is shared") {
  const SharedBytes entry = SharedBytes::copy(as_bytes(std::string(1000, 'e')));
  const SharedBytes small = entry.slice(entry.bytes().first(500));
  const SharedBytes large = entry.slice(entry.bytes().first(501));
  CHECK(storage::own_payload(small, 1000).bytes().data() != entry.bytes().data());
  CHECK(storage::own_payload(large, 1000).bytes().data() == entry.bytes().data());
  CHECK(storage::own_payload(small, 0).bytes().data() == small.bytes().data());
}

TEST_CASE("a checkpoint never holds more than the durable log, and nothing when nothing is new") {
  test::MemoryState state;
  DeltaBudget budget({}, {});
  ShardDelta delta(data_shard, state.store(), budget);
  REQUIRE(delta.open().has_value());
  CHECK_FALSE(delta.freeze(LogIndex(0)));
  apply(delta);
  apply(delta);
  CHECK_FALSE(delta.freeze(LogIndex(1)));
  CHECK(delta.freeze(LogIndex(2)));
  CHECK_FALSE(delta.checkpoint_due());
  REQUIRE(delta.write().has_value());
  const auto finished = delta.finish();
  REQUIRE(finished.has_value());
  CHECK(finished->index == LogIndex(2));
  CHECK_FALSE(delta.freeze(LogIndex(2)));
}

TEST_CASE("a checkpoint carries the last configuration to whoever opens next") {
  test::MemoryState state;
  DeltaBudget budget({}, {});
  {
    ShardDelta delta(data_shard, state.store(), budget);
    REQUIRE(delta.open().has_value());
    delta.passed(LogIndex(1), Term(1), true, as_bytes("peers"));
    delta.passed(LogIndex(2), Term(2), false, as_bytes("barrier"));
    REQUIRE(delta.freeze(LogIndex(2)));
    REQUIRE(delta.write().has_value());
    const auto finished = delta.finish();
    REQUIRE(finished.has_value());
    CHECK(finished->term == Term(2));
    CHECK(finished->configuration_index == LogIndex(1));
    CHECK(finished->configuration == "peers");
  }
  ShardDelta again(data_shard, state.store(), budget);
  REQUIRE(again.open().has_value());
  CHECK(again.applied() == LogIndex(2));
  apply(again);
  REQUIRE(again.freeze(LogIndex(3)));
  REQUIRE(again.write().has_value());
  CHECK(again.finish()->configuration == "peers");
}

TEST_CASE("a checkpoint that found the disk full is written later, with what changed meanwhile on top") {
  test::MemoryState state;
  DeltaBudget budget({}, {});
  ShardDelta delta(data_shard, state.store(), budget);
  REQUIRE(delta.open().has_value());
  delta.tables().insert<ReadyRow>(key_of(1), {});
  delta.tables().insert<ReadyRow>(key_of(2), {});
  apply(delta);
  REQUIRE(delta.freeze(LogIndex(1)));
  state.fail_next_write(Error(errc::storage_full));
  CHECK(delta.write().error() == errc::storage_full);
  CHECK(state.tables().empty());
  delta.tables().erase<ReadyRow>(key_of(1));
  apply(delta);
  CHECK_FALSE(delta.tables().find<ReadyRow>(key_of(1)).has_value());
  CHECK(delta.tables().find<ReadyRow>(key_of(2)).has_value());
  REQUIRE(delta.write().has_value());
  CHECK(delta.finish()->index == LogIndex(1));
  CHECK_FALSE(delta.tables().find<ReadyRow>(key_of(1)).has_value());
  REQUIRE(delta.freeze(LogIndex(2)));
  REQUIRE(delta.write().has_value());
  REQUIRE(delta.finish().has_value());
  CHECK_FALSE(delta.tables().find<ReadyRow>(key_of(1)).has_value());
  CHECK(delta.tables().find<ReadyRow>(key_of(2)).has_value());
}

TEST_CASE("a payload asked for stays readable after it was erased and the erase was checkpointed") {
  test::MemoryState state;
  DeltaBudget budget({}, {});
  ShardDelta delta(data_shard, state.store(), budget);
  REQUIRE(delta.open().has_value());
  const auto checkpoint = [&] {
    apply(delta);
    REQUIRE(delta.freeze(delta.applied()));
    REQUIRE(delta.write().has_value());
    REQUIRE(delta.finish().has_value());
  };
  delta.tables().insert_payload(id_of(1), SharedBytes::copy(as_bytes("payload")));
  checkpoint();
  const engine::Payload cold = delta.tables().payload(id_of(1));
  REQUIRE(cold.cold != nullptr);
  delta.tables().erase_payload(id_of(1));
  checkpoint();
  CHECK(as_text(cold.cold->fetch()->bytes()) == "payload");
}

TEST_CASE("a checkpoint is due at the first of bytes, dirty pages and log") {
  DeltaBudget budget({.freeze_bytes = 1000,
                      .total_bytes = 2000,
                      .dirty_pages = 50,
                      .dirty_pages_most = 50,
                      .log_bytes = 300},
                     {});
  CHECK_FALSE(budget.freeze_due(data_shard, 49, 299));
  CHECK(budget.freeze_due(data_shard, 50, 0));
  CHECK(budget.freeze_due(data_shard, 0, 300));
  budget.set_active(data_shard, 700, 0);
  budget.set_active(interval_shard, 299, 0);
  CHECK_FALSE(budget.freeze_due(data_shard, 0, 0));
  budget.set_active(interval_shard, 300, 0);
  CHECK(budget.freeze_due(data_shard, 0, 0));
  CHECK_FALSE(budget.freeze_due(interval_shard, 0, 0));
  CHECK_FALSE(budget.exceeded());
  budget.set_frozen(catalog_shard, 999);
  CHECK_FALSE(budget.exceeded());
  budget.set_frozen(catalog_shard, 1000);
  CHECK(budget.exceeded());
  CHECK(budget.total() == 2000);
}

TEST_CASE("entries wait while a checkpoint runs and the next would make too many pages dirty") {
  DeltaBudget budget({.freeze_bytes = 1000,
                      .total_bytes = 2000,
                      .dirty_pages = 50,
                      .dirty_pages_most = 50,
                      .log_bytes = 300},
                     {});
  budget.set_active(data_shard, 1, 50);
  CHECK_FALSE(budget.exceeded());
  budget.set_frozen(data_shard, 1);
  CHECK(budget.exceeded());
  budget.set_active(data_shard, 1, 49);
  CHECK_FALSE(budget.exceeded());
}

TEST_CASE("rows in the order of their keys share pages, others have one each as far as there are any") {
  const std::uint64_t pages = GENERATE(0, 100, 100'000);
  const auto pages_of = [&](engine::TableId table) { return table == TableId::wall_due ? pages : 0; };
  DeltaLevel in_order;
  DeltaLevel scattered;
  for (std::int64_t i = 0; i < 10'000; ++i) {
    in_order.insert<WallDueRow>({WallTime{i}, QueueId(1), {}, WallDue::delay}, {});
    const auto mixed = static_cast<std::int64_t>(static_cast<std::uint32_t>(i * 2'654'435'761));
    scattered.insert<WallDueRow>({WallTime{mixed}, QueueId(1), {}, WallDue::delay}, {});
  }
  const std::size_t packed = 10'000 / 32;
  CHECK(in_order.dirty_pages(1024, pages_of) == packed);
  const std::size_t most = std::min<std::size_t>(10'000, pages + packed);
  CHECK(scattered.dirty_pages(1024, pages_of) > packed + most * 7 / 10);
  CHECK(scattered.dirty_pages(1024, pages_of) <= packed + most + 1);
}

TEST_CASE("a little room on disk makes checkpoints small") {
  std::uint64_t room = std::uint64_t{1} << 30;
  DeltaBudget budget(
      {.freeze_bytes = 1 << 24, .total_bytes = 1 << 25, .dirty_pages = 4096, .log_bytes = 1 << 26},
      [&] { return room; });
  budget.look_at_disk();
  CHECK_FALSE(budget.freeze_due(data_shard, 4095, 0));
  room = 800 * 4096;
  budget.look_at_disk();
  CHECK(budget.freeze_due(data_shard, 200, 0));
  CHECK_FALSE(budget.freeze_due(data_shard, 199, 0));
}

TEST_CASE("limits follow the memory budget and the disk") {
  const auto usual = DeltaLimits::of(limits::memory_budget_default, std::uint64_t{1} << 40);
  CHECK(usual.freeze_bytes == 16 << 20);
  CHECK(usual.dirty_pages == 4096);
  CHECK(usual.log_bytes == 64 << 20);
  const auto small = DeltaLimits::of(limits::memory_budget_min, 0);
  CHECK(small.freeze_bytes == 1 << 20);
  CHECK(small.total_bytes == 2 << 20);
  const auto tiny = DeltaLimits::of(limits::memory_budget_default, 4 << 20);
  CHECK(tiny.freeze_bytes < 400'000);
  CHECK(tiny.log_bytes == 512 << 10);
}

std::size_t no_pages(engine::TableId) { return 0; }

TEST_CASE("the delta's memory is counted and given back") {
  DeltaLevel level;
  const std::size_t empty = level.memory();
  for (std::uint64_t number = 0; number < 1000; ++number) {
    level.insert<MessageRow>(key_of(number), {});
    level.insert_payload(id_of(number), SharedBytes::copy(as_bytes(std::string(1000, 'x'))));
    NoteRow note;
    note.last_error = std::string(500, 'e');
    level.insert<NoteRow>(key_of(number), note);
  }
  CHECK(level.memory() > empty + 1'500'000);
  CHECK(level.memory() < empty + 2'500'000);
  CHECK(level.dirty_pages(0, no_pages) > 250);
  for (std::uint64_t number = 0; number < 1000; ++number) {
    level.erase<MessageRow>(key_of(number));
    level.erase_payload(id_of(number));
    level.erase<NoteRow>(key_of(number));
  }
  CHECK(level.memory() < empty + 50'000);
}
