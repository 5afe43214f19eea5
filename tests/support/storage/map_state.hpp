#pragma once
// A StateStore in memory: what LmdbState is on disk. What `write` was given is durable at once; reads can be
// told to meet damage, writes to fail.

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "storage/row_seal.hpp"
#include "storage/state_store.hpp"

namespace peerq::test {

/// Rows by (shard, table, key). Payloads are sealed rows of the payload table, however large.
using MapRows = std::map<std::pair<std::uint64_t, std::string>, std::string>;

inline std::uint64_t map_table(ShardId shard, engine::TableId table) {
  return (std::uint64_t{shard.value} << 8) | static_cast<std::uint64_t>(table);
}

class MapSnapshot final : public storage::Snapshot {
 public:
  explicit MapSnapshot(MapRows rows) : rows_(std::move(rows)) {}

  bool empty(ShardId shard, engine::TableId table) const noexcept override {
    const auto at = rows_.lower_bound({map_table(shard, table), {}});
    return at == rows_.end() || at->first.first != map_table(shard, table);
  }
  std::optional<Bytes> get(ShardId shard, engine::TableId table, Bytes key) override {
    const auto at = rows_.find({map_table(shard, table), std::string(as_text(key))});
    return at == rows_.end() ? std::nullopt : std::optional(as_bytes(at->second));
  }
  std::optional<Bytes> next(ShardId shard, engine::TableId table, Bytes from, bool after) override {
    const std::pair key{map_table(shard, table), std::string(as_text(from))};
    const auto at = after ? rows_.upper_bound(key) : rows_.lower_bound(key);
    if (at == rows_.end() || at->first.first != key.first) return std::nullopt;
    return as_bytes(at->first.second);
  }
  Result<SharedBytes> payload(ShardId shard, MessageId id) override {
    std::string key;
    storage::payload_key(id, key);
    const auto value = get(shard, engine::TableId::payloads, as_bytes(key));
    const auto bytes =
        value ? storage::open_row(shard, engine::TableId::payloads, as_bytes(key), *value) : std::nullopt;
    if (!bytes) return Error(errc::corrupt, "payload");
    return SharedBytes::copy(*bytes);
  }
  std::uint64_t pages_per_row(ShardId, engine::TableId) const noexcept override { return 100; }

 private:
  MapRows rows_;
};

class MapState final : public storage::StateStore {
 public:
  Result<void> write(ShardId shard, const storage::RowSource& rows) override {
    if (failure_.code != errc::ok) return std::exchange(failure_, Error());
    Sink sink(shard, rows_);
    auto given = rows.give(sink);
    if (given) rows_ = std::move(sink.rows);
    return given;
  }
  const std::shared_ptr<storage::Snapshot>& snapshot() const noexcept override { return snapshot_; }
  Result<void> refresh() override {
    snapshot_ = std::make_shared<MapSnapshot>(rows_);
    return {};
  }

  /// The next write does nothing and answers this.
  void fail_next_write(Error error) { failure_ = std::move(error); }

  MapRows& rows() { return rows_; }

 private:
  /// Checks what the sink is promised: keys ascending in a table, rows there or not as told.
  struct Sink final : storage::RowSink {
    Sink(ShardId of, MapRows start) : shard(of), rows(std::move(start)) {}

    Result<void> check(engine::TableId table, const std::string& key, bool exists_below) {
      if (table == last.first && key <= last.second) return Error(errc::corrupt, "keys do not ascend");
      last = {table, key};
      if (rows.contains({map_table(shard, table), key}) == exists_below) return {};
      return Error(errc::corrupt, exists_below ? "a row is missing" : "a row is in the way");
    }
    Result<void> put(engine::TableId table, Bytes key, Bytes value, bool exists_below) override {
      const std::string text(as_text(key));
      if (auto fits = check(table, text, exists_below); !fits) return fits;
      rows[{map_table(shard, table), text}] = as_text(value);
      return {};
    }
    Result<void> erase(engine::TableId table, Bytes key) override {
      const std::string text(as_text(key));
      if (auto fits = check(table, text, true); !fits) return fits;
      rows.erase({map_table(shard, table), text});
      return {};
    }
    Result<void> put_payload(MessageId id, Bytes payload, bool exists_below) override {
      std::string key;
      storage::payload_key(id, key);
      std::string value(as_text(payload));
      storage::seal_row(shard, engine::TableId::payloads, as_bytes(key), value);
      return put(engine::TableId::payloads, as_bytes(key), as_bytes(value), exists_below);
    }
    Result<void> erase_payload(MessageId id) override {
      std::string key;
      storage::payload_key(id, key);
      return erase(engine::TableId::payloads, as_bytes(key));
    }

    ShardId shard;
    MapRows rows;
    std::pair<engine::TableId, std::string> last;
  };

  MapRows rows_;
  std::shared_ptr<storage::Snapshot> snapshot_ = std::make_shared<MapSnapshot>(MapRows());
  Error failure_;
};

}  // namespace peerq::test
