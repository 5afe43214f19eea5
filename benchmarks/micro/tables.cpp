// The tables under the engine: memory, and the delta over LMDB. What one message does to them: its row and
// payload come and go, a lease's deadline comes and goes in between.

#include <benchmark/benchmark.h>

#include <filesystem>
#include <memory>
#include <string>

#include "storage/delta_tables.hpp"
#include "storage/disk_base.hpp"
#include "storage/lmdb_state.hpp"
#include "storage/memory_tables.hpp"
#include "storage/system_file_system.hpp"

namespace {

using namespace peerq;
using engine::LeaseDueRow;
using engine::MessageKey;
using engine::MessageRow;

constexpr QueueId queue{1};
constexpr std::uint64_t live = 1'000;

MessageKey key_of(std::uint64_t number) { return {queue, Sequence::make(4, number)}; }
MessageId id_of(std::uint64_t number) { return {queue, Sequence::make(4, number)}; }

/// The life of one message while `live` others are there.
template <class Tables>
void live_and_die(benchmark::State& state, Tables& tables) {
  const SharedBytes payload = SharedBytes::copy(as_bytes(std::string(136, 'b')));
  const auto send = [&](std::uint64_t number) {
    tables.template insert<MessageRow>(key_of(number), MessageRow{});
    tables.insert_payload(id_of(number), payload);
  };
  for (std::uint64_t number = 1; number <= live; ++number) send(number);
  std::uint64_t first = 1;
  for (auto _ : state) {
    send(first + live);
    auto found = tables.template find<MessageRow>(key_of(first));
    const LeaseDueRow::Key due{LeaseTime{static_cast<std::int64_t>(first)}, queue, Sequence::make(4, first)};
    tables.template insert<LeaseDueRow>(due, {});
    tables.template update<MessageRow>(key_of(first), *found);
    benchmark::DoNotOptimize(tables.payload(id_of(first)));
    tables.template erase<LeaseDueRow>(due);
    tables.template erase<MessageRow>(key_of(first));
    tables.erase_payload(id_of(first));
    ++first;
  }
  state.SetItemsProcessed(state.iterations());
}

template <class Tables>
void find_message(benchmark::State& state, Tables& tables) {
  for (std::uint64_t number = 1; number <= live; ++number) {
    tables.template insert<MessageRow>(key_of(number), MessageRow{});
  }
  std::uint64_t number = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(tables.template find<MessageRow>(key_of(number % live + 1)));
    number += 7;
  }
}

/// An empty directory of state, with the delta over it.
class OnDisk {
 public:
  OnDisk()
      : folder_(made(std::filesystem::temp_directory_path() / "peerq-micro-tables")),
        space_({.max_bytes = 0, .log_reserve = 0, .state_reserve = 1 << 20}, files_),
        state_(storage::LmdbState::open({.folder = folder_.string(),
                                         .map_size = std::uint64_t{1} << 30,
                                         .tables_max = storage::StateTables::tables_max},
                                        0, space_)
                   .value()),
        tables_(storage::DiskBase(data_shard, *state_)) {}
  ~OnDisk() {
    state_.reset();
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }

  storage::DeltaTables<storage::DiskBase>& tables() noexcept { return tables_; }

 private:
  static std::filesystem::path made(const std::filesystem::path& folder) {
    std::filesystem::remove_all(folder);
    std::filesystem::create_directories(folder);
    return folder;
  }

  std::filesystem::path folder_;
  storage::SystemFileSystem files_;
  storage::DiskSpace space_;
  std::unique_ptr<storage::LmdbState> state_;
  storage::DeltaTables<storage::DiskBase> tables_;
};

void memory_tables_life(benchmark::State& state) {
  storage::MemoryTables tables;
  live_and_die(state, tables);
}
BENCHMARK(memory_tables_life);

void delta_tables_life(benchmark::State& state) {
  OnDisk disk;
  live_and_die(state, disk.tables());
}
BENCHMARK(delta_tables_life);

void memory_tables_find(benchmark::State& state) {
  storage::MemoryTables tables;
  find_message(state, tables);
}
BENCHMARK(memory_tables_find);

void delta_tables_find(benchmark::State& state) {
  OnDisk disk;
  find_message(state, disk.tables());
}
BENCHMARK(delta_tables_find);

}  // namespace
