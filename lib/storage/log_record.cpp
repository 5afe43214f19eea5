#include "storage/log_record.hpp"

#include <bit>
#include <cstring>

#include "checksum/checksum.hpp"
#include "peerq/base/plant.hpp"
#include "peerq/engine/layout.hpp"

namespace peerq::storage {

namespace {

using engine::RowReader;
using engine::RowWriter;

constexpr std::uint8_t record_version = 1;

/// Keeps the kinds of values apart.
enum class Kind : std::uint64_t { record = 1, hard_state = 2, snapshot = 3, identity = 4 };

std::uint64_t seed_of(Kind kind, ShardId shard) noexcept {
  return (static_cast<std::uint64_t>(kind) << 32) | shard.value;
}

std::uint64_t swapped_if_big(std::uint64_t number) noexcept {
  if constexpr (std::endian::native == std::endian::little) return number;
  return __builtin_bswap64(number);
}

void put_number(std::byte* out, std::uint64_t number) noexcept {
  number = swapped_if_big(number);
  std::memcpy(out, &number, sizeof(number));
}

std::uint64_t get_number(const std::byte* in) noexcept {
  std::uint64_t number = 0;
  std::memcpy(&number, in, sizeof(number));
  return swapped_if_big(number);
}

/// Over the shard, the index, and everything of the value behind the checksum.
std::uint64_t record_checksum(ShardId shard, LogIndex index, Bytes value) noexcept {
  const std::uint64_t number = swapped_if_big(index.value);
  const std::uint64_t place = checksum(seed_of(Kind::record, shard), std::as_bytes(std::span(&number, 1)));
  return checksum(place, value.subspan(8));
}

bool matches(std::uint64_t expected, std::uint64_t found) noexcept {
  return expected == found || PEERQ_PLANTED(checksum_skipped);
}

/// Puts the checksum of what `value` holds in front of it.
std::string sealed(Kind kind, ShardId shard, const std::string& value) {
  std::string out;
  RowWriter(out).field(checksum(seed_of(kind, shard), as_bytes(value)));
  return out + value;
}

std::optional<Bytes> unsealed(Kind kind, ShardId shard, Bytes value) noexcept {
  if (value.size() < 8) return std::nullopt;
  const Bytes inside = value.subspan(8);
  if (!matches(checksum(seed_of(kind, shard), inside), get_number(value.data()))) return std::nullopt;
  return inside;
}

}  // namespace

void write_record(ShardId shard, const port::LogRecord& record, std::span<std::byte> out) noexcept {
  const Bytes body = record.body.bytes();
  put_number(out.data() + 8, record.term.value);
  put_number(out.data() + 16, static_cast<std::uint64_t>(record.type) | (std::uint64_t{record_version} << 8) |
                                  (std::uint64_t{body.size()} << 32));
  if (!body.empty()) std::memcpy(out.data() + record_header_size, body.data(), body.size());
  put_number(out.data(), record_checksum(shard, record.index, out));
}

std::optional<Term> read_record_term(ShardId shard, LogIndex index, Bytes value) noexcept {
  if (value.size() < record_header_size) return std::nullopt;
  if (!matches(record_checksum(shard, index, value), get_number(value.data()))) return std::nullopt;
  return Term(get_number(value.data() + 8));
}

std::optional<port::LogRecord> read_record(ShardId shard, LogIndex index, Bytes value) {
  const auto term = read_record_term(shard, index, value);
  if (!term) return std::nullopt;
  const std::uint64_t facts = get_number(value.data() + 16);
  const auto type = static_cast<std::uint8_t>(facts);
  const bool known = type >= 1 && type <= 3 && ((facts >> 8) & 0xff) == record_version;
  if (!known || (facts >> 32) != value.size() - record_header_size) return std::nullopt;
  return port::LogRecord{index, *term, static_cast<port::EntryType>(type),
                         SharedBytes::copy(value.subspan(record_header_size))};
}

std::string write_hard_state(ShardId shard, const port::HardState& hard) {
  std::string value;
  RowWriter writer(value);
  writer.field(hard.term);
  writer.field(hard.vote);
  return sealed(Kind::hard_state, shard, value);
}

std::optional<port::HardState> read_hard_state(ShardId shard, Bytes value) {
  const auto inside = unsealed(Kind::hard_state, shard, value);
  if (!inside) return std::nullopt;
  port::HardState hard;
  RowReader reader(*inside);
  reader.field(hard.term);
  reader.field(hard.vote);
  return reader.finished() ? std::optional(hard) : std::nullopt;
}

std::string write_snapshot_meta(ShardId shard, const port::SnapshotMeta& meta) {
  std::string value;
  RowWriter writer(value);
  writer.field(meta.index);
  writer.field(meta.term);
  writer.field(meta.configuration_index);
  writer.field(meta.generation);
  writer.rest(meta.configuration);
  return sealed(Kind::snapshot, shard, value);
}

std::optional<port::SnapshotMeta> read_snapshot_meta(ShardId shard, Bytes value) {
  const auto inside = unsealed(Kind::snapshot, shard, value);
  if (!inside) return std::nullopt;
  port::SnapshotMeta meta;
  RowReader reader(*inside);
  reader.field(meta.index);
  reader.field(meta.term);
  reader.field(meta.configuration_index);
  reader.field(meta.generation);
  if (!reader.ok()) return std::nullopt;
  reader.rest(meta.configuration);
  return meta;
}

std::string write_identity(const DirectoryIdentity& identity) {
  std::string value;
  RowWriter writer(value);
  writer.field(identity.format);
  writer.rest(as_text(identity.identity.cluster.bytes));
  writer.field(identity.identity.peer);
  writer.rest(as_text(identity.identity.receipt_key));
  writer.field(identity.identity.first_queue);
  writer.field(identity.generation);
  return sealed(Kind::identity, ShardId(0), value);
}

std::optional<DirectoryIdentity> read_identity(Bytes value) {
  const auto inside = unsealed(Kind::identity, ShardId(0), value);
  if (!inside) return std::nullopt;
  DirectoryIdentity out;
  const auto part = [rest = *inside](std::size_t size) mutable {
    const Bytes taken = rest.first(std::min(size, rest.size()));
    rest = rest.subspan(taken.size());
    return taken;
  };
  auto take = part;
  RowReader(take(4)).field(out.format);
  const Bytes cluster = take(16);
  RowReader(take(8)).field(out.identity.peer);
  const Bytes key = take(16);
  RowReader(take(8)).field(out.identity.first_queue);
  if (cluster.size() != 16 || key.size() != 16 || take(8).size() != 8) return std::nullopt;
  std::memcpy(out.identity.cluster.bytes.data(), cluster.data(), 16);
  std::memcpy(out.identity.receipt_key.data(), key.data(), 16);
  RowReader(inside->last(8)).field(out.generation);
  return out;
}

}  // namespace peerq::storage
