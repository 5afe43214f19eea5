// The log: a commit of one entry. Waits for the disk below PEERQ_BENCH_DIR, else of the temporary directory.

#include <benchmark/benchmark.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "node/log_writer.hpp"
#include "storage/lmdb_log.hpp"
#include "storage/system_file_system.hpp"

namespace {

using namespace peerq;

std::filesystem::path make_folder() {
  const char* chosen = std::getenv("PEERQ_BENCH_DIR");  // NOLINT(concurrency-mt-unsafe)
  const auto parent =
      chosen != nullptr ? std::filesystem::path(chosen) : std::filesystem::temp_directory_path();
  auto folder = parent / "peerq-micro-log";
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  return folder;
}

/// The log writer, the log, the disk.
void log_commit(benchmark::State& state) {
  const auto folder = make_folder();
  {
    storage::SystemFileSystem files;
    storage::DiskSpace space({.max_bytes = 0, .log_reserve = 4 << 20, .state_reserve = 0}, files);
    const auto log =
        storage::LmdbLog::open(
            {.folder = folder.string(), .map_size = std::uint64_t{1} << 36, .tables_max = 16}, space)
            .value();
    node::LogWriter writer(*log);
    const SharedBytes body =
        SharedBytes::copy(as_bytes(std::string(static_cast<std::size_t>(state.range(0)), 'b')));
    LogIndex index{0};
    for (auto _ : state) {
      port::LogWrite write;
      write.shard = data_shard;
      index = next(index);
      write.records.push_back({index, Term(1), port::EntryType::command, body});
      std::vector<port::LogWrite> writes;
      writes.push_back(std::move(write));
      writer.enqueue(std::move(writes), true);
      writer.start();
      writer.commit();
      if (!writer.take_outcome()->result) state.SkipWithError("the commit failed");
    }
    state.SetBytesProcessed(state.iterations() * state.range(0));
  }
  std::filesystem::remove_all(folder);
}
BENCHMARK(log_commit)->Arg(1024)->Arg(65536)->UseRealTime()->Unit(benchmark::kMicrosecond);

}  // namespace
