// A directory of this version can become a Raft peer as it is: its log takes entries of later terms and
// configurations, and its records, snapshot metadata and state say index and term everywhere.

#include <catch2/catch_test_macros.hpp>

#include "peerq/peerq.hpp"
#include "security/system_entropy.hpp"
#include "storage/open_store.hpp"
#include "storage/system_file_system.hpp"
#include "temporary_directory.hpp"
#include "wire/codec.hpp"
#include "wire/configuration.hpp"

namespace peerq::test {
namespace {

using port::EntryType;
using port::LogRecord;

std::unique_ptr<port::Store> open_raw(const std::string& path) {
  storage::SystemFileSystem file_system;
  const auto entropy = security::make_system_entropy();
  Observer observer;
  return storage::open_store({.directory = path, .initial_configuration = {}}, file_system, *entropy,
                             observer)
      .value();
}

/// What a leader of term 2 would append to each durable shard: its no-op, a new configuration, a command.
void append_term_two(port::Store& store) {
  const auto codec = wire::make_codec();
  const auto configuration = wire::encode_configuration(
      {{.id = PeerId(1), .address = "tcp://a:7400"}, {.id = PeerId(2), .address = "tcp://b:7400"}});
  for (const ShardId shard : {catalog_shard, data_shard, interval_shard}) {
    const auto state = store.log().state(shard).value();
    engine::EntryHeader header;
    header.stamps = {{10'000'000'000}, {2'000'000'000'000}};
    const engine::Command tick{{}, engine::Tick{}};
    port::LogWrite write{.shard = shard,
                         .cut_from = {},
                         .records = {},
                         .hard = port::HardState{Term(2), PeerId(1)},
                         .snapshot = {}};
    LogIndex index = state.last;
    const auto append = [&](EntryType type, SharedBytes body) {
      index = next(index);
      write.records.push_back({index, Term(2), type, std::move(body)});
    };
    append(EntryType::barrier, SharedBytes());
    append(EntryType::change, configuration);
    append(EntryType::command, codec->encode_entry(header, std::span(&tick, 1)));
    REQUIRE(store.log().commit({write}));
  }
}

TEST_CASE("api node: a directory opens after entries of term 2 and a configuration were appended to it") {
  TemporaryDirectory directory;
  const std::string path = directory.inside("data");
  {
    auto node = Node::open({.data_dir = path}).value();
    auto queue = node.create_queue("orders").value();
    REQUIRE(queue.send("of term 1"));
    REQUIRE(node.close());
  }
  append_term_two(*open_raw(path));
  for (int opens = 0; opens < 2; ++opens) {
    auto node = Node::open({.data_dir = path}).value();
    auto queue = node.open_queue("orders").value();
    REQUIRE(queue.send("of term 2"));
    REQUIRE(node.close());
  }
  const auto store = open_raw(path);
  const auto state = store->log().state(data_shard).value();
  CHECK(state.hard == port::HardState{Term(2), PeerId(1)});
  CHECK(state.snapshot.term == Term(2));
  const auto servers = wire::decode_configuration(as_bytes(state.snapshot.configuration)).value();
  REQUIRE(servers.size() == 2);
  CHECK(servers[1].address == "tcp://b:7400");
}

TEST_CASE("api node: index 1 of every durable shard is a configuration entry of term 1") {
  TemporaryDirectory directory;
  const std::string path = directory.inside("data");
  REQUIRE(Node::open({.data_dir = path}));
  const auto store = open_raw(path);
  for (const ShardId shard : {catalog_shard, data_shard, interval_shard}) {
    int records = 0;
    REQUIRE(store->log().read(shard, LogIndex(1), LogIndex(1), [&](const LogRecord& record) -> Result<void> {
      ++records;
      CHECK(record.term == Term(1));
      CHECK(record.type == EntryType::change);
      const auto servers = wire::decode_configuration(record.body.bytes());
      REQUIRE(servers);
      CHECK(servers->size() == 1);
      return {};
    }));
    CHECK(records == 1);
  }
}

}  // namespace
}  // namespace peerq::test
