#pragma once
// A shard's state, read out of its tables in chunks and put into other, empty tables.
//
// The last row of a stream is the shard's own (how far the state goes), so what was cut off is never taken
// for whole. Payloads come right behind the rows that own them.

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "peerq/engine/tables.hpp"
#include "peerq/port/state_machine.hpp"
#include "storage/key_steps.hpp"
#include "storage/row_list.hpp"
#include "storage/state_chunk.hpp"

namespace peerq::storage {

namespace detail {

/// Whether a message's payload goes with the row.
template <class Row>
inline constexpr bool owns_payload =
    std::is_same_v<Row, engine::MessageRow> || std::is_same_v<Row, engine::MovingRow>;

inline MessageId payload_of(const engine::MessageKey& key, const engine::MessageRow& row) noexcept {
  return row.id(key);
}
inline MessageId payload_of(const engine::MovingRow::Key&, const engine::MovingRow& row) noexcept {
  return row.id;
}

/// Calls `visit.operator()<Row>()` for the messages and every ordered table but the shard's own row.
template <class Visit>
bool for_each_table(Visit visit) {
  return visit.template operator()<engine::MessageRow>() && OrderedRows::for_each([&]<class Row>() {
           if constexpr (std::is_same_v<Row, engine::ShardRow>) {
             return true;
           } else {
             return visit.template operator()<Row>();
           }
         });
}

}  // namespace detail

/// Reads. The tables must not change while it lives. **Thread** the tables'.
template <class Tables>
class TablesStream : public port::StateStream {
 public:
  /// `now` is the row that ends the stream. `tables` outlives it.
  TablesStream(const Tables& tables, ShardId shard, engine::ShardRow now, std::size_t chunk_bytes)
      : tables_(&tables), now_(std::move(now)), chunk_bytes_(chunk_bytes) {
    header_.shard = shard;
    header_.applied = now_.applied;
  }

  Result<SharedBytes> next() override {
    if (header_.last) return SharedBytes();
    ChunkWriter chunk(chunk_bytes_);
    try {
      std::size_t table = 0;
      header_.last = detail::for_each_table(
          [&]<class Row>() { return table++ < table_ || add_table<Row>(chunk, table); });
    } catch (const engine::TablesFailure& failure) {
      header_.last = true;
      return failure.error;
    }
    if (header_.last) add<engine::ShardRow>(chunk, {}, now_);
    SharedBytes bytes = chunk.finish(header_);
    ++header_.number;
    return bytes;
  }

 private:
  /// False when the chunk is full and rows are left; else the stream goes on with the table of number
  /// `after`.
  template <class Row>
  bool add_table(ChunkWriter& chunk, std::size_t after) {
    if (!add_rows<Row>(chunk)) return false;
    table_ = after;
    from_.clear();
    return true;
  }

  template <class Row>
  bool add_rows(ChunkWriter& chunk) {
    if constexpr (std::is_same_v<typename Row::Key, engine::SingleKey>) {
      if (const auto row = tables_->template find<Row>({})) add<Row>(chunk, {}, *row);
    } else {
      typename Row::Key at{};
      if (!from_.empty()) PEERQ_ASSERT(engine::decode_key<Row>(as_bytes(from_), at));
      const auto end = end_key<Row>();
      while (const auto found = tables_->template first<Row>(at, end)) {
        if (chunk.full()) {
          from_.clear();
          engine::encode_key<Row>(found->key, from_);
          return false;
        }
        add<Row>(chunk, found->key, found->row);
        at = found->key;
        if (!next_key<Row>(at)) break;
      }
    }
    return true;
  }

  template <class Row>
  void add(ChunkWriter& chunk, const typename Row::Key& key, const Row& row) {
    key_.clear();
    row_.clear();
    engine::encode_key<Row>(key, key_);
    engine::encode_row<Row>(row, row_);
    chunk.add(Row::table, key_, row_);
    if constexpr (detail::owns_payload<Row>) {
      const MessageId id = detail::payload_of(key, row);
      const SharedBytes payload = fetch(tables_->payload(id));
      key_.clear();
      engine::KeyWriter writer(key_);
      writer.field(id.incarnation);
      writer.field(id.sequence);
      chunk.add(engine::TableId::payloads, key_, as_text(payload.bytes()));
    }
  }

  static SharedBytes fetch(const engine::Payload& payload) {
    if (payload.cold == nullptr) return payload.bytes;
    auto bytes = payload.cold->fetch();
    if (!bytes) throw engine::TablesFailure{bytes.error()};
    return std::move(*bytes);
  }

  const Tables* tables_;
  engine::ShardRow now_;
  std::size_t chunk_bytes_;
  ChunkHeader header_;
  /// Tables that are done, and the first key of the next row; empty = the table's beginning.
  std::size_t table_ = 0;
  std::string from_;
  std::string key_;
  std::string row_;
};

/// Puts the chunks of one stream, in order, into tables that were empty. After an error the tables are not to
/// be used.
template <class Tables>
class TablesReceiver {
 public:
  TablesReceiver(Tables& tables, ShardId shard) : tables_(&tables) { expected_.shard = shard; }

  /// **Errors** corrupt: damaged, of another shard or stream, out of order, or a row that no table has;
  /// version_mismatch.
  Result<void> put(Bytes chunk) {
    auto reader = ChunkReader::open(chunk);
    if (!reader) return reader.error();
    if (auto fits = check(reader->header()); !fits) return fits;
    while (true) {
      auto row = reader->next();
      if (!row) return row.error();
      if (!*row) break;
      if (auto put = put_row(**row); !put) return put;
    }
    if (owed_) return wrong("a payload is missing");
    if (expected_.last != now_.has_value()) return wrong("its last chunk is not its end");
    return {};
  }

  /// The shard's own row, when the last chunk was put.
  const std::optional<engine::ShardRow>& complete() const noexcept { return now_; }

 private:
  Result<void> check(const ChunkHeader& header) {
    if (now_) return wrong("a chunk comes after its end");
    if (header.number == 0) expected_.applied = header.applied;
    expected_.number = next_number_++;
    expected_.last = header.last;
    if (!(header == expected_)) return wrong("a chunk is of another shard or stream, or not the next one");
    return {};
  }

  Result<void> put_row(const ChunkRow& row) {
    if (now_) return wrong("a row comes after its end");
    if (row.table == engine::TableId::payloads || owed_) return put_payload(row);
    if (row.table == engine::TableId::shard) {
      engine::ShardRow now;
      if (!engine::decode_row<engine::ShardRow>(as_bytes(row.row), now)) return wrong("a row is malformed");
      now_ = std::move(now);
      return {};
    }
    Result<void> done = wrong("a row is of no known table");
    detail::for_each_table([&]<class Row>() {
      if (Row::table != row.table) return true;
      done = put_in<Row>(row);
      return false;
    });
    return done;
  }

  template <class Row>
  Result<void> put_in(const ChunkRow& row) {
    typename Row::Key key{};
    Row value;
    if (!engine::decode_key<Row>(as_bytes(row.key), key) ||
        !engine::decode_row<Row>(as_bytes(row.row), value))
      return wrong("a row is malformed");
    // Tables take a key once (engine/tables.hpp).
    const bool again = (seen_ & bit(row.table)) != 0;
    if (again && (row.table != table_ || row.key <= key_)) return wrong("rows are out of order");
    seen_ |= bit(row.table);
    table_ = row.table;
    key_ = row.key;
    tables_->template insert<Row>(key, value);
    if constexpr (detail::owns_payload<Row>) owed_ = detail::payload_of(key, value);
    return {};
  }

  Result<void> put_payload(const ChunkRow& row) {
    MessageId id;
    engine::KeyReader reader(as_bytes(row.key));
    reader.field(id.incarnation);
    reader.field(id.sequence);
    if (row.table != engine::TableId::payloads || !reader.finished() || owed_ != id)
      return wrong("a payload is not its message's");
    owed_.reset();
    tables_->insert_payload(id, SharedBytes::copy(as_bytes(row.row)));
    return {};
  }

  static constexpr std::uint64_t bit(engine::TableId table) noexcept {
    return std::uint64_t{1} << (static_cast<unsigned>(table) & 63U);
  }
  static Error wrong(const char* what) { return {errc::corrupt, std::string("a streamed state: ") + what}; }

  Tables* tables_;
  ChunkHeader expected_;
  std::uint64_t next_number_ = 0;
  /// The table and key of the last row, and which tables there were.
  engine::TableId table_{};
  std::string key_;
  std::uint64_t seen_ = 0;
  /// The payload that the last row is waiting for.
  std::optional<MessageId> owed_;
  std::optional<engine::ShardRow> now_;
};

}  // namespace peerq::storage
