#pragma once
// The bytes of the log environment's values. **Source** docs/formats.md, log directory.
//
//   record      checksum (8) | term (8) | type (1) | version (1) | 0 (2) | body size (4) | body
//   hard state  checksum (8) | term (8) | vote (8)
//   snapshot    checksum (8) | index (8) | term (8) | configuration index (8) | generation (8) |
//   configuration identity    checksum (8) | format (4) | cluster (16) | peer (8) | receipt key (16) | first
//   queue (8) |
//               generation (8)
//
// All numbers little-endian; keys are the index (8) or the shard (4), big-endian. Every checksum covers the
// key's meaning (shard, index) too, so that a value in the wrong place is a damaged one.

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "peerq/port/log.hpp"
#include "peerq/port/store.hpp"

namespace peerq::storage {

inline constexpr std::size_t record_header_size = 24;
inline constexpr std::uint32_t directory_format = 2;

/// Fills `out`, of record_header_size + body bytes.
void write_record(ShardId shard, const port::LogRecord& record, std::span<std::byte> out) noexcept;

/// The record, its body copied into an aligned buffer; none when damaged.
std::optional<port::LogRecord> read_record(ShardId shard, LogIndex index, Bytes value);

/// The term of a record, checked like the whole.
std::optional<Term> read_record_term(ShardId shard, LogIndex index, Bytes value) noexcept;

std::string write_hard_state(ShardId shard, const port::HardState& hard);
std::optional<port::HardState> read_hard_state(ShardId shard, Bytes value);

std::string write_snapshot_meta(ShardId shard, const port::SnapshotMeta& meta);
std::optional<port::SnapshotMeta> read_snapshot_meta(ShardId shard, Bytes value);

/// What the log environment says of the directory.
struct DirectoryIdentity {
  std::uint32_t format = directory_format;
  port::Identity identity;
  /// Which state tables are the ones in use.
  std::uint64_t generation = 1;
};

std::string write_identity(const DirectoryIdentity& identity);
std::optional<DirectoryIdentity> read_identity(Bytes value);

}  // namespace peerq::storage
