#include "storage/row_seal.hpp"

#include <fmt/format.h>

#include "checksum/checksum.hpp"
#include "peerq/base/plant.hpp"

namespace peerq::storage {

std::uint32_t row_seal(ShardId shard, engine::TableId table, Bytes key, Bytes row) noexcept {
  const std::uint64_t place = (std::uint64_t{shard.value} << 8) | static_cast<std::uint8_t>(table);
  return static_cast<std::uint32_t>(checksum(checksum(place, key), row));
}

void seal_row(ShardId shard, engine::TableId table, Bytes key, std::string& value) {
  const std::uint32_t seal = row_seal(shard, table, key, as_bytes(value));
  engine::RowWriter(value).field(seal);
}

std::optional<Bytes> open_row(ShardId shard, engine::TableId table, Bytes key, Bytes value) noexcept {
  if (value.size() < row_seal_size) return std::nullopt;
  const Bytes row = value.first(value.size() - row_seal_size);
  std::uint32_t seal = 0;
  engine::RowReader(value.last(row_seal_size)).field(seal);
  if (seal != row_seal(shard, table, key, row) && !PEERQ_PLANTED(checksum_skipped)) return std::nullopt;
  return row;
}

void payload_key(MessageId id, std::string& out) {
  out.clear();
  engine::KeyWriter writer(out);
  writer.field(id.incarnation);
  writer.field(id.sequence);
}

std::string table_text(ShardId shard, engine::TableId table) {
  return fmt::format("shard {}, table {}", shard.value, static_cast<int>(table));
}

}  // namespace peerq::storage
