// The codec: messages, and entries of 32 messages of 100 bytes.

#include <benchmark/benchmark.h>

#include <string>
#include <vector>

#include "wire/codec.hpp"

namespace {

using namespace peerq;

constexpr std::size_t batch = 32;

void make_message(benchmark::State& state) {
  const auto codec = wire::make_codec();
  const std::string body(static_cast<std::size_t>(state.range(0)), 'b');
  const port::MessageParts parts{
      .body = as_bytes(body), .attributes = {}, .reply_to = {}, .correlation_id = {}};
  for (auto _ : state) benchmark::DoNotOptimize(codec->make_message(parts));
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(make_message)->Arg(100)->Arg(1024)->Arg(65536);

void read_message(benchmark::State& state) {
  const auto codec = wire::make_codec();
  const std::string body(static_cast<std::size_t>(state.range(0)), 'b');
  const SharedBytes message =
      codec->make_message({.body = as_bytes(body), .attributes = {}, .reply_to = {}, .correlation_id = {}});
  for (auto _ : state) benchmark::DoNotOptimize(codec->read_message(message));
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(read_message)->Arg(100)->Arg(1024)->Arg(65536);

/// The commands of a batch, and what they point to.
struct Batch {
  std::vector<SharedBytes> messages;
  std::vector<engine::SendItem> sent;
  std::vector<engine::SettleItem> settled;

  Batch() : settled(batch) {
    const auto codec = wire::make_codec();
    const std::string body(100, 'b');
    for (std::size_t i = 0; i < batch; ++i) {
      messages.push_back(codec->make_message(
          {.body = as_bytes(body), .attributes = {}, .reply_to = {}, .correlation_id = {}}));
      sent.emplace_back().payload = messages.back().bytes();
      sent.back().counted_bytes = static_cast<std::uint32_t>(body.size());
      settled[i].lease = {Sequence::make(4, i + 1), 1};
    }
  }
  engine::Command send() const { return {{}, engine::Send{.queue = QueueId(1), .items = sent}}; }
  engine::Command erase() const { return {{}, engine::Settle{.queue = QueueId(1), .items = settled}}; }
};

void encode(benchmark::State& state, const engine::Command& command) {
  const auto codec = wire::make_codec();
  for (auto _ : state) benchmark::DoNotOptimize(codec->encode_entry({}, std::span(&command, 1)));
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(batch));
}

void decode(benchmark::State& state, const engine::Command& command) {
  const auto codec = wire::make_codec();
  const auto decoder = codec->make_decoder();
  const SharedBytes entry = codec->encode_entry({}, std::span(&command, 1));
  for (auto _ : state) benchmark::DoNotOptimize(decoder->decode(entry));
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(batch));
}

void encode_send_entry(benchmark::State& state) {
  const Batch messages;
  encode(state, messages.send());
}
BENCHMARK(encode_send_entry);
void decode_send_entry(benchmark::State& state) {
  const Batch messages;
  decode(state, messages.send());
}
BENCHMARK(decode_send_entry);
void encode_delete_entry(benchmark::State& state) {
  const Batch messages;
  encode(state, messages.erase());
}
BENCHMARK(encode_delete_entry);
void decode_delete_entry(benchmark::State& state) {
  const Batch messages;
  decode(state, messages.erase());
}
BENCHMARK(decode_delete_entry);

}  // namespace
