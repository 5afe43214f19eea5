#pragma once
// Rows and keys as they lie on disk: the engine's bytes, and four bytes of checksum behind each row that bind
// it to its shard, table and key, so that a row in the wrong place is as damaged as a changed one.
// **Source** docs/formats.md, state tables.

#include <cstdint>
#include <optional>
#include <string>
#include <type_traits>

#include "peerq/base/bytes.hpp"
#include "peerq/base/ids.hpp"
#include "peerq/engine/layout.hpp"
#include "peerq/engine/rows.hpp"

namespace peerq::storage {

inline constexpr std::size_t row_seal_size = 4;

/// The checksum of a row's bytes under its shard, table and key.
std::uint32_t row_seal(ShardId shard, engine::TableId table, Bytes key, Bytes row) noexcept;

/// Appends the seal to `value`, which holds the row's bytes.
void seal_row(ShardId shard, engine::TableId table, Bytes key, std::string& value);

/// The row's bytes inside a sealed value; none when the seal does not fit.
std::optional<Bytes> open_row(ShardId shard, engine::TableId table, Bytes key, Bytes value) noexcept;

/// Replaces `out` with the key's bytes. The key of a table with one row is one zero byte: LMDB has no empty
/// keys.
template <class Row>
void disk_key(const typename Row::Key& key, std::string& out) {
  out.clear();
  engine::encode_key<Row>(key, out);
  if (out.empty()) out.push_back('\0');
}

template <class Row>
[[nodiscard]] bool read_disk_key(Bytes in, typename Row::Key& key) {
  if constexpr (std::is_same_v<typename Row::Key, engine::SingleKey>) {
    return in.size() == 1 && in[0] == std::byte{0};
  } else {
    return engine::decode_key<Row>(in, key);
  }
}

/// The key of a payload: (incarnation, sequence), 16 bytes, big-endian.
void payload_key(MessageId id, std::string& out);

/// `shard 1, table messages`, for error texts.
std::string table_text(ShardId shard, engine::TableId table);

}  // namespace peerq::storage
