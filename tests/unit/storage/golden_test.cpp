// Bytes on disk are forever: what is drawn in docs/formats.md, as numbers.
#include <catch2/catch_test_macros.hpp>
#include <string>

#include "storage/log_record.hpp"
#include "storage/payload_parts.hpp"
#include "storage/row_seal.hpp"
#include "storage/row_sums.hpp"

using namespace peerq;

namespace {

std::string hex(std::string_view bytes) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string out;
  for (const char byte : bytes) {
    out.push_back(digits[(static_cast<unsigned char>(byte)) >> 4]);
    out.push_back(digits[byte & 15]);
  }
  return out;
}

}  // namespace

TEST_CASE("a log record is byte for byte what format 1 says") {
  const port::LogRecord record{LogIndex(0x0102), Term(3), port::EntryType::change,
                               SharedBytes::copy(as_bytes("body"))};
  std::string bytes(storage::record_header_size + 4, '\0');
  storage::write_record(data_shard, record, std::as_writable_bytes(std::span(bytes)));
  CHECK(hex(bytes.substr(8)) ==
        "0300000000000000"
        "0301000004000000"
        "626f6479");
  CHECK(hex(bytes.substr(0, 8)) == "de182cc39befb46c");
}

TEST_CASE("term and vote, snapshot and identity are byte for byte what format 1 says") {
  CHECK(hex(storage::write_hard_state(data_shard, {Term(2), PeerId(1)})) ==
        "ec1a99c6632b7db1"
        "0200000000000000"
        "0100000000000000");
  CHECK(hex(storage::write_snapshot_meta(data_shard, {LogIndex(9), Term(2), LogIndex(1), "conf", 1})) ==
        "486dab050ef2d897"
        "0900000000000000"
        "0200000000000000"
        "0100000000000000"
        "0100000000000000"
        "636f6e66");
  storage::DirectoryIdentity identity;
  identity.format = 1;
  identity.identity.first_queue = QueueId(std::uint64_t{5} << 32);
  CHECK(hex(storage::write_identity(identity)) ==
        "6e704ffc69631dcb"
        "01000000"
        "00000000000000000000000000000000"
        "0100000000000000"
        "00000000000000000000000000000000"
        "0000000005000000"
        "0100000000000000");
}

TEST_CASE("keys and rows are byte for byte what format 1 says") {
  std::string key;
  storage::disk_key<engine::MessageRow>({QueueId(1), Sequence::make(4, 7)}, key);
  CHECK(hex(key) ==
        "0000000000000001"
        "4000000000000007");
  storage::disk_key<engine::ShardRow>({}, key);
  CHECK(hex(key) == "00");
  storage::disk_key<engine::LaneRow>({QueueId(1), 4}, key);
  std::string value;
  engine::encode_row<engine::LaneRow>({.next = 2, .cursor = 1, .horizon = 1, .reclaimed = 1}, value);
  storage::seal_row(data_shard, engine::TableId::lanes, as_bytes(key), value);
  CHECK(hex(value) ==
        "0200000000000000"
        "0100000000000000"
        "0100000000000000"
        "0100000000000000"
        "accafb8a");
  std::string fresh;
  engine::MessageRow row;
  row.counted_bytes = 100;
  row.arrived = row.first_sent = WallTime{0x1122};
  engine::encode_row(row, fresh);
  CHECK(hex(fresh) ==
        "00"
        "0000"
        "64000000"
        "2211000000000000");
}

TEST_CASE("the parts of a payload lie behind its own key") {
  std::string key;
  storage::payload_key({QueueId(1), Sequence{2}}, key);
  CHECK(hex(key) ==
        "0000000000000001"
        "0000000000000002");
  storage::part_key(key, 3);
  CHECK(hex(key) ==
        "0000000000000001"
        "0000000000000002"
        "00000003");
  CHECK(storage::part_size(4096) == 4080);
}

TEST_CASE("a sum is byte for byte what format 1 says") {
  std::string key;
  storage::disk_key<engine::MessageRow>({QueueId(1), Sequence::make(4, 0x0307)}, key);
  std::string bucket;
  const auto table = engine::TableId::messages;
  storage::bucket_key(table, storage::bucket_size(table).value(), as_bytes(key), bucket);
  CHECK(hex(bucket) ==
        "05"
        "0000000000000001"
        "40000000000003");
  std::string value;
  engine::encode_row<storage::RowSum>({.rows = 2, .seals = 0x1'0000'0001}, value);
  storage::seal_row(data_shard, storage::sums_table, as_bytes(bucket), value);
  CHECK(hex(value) ==
        "0200000000000000"
        "0100000001000000"
        "4ad918cf");
}
