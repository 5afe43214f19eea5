// Receipts: sealing and opening one.

#include <benchmark/benchmark.h>

#include "security/receipt_sealer.hpp"

namespace {

using namespace peerq;

const port::ReceiptParts parts{.queue = QueueId(std::uint64_t{1} << 40),
                               .lease = {Sequence::make(4, 123'456'789), 3},
                               .epoch = 1,
                               .principal = {}};

void seal_receipt(benchmark::State& state) {
  const auto sealer = security::make_receipt_sealer({});
  for (auto _ : state) benchmark::DoNotOptimize(sealer->seal(parts));
}
BENCHMARK(seal_receipt);

void open_receipt(benchmark::State& state) {
  const auto sealer = security::make_receipt_sealer({});
  const std::string receipt = sealer->seal(parts);
  for (auto _ : state) benchmark::DoNotOptimize(sealer->open(receipt));
}
BENCHMARK(open_receipt);

}  // namespace
