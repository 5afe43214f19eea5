#include "storage/lmdb_state_writer.hpp"

#include <algorithm>
#include <cstring>

#include "storage/payload_parts.hpp"
#include "storage/row_seal.hpp"

namespace peerq::storage {

namespace {

/// A row's header and pointer on its page.
constexpr std::size_t node_overhead = 10;

bool before(Bytes a, Bytes b) noexcept {
  const int order = std::memcmp(a.data(), b.data(), std::min(a.size(), b.size()));
  return order != 0 ? order < 0 : a.size() < b.size();
}

/// Whether two values can lie on one page. Never wrong when they do.
bool may_share_page(const MDB_val& a, const MDB_val& b, std::uint64_t page_size) noexcept {
  const auto left = reinterpret_cast<std::uintptr_t>(a.mv_data);
  const auto right = reinterpret_cast<std::uintptr_t>(b.mv_data);
  return (left < right ? right - left : left - right) < page_size;
}

}  // namespace

Error LmdbStateWriter::failure(int code) const { return lmdb_error(code, table_text(shard_, table_)); }

Error LmdbStateWriter::missing() const {
  return {errc::corrupt, table_text(shard_, table_) + ": a row that must be there is missing"};
}

Result<void> LmdbStateWriter::use(engine::TableId table) {
  if (cursor_.get() != nullptr && table == table_) return {};
  if (auto ended = end_run(); !ended) return ended;
  table_ = table;
  const MDB_dbi handle = tables_->handle(shard_, table);
  if (handle == 0) return missing();
  if (const int code = cursor_.open(transaction_, handle); code != 0) return failure(code);
  return {};
}

Result<void> LmdbStateWriter::finish() {
  auto ended = end_run();
  cursor_.close();
  return ended;
}

Result<void> LmdbStateWriter::store(Bytes key, Bytes value, unsigned flags) {
  MDB_val lmdb_key = lmdb_value(key);
  MDB_val lmdb_data = lmdb_value(value);
  const int code = mdb_cursor_put(cursor_.get(), &lmdb_key, &lmdb_data, flags);
  if (code == MDB_KEYEXIST) {
    return Error(errc::corrupt, table_text(shard_, table_) + ": a row is where none may be");
  }
  if (code != 0) return failure(code);
  return {};
}

Result<void> LmdbStateWriter::put(engine::TableId table, Bytes key, Bytes value, bool exists_below) {
  if (auto used = use(table); !used) return used;
  if (!exists_below) return insert(key, value);
  if (auto ended = end_run(); !ended) return ended;
  return store(key, value, 0);
}

Result<void> LmdbStateWriter::erase(engine::TableId table, Bytes key) {
  if (auto used = use(table); !used) return used;
  if (auto ended = end_run(); !ended) return ended;
  MDB_val lmdb_key = lmdb_value(key);
  MDB_val value{};
  int code = mdb_cursor_get(cursor_.get(), &lmdb_key, &value, MDB_SET_KEY);
  if (code == MDB_NOTFOUND) return missing();
  if (code == 0) code = mdb_cursor_del(cursor_.get(), 0);
  if (code != 0) return failure(code);
  return {};
}

bool LmdbStateWriter::in_run(Bytes key) const {
  return running_ && (!behind_ || before(key, as_bytes(*behind_)));
}

Result<void> LmdbStateWriter::begin_run(Bytes key) {
  if (auto ended = end_run(); !ended) return ended;
  MDB_val found = lmdb_value(key);
  MDB_val value{};
  const int code = mdb_cursor_get(cursor_.get(), &found, &value, MDB_SET_RANGE);
  if (code != 0 && code != MDB_NOTFOUND) return failure(code);
  running_ = true;
  long_ = false;
  run_bytes_ = 0;
  behind_.reset();
  if (code == 0) behind_ = std::string(as_text(bytes_of(found)));
  return {};
}

Result<void> LmdbStateWriter::insert(Bytes key, Bytes value) {
  if (!in_run(key)) {
    if (auto begun = begin_run(key); !begun) return begun;
  }
  if (!behind_) return store(key, value, MDB_APPEND);
  if (long_) return store(key, value, MDB_NOOVERWRITE);
  waiting_.push_back({std::string(as_text(key)), std::string(as_text(value))});
  run_bytes_ += key.size() + std::min<std::size_t>(value.size(), page_size_ / 2) + node_overhead;
  if (run_bytes_ <= page_size_ / 4) return {};
  long_ = true;
  if (auto taken = take_out(); !taken) return taken;
  return store_waiting();
}

Result<void> LmdbStateWriter::store_waiting() {
  for (const StoredRow& row : waiting_) {
    if (auto stored = store(as_bytes(row.key), as_bytes(row.value), MDB_NOOVERWRITE); !stored) return stored;
  }
  waiting_.clear();
  return {};
}

Result<void> LmdbStateWriter::take_out() {
  MDB_val key = lmdb_value(as_bytes(*behind_));
  MDB_val value{};
  MDB_val last{};
  MDB_val ignored{};
  int code = mdb_cursor_get(cursor_.get(), &key, &value, MDB_SET_KEY);
  if (code == 0) code = mdb_cursor_get(cursor_.get(), &ignored, &last, MDB_PREV);
  if (code == MDB_NOTFOUND) return {};  // nothing before it: the run begins a page of its own soon
  if (code == 0) code = mdb_cursor_get(cursor_.get(), &key, &value, MDB_NEXT);
  std::size_t bytes = 0;
  while (code == 0 && bytes < page_size_ && value.mv_size < page_size_ / 2 &&
         may_share_page(last, value, page_size_)) {
    taken_.push_back({std::string(as_text(bytes_of(key))), std::string(as_text(bytes_of(value)))});
    bytes += key.mv_size + value.mv_size + node_overhead;
    code = mdb_cursor_get(cursor_.get(), &key, &value, MDB_NEXT);
  }
  if (code != 0 && code != MDB_NOTFOUND) return failure(code);
  for (const StoredRow& row : taken_) {
    MDB_val at = lmdb_value(as_bytes(row.key));
    code = mdb_cursor_get(cursor_.get(), &at, &value, MDB_SET_KEY);
    if (code == 0) code = mdb_cursor_del(cursor_.get(), 0);
    if (code != 0) return failure(code);
  }
  return {};
}

Result<void> LmdbStateWriter::end_run() {
  running_ = false;
  if (auto stored = store_waiting(); !stored) return stored;
  for (const StoredRow& row : taken_) {
    if (auto stored = store(as_bytes(row.key), as_bytes(row.value), MDB_NOOVERWRITE); !stored) return stored;
  }
  taken_.clear();
  return {};
}

Result<void> LmdbStateWriter::put_payload(MessageId id, Bytes payload, bool exists_below) {
  if (exists_below) {
    if (auto erased = erase_payload(id); !erased) return erased;
  }
  if (auto used = use(engine::TableId::payloads); !used) return used;
  payload_key(id, key_);
  if (payload.size() + row_seal_size > part_size(page_size_)) return put_chain(payload);
  value_.assign(as_text(payload));
  seal_row(shard_, engine::TableId::payloads, as_bytes(key_), value_);
  return insert(as_bytes(key_), as_bytes(value_));
}

Result<void> LmdbStateWriter::put_chain(Bytes payload) {
  const std::uint32_t seal = row_seal(shard_, engine::TableId::payloads, as_bytes(key_), payload);
  value_.clear();
  engine::RowWriter writer(value_);
  writer.field(seal);
  writer.field(static_cast<std::uint32_t>(payload.size()));
  for (std::uint32_t part = 0; part == 0 || !payload.empty(); ++part) {
    const std::size_t size = std::min(part_size(page_size_) - value_.size(), payload.size());
    value_.append(as_text(payload.first(size)));
    payload = payload.subspan(size);
    part_key(key_, part);
    if (auto inserted = insert(as_bytes(key_), as_bytes(value_)); !inserted) return inserted;
    value_.clear();
  }
  return {};
}

Result<void> LmdbStateWriter::erase_payload(MessageId id) {
  if (auto used = use(engine::TableId::payloads); !used) return used;
  if (auto ended = end_run(); !ended) return ended;
  payload_key(id, key_);
  std::size_t erased = 0;
  while (true) {
    MDB_val key = lmdb_value(as_bytes(key_));
    MDB_val value{};
    int code = mdb_cursor_get(cursor_.get(), &key, &value, MDB_SET_RANGE);
    const bool own = code == 0 && belongs_to(bytes_of(key), as_bytes(key_));
    if (code == MDB_NOTFOUND || (code == 0 && !own)) break;
    const bool whole = code == 0 && key.mv_size == payload_key_size;
    if (code == 0) code = mdb_cursor_del(cursor_.get(), 0);
    if (code != 0) return failure(code);
    ++erased;
    if (whole) break;
  }
  if (erased == 0) return missing();
  return {};
}

}  // namespace peerq::storage
