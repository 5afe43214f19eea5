#pragma once
// A part of a shard's state on its way to another place: rows with their keys, under one checksum.
// **Source** docs/formats.md, state chunks.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "peerq/base/bytes.hpp"
#include "peerq/base/ids.hpp"
#include "peerq/base/result.hpp"
#include "peerq/engine/layout.hpp"
#include "peerq/engine/rows.hpp"

namespace peerq::storage {

/// What a chunk is part of. Chunks of one stream differ in number and `last` only.
struct ChunkHeader {
  static constexpr std::uint16_t format_now = 1;

  std::uint16_t format = format_now;
  ShardId shard;
  /// The entry up to which the state has everything.
  LogIndex applied;
  /// From 0.
  std::uint64_t number = 0;
  bool last = false;

  friend bool operator==(const ChunkHeader&, const ChunkHeader&) = default;
  static void layout(auto& archive, auto& header) {
    archive.field(header.format);
    archive.field(header.shard);
    archive.field(header.applied);
    archive.field(header.number);
    archive.field(header.last);
  }
};

/// A row as it lies on disk, without its seal; the row of a payload is the payload.
struct ChunkRow {
  engine::TableId table{};
  std::string key;
  std::string row;
};

/// Makes one chunk. **Thread** one at a time.
class ChunkWriter {
 public:
  explicit ChunkWriter(std::size_t target) : target_(target) {}

  void add(engine::TableId table, std::string_view key, std::string_view row);
  /// The target is reached. A chunk may be larger by its last row and that row's payload.
  bool full() const noexcept { return rows_.size() >= target_; }
  SharedBytes finish(const ChunkHeader& header) const;

 private:
  std::size_t target_;
  std::string rows_;
};

/// Reads one chunk. **Thread** one at a time.
class ChunkReader {
 public:
  /// **Errors** corrupt: the checksum does not fit, or it is too short; version_mismatch: a newer format.
  /// `chunk` outlives it.
  static Result<ChunkReader> open(Bytes chunk);

  const ChunkHeader& header() const noexcept { return header_; }
  /// The next row; none after the last. **Errors** corrupt.
  Result<std::optional<ChunkRow>> next();

 private:
  ChunkReader(const ChunkHeader& header, engine::RowReader rows) : header_(header), rows_(rows) {}

  ChunkHeader header_;
  engine::RowReader rows_;
};

}  // namespace peerq::storage
