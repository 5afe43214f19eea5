#include "storage/lmdb_snapshot.hpp"

#include <cstring>

#include "peerq/base/limits.hpp"
#include "peerq/base/plant.hpp"
#include "peerq/engine/tables.hpp"
#include "storage/payload_parts.hpp"
#include "storage/row_seal.hpp"

namespace peerq::storage {

namespace {

constexpr std::size_t payload_size_max = limits::entry_size_max;

[[noreturn]] void unreadable(int code, ShardId shard, engine::TableId table) {
  throw engine::TablesFailure{lmdb_error(code, table_text(shard, table))};
}

Error damaged_payload(ShardId shard) {
  return {errc::corrupt,
          table_text(shard, engine::TableId::payloads) + ": a payload does not match its checksum"};
}

}  // namespace

Result<std::shared_ptr<LmdbSnapshot>> LmdbSnapshot::open(std::shared_ptr<const LmdbEnvironment> environment,
                                                         std::shared_ptr<const StateTables> tables,
                                                         std::shared_ptr<KnownBuckets> known) {
  auto core = environment->begin_read();
  if (!core) return std::move(core).error();
  auto helper = environment->begin_read();
  if (!helper) return std::move(helper).error();
  // A checkpoint may end between the two: then the older one would miss what the newer has.
  while (mdb_txn_id(core->get()) != mdb_txn_id(helper->get())) {
    core = environment->begin_read();
    if (!core) return std::move(core).error();
    std::swap(*core, *helper);
  }
  auto trees = environment->trees(mdb_txn_id(core->get()));
  if (!trees) return std::move(trees).error();
  return std::shared_ptr<LmdbSnapshot>(new LmdbSnapshot(std::move(environment), std::move(tables),
                                                        std::move(*core), std::move(*helper),
                                                        std::move(*trees), std::move(known)));
}

LmdbSnapshot::LmdbSnapshot(std::shared_ptr<const LmdbEnvironment> environment,
                           std::shared_ptr<const StateTables> tables, LmdbTransaction core,
                           LmdbTransaction helper, std::vector<PageTree> trees,
                           std::shared_ptr<KnownBuckets> known)
    : environment_(std::move(environment)),
      tables_(std::move(tables)),
      core_(std::move(core)),
      trees_(std::move(trees)),
      sums_(*environment_, *tables_, core_, trees_, std::move(known)),
      helper_(std::move(helper)) {
  trees_.resize(StateTables::tables_max);
  for (MDB_dbi handle = 0; handle < facts_.size(); ++handle) {
    MDB_stat facts{};
    if (mdb_stat(core_.get(), handle, &facts) != 0) continue;
    facts_[handle] = {facts.ms_entries, facts.ms_leaf_pages + facts.ms_overflow_pages};
  }
}

const LmdbSnapshot::TableFacts& LmdbSnapshot::facts(ShardId shard, engine::TableId table) const noexcept {
  static constexpr TableFacts none;
  const MDB_dbi handle = tables_->handle(shard, table);
  return handle != 0 && handle < facts_.size() ? facts_[handle] : none;
}

bool LmdbSnapshot::empty(ShardId shard, engine::TableId table) const noexcept {
  return facts(shard, table).rows == 0;
}

std::uint64_t LmdbSnapshot::pages_per_row(ShardId shard, engine::TableId table) const noexcept {
  const TableFacts& known = facts(shard, table);
  return known.rows == 0 ? 0 : known.pages * 1024 / known.rows;
}

MDB_cursor* LmdbSnapshot::cursor(MDB_dbi handle) {
  LmdbCursor& cursor = cursors_[handle];
  if (cursor.get() == nullptr) cursor.open(core_.get(), handle);
  return cursor.get();
}

void LmdbSnapshot::check(ShardId shard, engine::TableId table, Bytes key) {
  if (PEERQ_PLANTED(checksum_skipped)) return;
  const MDB_dbi handle = tables_->handle(shard, table);
  if (auto good = environment_->guard().check_key(trees_[handle], key, seen_[handle]); !good) {
    throw engine::TablesFailure{std::move(good).error()};
  }
}

std::optional<Bytes> LmdbSnapshot::get(ShardId shard, engine::TableId table, Bytes key) {
  if (empty(shard, table)) return std::nullopt;
  check(shard, table, key);
  MDB_val lmdb_key = lmdb_value(key);
  MDB_val value{};
  sums_.cover(shard, table, key, key);
  const int code = mdb_cursor_get(cursor(tables_->handle(shard, table)), &lmdb_key, &value, MDB_SET_KEY);
  if (code == MDB_NOTFOUND) return std::nullopt;
  if (code != 0) unreadable(code, shard, table);
  return bytes_of(value);
}

std::optional<Bytes> LmdbSnapshot::next(ShardId shard, engine::TableId table, Bytes from, bool after) {
  if (empty(shard, table)) return std::nullopt;
  check(shard, table, from);
  MDB_cursor* at = cursor(tables_->handle(shard, table));
  MDB_val key = lmdb_value(from);
  MDB_val value{};
  int code = mdb_cursor_get(at, &key, &value, MDB_SET_RANGE);
  if (code == 0 && after && equal(bytes_of(key), from)) code = mdb_cursor_get(at, &key, &value, MDB_NEXT);
  if (code != 0 && code != MDB_NOTFOUND) unreadable(code, shard, table);
  const auto found = code == 0 ? std::optional(bytes_of(key)) : std::nullopt;
  sums_.cover(shard, table, from, found);
  return found;
}

Result<SharedBytes> LmdbSnapshot::payload(ShardId shard, MessageId id) {
  const std::lock_guard lock(helper_mutex_);
  const MDB_dbi handle = tables_->handle(shard, engine::TableId::payloads);
  std::string key;
  payload_key(id, key);
  if (handle == 0) return damaged_payload(shard);
  if (helper_table_ != handle) {
    if (const int code = helper_cursor_.open(helper_.get(), handle); code != 0)
      return lmdb_error(code, "payloads");
    helper_table_ = handle;
    helper_seen_.forget();
  }
  return read_payload(shard, handle, as_bytes(key));
}

Result<void> LmdbSnapshot::check_payload(MDB_dbi handle, Bytes key) {
  if (PEERQ_PLANTED(checksum_skipped)) return {};
  return environment_->guard().check_key(trees_[handle], key, helper_seen_);
}

Result<SharedBytes> LmdbSnapshot::read_payload(ShardId shard, MDB_dbi handle, Bytes key) {
  if (auto good = check_payload(handle, key); !good) return std::move(good).error();
  MDB_val found = lmdb_value(key);
  MDB_val value{};
  const int code = mdb_cursor_get(helper_cursor_.get(), &found, &value, MDB_SET_RANGE);
  if (code != 0) return lmdb_error(code, table_text(shard, engine::TableId::payloads));
  if (!belongs_to(bytes_of(found), key)) return damaged_payload(shard);
  if (found.mv_size != payload_key_size) return read_parts(shard, handle, key, found, value);
  const auto bytes = open_row(shard, engine::TableId::payloads, key, bytes_of(value));
  if (!bytes) return damaged_payload(shard);
  return SharedBytes::copy(*bytes);
}

Result<SharedBytes> LmdbSnapshot::read_parts(ShardId shard, MDB_dbi handle, Bytes key, MDB_val found,
                                             MDB_val value) {
  std::uint32_t seal = 0;
  std::uint32_t size = 0;
  Bytes part = bytes_of(value);
  if (part.size() < chain_head_size) return damaged_payload(shard);
  engine::RowReader(part.first(4)).field(seal);
  engine::RowReader(part.subspan(4, 4)).field(size);
  if (size > payload_size_max) return damaged_payload(shard);
  auto [payload, room] = SharedBytes::allocate(size);
  part = part.subspan(chain_head_size);
  while (true) {
    if (part.size() > room.size()) return damaged_payload(shard);
    std::memcpy(room.data(), part.data(), part.size());
    room = room.subspan(part.size());
    if (room.empty()) break;
    if (auto good = check_payload(handle, bytes_of(found)); !good) return std::move(good).error();
    const int code = mdb_cursor_get(helper_cursor_.get(), &found, &value, MDB_NEXT);
    if (code != 0) return lmdb_error(code, table_text(shard, engine::TableId::payloads));
    if (!belongs_to(bytes_of(found), key) || value.mv_size == 0) return damaged_payload(shard);
    part = bytes_of(value);
  }
  const bool sealed = seal == row_seal(shard, engine::TableId::payloads, key, payload.bytes());
  if (!sealed && !PEERQ_PLANTED(checksum_skipped)) return damaged_payload(shard);
  return payload;
}

}  // namespace peerq::storage
