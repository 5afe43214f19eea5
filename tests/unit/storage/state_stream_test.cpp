// A shard's state in chunks: what comes out of one store and into another is the same, whatever the size of
// the chunks; what is damaged, cut off or out of order is refused.
#include "storage/state_stream.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <string>
#include <vector>

#include "storage/machines.hpp"
#include "storage/state_chunk.hpp"
#include "support/storage/memory_state.hpp"
#include "support/storage/scratch_directory.hpp"
#include "support/storage/store_driver.hpp"

using namespace peerq;

namespace {

using Chunks = std::vector<SharedBytes>;

/// Gives chunks that were kept, or changed.
class Kept final : public port::StateStream {
 public:
  explicit Kept(Chunks chunks) : chunks_(std::move(chunks)) {}
  Result<SharedBytes> next() override { return at_ < chunks_.size() ? chunks_[at_++] : SharedBytes(); }

 private:
  Chunks chunks_;
  std::size_t at_ = 0;
};

Chunks all(port::StateStream& stream) {
  Chunks chunks;
  while (true) {
    auto chunk = stream.next();
    REQUIRE(chunk.has_value());
    if (chunk->empty()) return chunks;
    chunks.push_back(std::move(*chunk));
  }
}

std::string text(const Chunks& chunks) {
  std::string out;
  for (const auto& chunk : chunks) out += as_text(chunk.bytes());
  return out;
}

/// A directory with messages of all sizes, some leased, some gone, in its last checkpoint.
class Source {
 public:
  Source() {
    REQUIRE(driver_.open().has_value());
    for (std::uint64_t queue = 0; queue < 3; ++queue) REQUIRE(driver_.create_queue(queue).has_value());
    for (std::uint64_t i = 0; i < 60; ++i)
      REQUIRE(driver_.send(7, std::string(i * i * 7, 'b'), i % 3).has_value());
    const auto grants = driver_.receive(40, 1);
    REQUIRE(grants.has_value());
    REQUIRE(driver_.erase({grants->begin(), grants->begin() + 20}, 1).has_value());
    REQUIRE(driver_.checkpoint().has_value());
  }

  Chunks chunks(std::size_t bytes) { return all(*driver_.machine().stream(bytes)); }
  test::StoreDriver& driver() { return driver_; }

 private:
  test::ScratchDirectory scratch_;
  test::StoreDriver driver_{scratch_ / "data"};
};

/// Where it goes.
struct Target {
  test::MemoryState state;
  storage::DeltaBudget budget;

  explicit Target(storage::DeltaLimits limits = {}) : budget(limits, {}) {}
  Result<std::unique_ptr<port::QueueMachine>> receive(Chunks chunks) {
    Kept stream(std::move(chunks));
    return storage::receive_queue_machine(data_shard, state.store(), budget, stream);
  }
};

void checkpoint(port::QueueMachine& machine) {
  REQUIRE(machine.freeze(machine.applied()));
  REQUIRE(machine.write_checkpoint().has_value());
  REQUIRE(machine.finish_checkpoint().has_value());
}

Error refusal(Chunks chunks) {
  auto received = Target().receive(std::move(chunks));
  REQUIRE_FALSE(received.has_value());
  return received.error();
}

}  // namespace

TEST_CASE("a state that was streamed into another store is the same, in chunks of any size") {
  const std::size_t size = GENERATE(1, 200, 5000, 1 << 20);
  CAPTURE(size);
  Source source;
  const Chunks chunks = source.chunks(size);
  CHECK((size > 100'000 ? chunks.size() <= 8 : chunks.size() > 100));
  Target target;
  auto machine = target.receive(chunks);
  REQUIRE(machine.has_value());
  CHECK((*machine)->applied() == source.driver().machine().applied());
  CHECK((*machine)->stamps() == source.driver().machine().stamps());
  checkpoint(**machine);
  CHECK(text(all(*(*machine)->stream(size))) == text(chunks));
}

TEST_CASE("a streamed state is that of the last checkpoint, whatever is applied meanwhile") {
  Source source;
  const std::string before = text(source.chunks(5000));
  auto stream = source.driver().machine().stream(5000);
  Chunks chunks{stream->next().value()};
  REQUIRE(source.driver().send(500, "later").has_value());
  REQUIRE(source.driver().checkpoint().has_value());
  for (auto& chunk : all(*stream)) chunks.push_back(chunk);
  CHECK(text(chunks) == before);
  CHECK(text(source.chunks(5000)) != before);
}

TEST_CASE("a state larger than the memory budget is written out while it comes") {
  Source source;
  storage::DeltaLimits limits;
  limits.freeze_bytes = 64 << 10;
  limits.total_bytes = 128 << 10;
  Target target(limits);
  const Chunks chunks = source.chunks(16 << 10);
  REQUIRE(text(chunks).size() > (2 << 20));
  auto machine = target.receive(chunks);
  REQUIRE(machine.has_value());
  CHECK(target.budget.total() < 256 << 10);
  checkpoint(**machine);
  CHECK(text(all(*(*machine)->stream(16 << 10))) == text(chunks));
}

TEST_CASE("a changed byte anywhere in a chunk of a state is refused") {
  Source source;
  const Chunks chunks = source.chunks(700);
  for (const std::size_t number : {std::size_t{0}, chunks.size() / 2, chunks.size() - 1}) {
    for (std::size_t at = 0; at < chunks[number].size(); at += (at < 64 ? 1 : 97)) {
      CAPTURE(number, at);
      std::string bytes(as_text(chunks[number].bytes()));
      bytes[at] = static_cast<char>(bytes[at] ^ 0x10);
      Chunks changed = chunks;
      changed[number] = SharedBytes::copy(as_bytes(bytes));
      const Error error = refusal(changed);
      CHECK((error == errc::corrupt || (at < 2 && error == errc::version_mismatch)));
    }
  }
}

TEST_CASE("chunks of a state that are missing, repeated, swapped or of another state are refused") {
  Source source;
  const Chunks chunks = source.chunks(5000);
  REQUIRE(chunks.size() > 4);
  Chunks cut(chunks.begin(), chunks.end() - 1);
  CHECK(refusal(cut).detail.find("ends early") != std::string::npos);
  CHECK(refusal({}) == errc::corrupt);

  Chunks missing = chunks;
  missing.erase(missing.begin() + 1);
  CHECK(refusal(missing) == errc::corrupt);
  Chunks repeated = chunks;
  repeated.insert(repeated.begin() + 1, chunks[1]);
  CHECK(refusal(repeated) == errc::corrupt);
  Chunks more = chunks;
  more.push_back(chunks.back());
  CHECK(refusal(more) == errc::corrupt);

  REQUIRE(source.driver().send(1, "one more").has_value());
  REQUIRE(source.driver().checkpoint().has_value());
  Chunks mixed = chunks;
  mixed[2] = source.chunks(5000)[2];
  CHECK(refusal(mixed) == errc::corrupt);

  Kept stream(chunks);
  CHECK(storage::receive_memory_queue_machine(stream).error() == errc::corrupt);
}

TEST_CASE("chunks of a state with rows that no table can have are refused, checksum or not") {
  storage::ChunkHeader header;
  header.shard = data_shard;
  const auto one = [&](engine::TableId table, std::string_view key, std::string_view row) {
    storage::ChunkWriter chunk(1);
    chunk.add(table, key, row);
    header.last = true;
    return Chunks{chunk.finish(header)};
  };
  CHECK(refusal(one(static_cast<engine::TableId>(200), "key", "row")) == errc::corrupt);
  CHECK(refusal(one(engine::TableId::messages, "key", "row")) == errc::corrupt);
  CHECK(refusal(one(engine::TableId::payloads, std::string(16, 'k'), "payload")) == errc::corrupt);
  CHECK(refusal(one(engine::TableId::shard, "", "short")) == errc::corrupt);

  std::string key;
  engine::encode_key<engine::ReadyRow>({QueueId(1), Sequence{1}}, key);
  storage::ChunkWriter twice(1);
  twice.add(engine::TableId::ready, key, "");
  twice.add(engine::TableId::ready, key, "");
  CHECK(refusal({twice.finish(header)}).detail.find("out of order") != std::string::npos);
}

TEST_CASE("a chunk of a state in a newer format is refused with what to do") {
  storage::ChunkHeader header;
  header.format = storage::ChunkHeader::format_now + 1;
  const auto opened = storage::ChunkReader::open(storage::ChunkWriter(1).finish(header).bytes());
  REQUIRE_FALSE(opened.has_value());
  CHECK(opened.error() == errc::version_mismatch);
  CHECK(opened.error().detail.find("upgrade") != std::string::npos);
}
