#include "testkit/sim_state.hpp"

#include "storage/row_seal.hpp"

namespace peerq::testkit {

namespace {

class SimSnapshot final : public storage::Snapshot {
 public:
  explicit SimSnapshot(const SimTables& tables) : tables_(tables) {}

  bool empty(ShardId shard, engine::TableId table) const noexcept override {
    const auto* rows = find(shard, table);
    return rows == nullptr || rows->empty();
  }

  std::optional<Bytes> get(ShardId shard, engine::TableId table, Bytes key) override {
    const auto* rows = find(shard, table);
    if (rows == nullptr) return std::nullopt;
    const auto row = rows->find(as_text(key));
    return row == rows->end() ? std::nullopt : std::optional<Bytes>(as_bytes(row->second));
  }

  std::optional<Bytes> next(ShardId shard, engine::TableId table, Bytes from, bool after) override {
    const auto* rows = find(shard, table);
    if (rows == nullptr) return std::nullopt;
    const auto row = after ? rows->upper_bound(as_text(from)) : rows->lower_bound(as_text(from));
    return row == rows->end() ? std::nullopt : std::optional<Bytes>(as_bytes(row->first));
  }

  Result<SharedBytes> payload(ShardId shard, MessageId id) override {
    std::string key;
    storage::payload_key(id, key);
    const auto bytes = get(shard, engine::TableId::payloads, as_bytes(key));
    if (!bytes) return Error(errc::corrupt, "a payload is missing");
    return SharedBytes::copy(*bytes);
  }

  std::uint64_t pages(ShardId shard, engine::TableId table) const noexcept override {
    const auto* rows = find(shard, table);
    return rows == nullptr ? 0 : rows->size() / 64 + 1;
  }
  std::uint64_t pages_per_row(ShardId, engine::TableId) const noexcept override { return 1'024 / 16; }

 private:
  const SimTable* find(ShardId shard, engine::TableId table) const noexcept {
    const auto found = tables_.find({shard, table});
    return found == tables_.end() ? nullptr : found->second.get();
  }

  SimTables tables_;
};

/// Collects a checkpoint's rows as changed copies of tables. What callers promise is checked: the order of
/// the keys, and whether a row exists.
class SimSink final : public storage::RowSink {
 public:
  SimSink(ShardId shard, const SimTables& before) : shard_(shard), before_(before) {}

  Result<void> put(engine::TableId table, Bytes key, Bytes value, bool exists_below) override {
    auto rows = rows_of(table, key, exists_below);
    if (!rows) return std::move(rows).error();
    (*rows)->insert_or_assign(std::string(as_text(key)), std::string(as_text(value)));
    return {};
  }
  Result<void> put_payload(MessageId id, Bytes payload, bool exists_below) override {
    std::string key;
    storage::payload_key(id, key);
    return put(engine::TableId::payloads, as_bytes(key), payload, exists_below);
  }
  Result<void> erase(engine::TableId table, Bytes key) override {
    auto rows = rows_of(table, key, true);
    if (!rows) return std::move(rows).error();
    (*rows)->erase(std::string(as_text(key)));
    return {};
  }
  Result<void> erase_payload(MessageId id) override {
    std::string key;
    storage::payload_key(id, key);
    return erase(engine::TableId::payloads, as_bytes(key));
  }

  /// The changes become the state, all in one step.
  void install(SimTables& tables) {
    for (auto& [table, rows] : changed_) tables[{shard_, table}] = std::move(rows);
  }

 private:
  /// The rows that are changed; an error if a promise is broken.
  Result<SimTable*> rows_of(engine::TableId table, Bytes key, bool exists) {
    const std::string_view text = as_text(key);
    if (table == last_table_ && text <= last_key_) return Error(errc::corrupt, "keys do not ascend");
    last_table_ = table;
    last_key_ = text;
    SimTable& rows = changed(table);
    if (rows.contains(text) == exists) return &rows;
    return Error(errc::corrupt, exists ? "a row is missing" : "a row is in the way");
  }

  SimTable& changed(engine::TableId table) {
    auto& rows = changed_[table];
    if (rows == nullptr) {
      const auto found = before_.find({shard_, table});
      rows =
          found == before_.end() ? std::make_shared<SimTable>() : std::make_shared<SimTable>(*found->second);
    }
    return *rows;
  }

  ShardId shard_;
  const SimTables& before_;
  std::map<engine::TableId, std::shared_ptr<SimTable>> changed_;
  std::optional<engine::TableId> last_table_;
  std::string last_key_;
};

}  // namespace

SimState::SimState(SimTables& durable, Sync sync)
    : durable_(durable), sync_(std::move(sync)), snapshot_(std::make_shared<SimSnapshot>(durable)) {}

Result<void> SimState::write(ShardId shard, const storage::RowSource& rows) {
  SimSink sink(shard, durable_);
  if (auto given = rows.give(sink); !given) return given;
  if (auto synced = sync_(); !synced) return synced;
  sink.install(durable_);  // durable: the whole checkpoint in one step
  return {};
}

Result<void> SimState::refresh() {
  snapshot_ = std::make_shared<SimSnapshot>(durable_);
  return {};
}

std::uint64_t SimState::bytes(const SimTables& tables) noexcept {
  std::uint64_t sum = 0;
  for (const auto& [name, rows] : tables) {
    for (const auto& [key, value] : *rows) sum += key.size() + value.size();
  }
  return sum;
}

}  // namespace peerq::testkit
