#include "storage/state_chunk.hpp"

#include <cstring>
#include <type_traits>

#include "checksum/checksum.hpp"

namespace peerq::storage {

namespace {

constexpr std::size_t sum_size = 8;
constexpr std::uint64_t sum_seed = 0x7065'6572'7163'686b;  // "peerqchk"

Error damaged() { return Error(errc::corrupt, "a chunk of a state is damaged"); }

}  // namespace

void ChunkWriter::add(engine::TableId table, std::string_view key, std::string_view row) {
  engine::RowWriter writer(rows_);
  writer.field(table);
  writer.text(key);
  writer.text(row);
}

SharedBytes ChunkWriter::finish(const ChunkHeader& header) const {
  std::string head;
  engine::RowWriter head_writer(head);
  ChunkHeader::layout(head_writer, header);
  std::string sum;
  engine::RowWriter(sum).field(checksum(checksum(sum_seed, as_bytes(head)), as_bytes(rows_)));

  auto [chunk, room] = SharedBytes::allocate(head.size() + rows_.size() + sum.size());
  std::memcpy(room.data(), head.data(), head.size());
  std::memcpy(room.data() + head.size(), rows_.data(), rows_.size());
  std::memcpy(room.data() + head.size() + rows_.size(), sum.data(), sum.size());
  return chunk;
}

Result<ChunkReader> ChunkReader::open(Bytes chunk) {
  ChunkHeader header;
  engine::RowReader format_reader(chunk);
  format_reader.field(header.format);
  // Before the checksum: another format may have another one.
  if (format_reader.ok() && header.format > ChunkHeader::format_now)
    return Error(errc::version_mismatch, "a state comes in chunks of a newer format; upgrade the library");

  std::string head;
  engine::RowWriter head_writer(head);
  ChunkHeader::layout(head_writer, header);
  if (chunk.size() < head.size() + sum_size) return damaged();
  const Bytes body = chunk.first(chunk.size() - sum_size);
  const Bytes rows = body.subspan(head.size());
  std::uint64_t sum = 0;
  engine::RowReader(chunk.last(sum_size)).field(sum);
  if (sum != checksum(checksum(sum_seed, body.first(head.size())), rows)) return damaged();
  engine::RowReader head_reader(body.first(head.size()));
  ChunkHeader::layout(head_reader, header);
  return ChunkReader(header, engine::RowReader(rows));
}

Result<std::optional<ChunkRow>> ChunkReader::next() {
  if (rows_.finished()) return std::optional<ChunkRow>();
  ChunkRow row;
  rows_.field(row.table);
  rows_.text(row.key);
  rows_.text(row.row);
  if (!rows_.ok()) return damaged();
  return std::optional<ChunkRow>(std::move(row));
}

}  // namespace peerq::storage
