#include "storage/lmdb_state_writer.hpp"

#include <algorithm>
#include <cstring>

#include "peerq/base/plant.hpp"
#include "storage/page_view.hpp"
#include "storage/payload_parts.hpp"
#include "storage/row_seal.hpp"

namespace peerq::storage {

namespace {

/// A row's header and pointer on its page.
constexpr std::size_t node_overhead = 10;

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
  handle_ = tables_->handle(shard_, table);
  if (handle_ == 0) return missing();
  seen_.forget();
  if (const int code = cursor_.open(transaction_, handle_); code != 0) return failure(code);
  return {};
}

Result<void> LmdbStateWriter::check(Bytes key) {
  if (PEERQ_PLANTED(checksum_skipped)) return {};
  return environment_->guard().check_key(trees_[handle_], key, seen_);
}

/// LMDB frees as many pages as the first of them says.
Result<void> LmdbStateWriter::check_large(const MDB_val& key, const MDB_val& value) const {
  const std::size_t inline_max = (((page_size_ - page_header_size) / 2) & ~std::size_t{1}) - 2;
  if (node_header_size + key.mv_size + value.mv_size <= inline_max) return {};
  const PageView page(static_cast<const std::byte*>(value.mv_data) - page_header_size, page_size_);
  const std::uint64_t pages = (page_header_size - 1 + value.mv_size) / page_size_ + 1;
  // A page written in this very transaction is marked dirty.
  if ((page.flags() & page_is_overflow) != 0 && page.overflow_pages() == pages) return {};
  return Error(errc::corrupt, table_text(shard_, table_) + ": another page is in the place of a large row");
}

Result<void> LmdbStateWriter::erase_here(const MDB_val& key, const MDB_val& value) {
  if (auto good = check_large(key, value); !good) return good;
  if (const int code = mdb_cursor_del(cursor_.get(), 0); code != 0) return failure(code);
  return {};
}

Result<std::uint64_t> LmdbStateWriter::finish() {
  for (const auto& [bucket, change] : sums_.all()) {
    if (auto written = write_sum(as_bytes(bucket), change); !written) return std::move(written).error();
  }
  auto ended = end_run();
  cursor_.close();
  if (!ended) return std::move(ended).error();
  return sum_of_sums_.seals;
}

Result<void> LmdbStateWriter::write_sum(Bytes bucket, const RowSum& change) {
  if (change.empty()) return {};
  if (auto used = use(sums_table); !used) return used;
  bool there = false;
  auto sum = find_sum(bucket, there);
  if (!sum) return std::move(sum).error();
  sum->add(change);
  if (sum->empty()) return there ? erase(sums_table, bucket) : Result<void>();
  value_.clear();
  engine::encode_row<RowSum>(*sum, value_);
  seal_row(shard_, sums_table, bucket, value_);
  sum_of_sums_.add(as_bytes(value_));
  return there ? store(bucket, as_bytes(value_), 0) : insert(bucket, as_bytes(value_));
}

/// The sum before the checkpoint; `there`: the table has a row of it.
Result<RowSum> LmdbStateWriter::find_sum(Bytes bucket, bool& there) {
  RowSum sum;
  if (in_run(bucket)) return sum;
  if (auto ended = end_run(); !ended) return std::move(ended).error();
  if (auto good = check(bucket); !good) return std::move(good).error();
  MDB_val key = lmdb_value(bucket);
  MDB_val value{};
  const int code = mdb_cursor_get(cursor_.get(), &key, &value, MDB_SET_KEY);
  if (code == MDB_NOTFOUND) return sum;
  if (code != 0) return failure(code);
  const auto row = open_row(shard_, sums_table, bucket, bytes_of(value));
  if (!row || !engine::decode_row<RowSum>(*row, sum)) return missing();
  sum_of_sums_.remove(bytes_of(value));
  there = true;
  return sum;
}

Result<void> LmdbStateWriter::store(Bytes key, Bytes value, unsigned flags) {
  if (auto good = check(key); !good) return good;
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
  sums_.add(table, key, value);
  if (!exists_below) return insert(key, value);
  if (auto ended = end_run(); !ended) return ended;
  if (auto good = check(key); !good) return good;
  MDB_val lmdb_key = lmdb_value(key);
  MDB_val old{};
  const int code = mdb_cursor_get(cursor_.get(), &lmdb_key, &old, MDB_SET_KEY);
  if (code == MDB_NOTFOUND) return missing();
  if (code != 0) return failure(code);
  if (auto good = check_large(lmdb_key, old); !good) return good;
  sums_.remove(table, key, bytes_of(old));
  return store(key, value, 0);
}

Result<void> LmdbStateWriter::erase(engine::TableId table, Bytes key) {
  if (auto used = use(table); !used) return used;
  if (auto ended = end_run(); !ended) return ended;
  if (auto good = check(key); !good) return good;
  MDB_val lmdb_key = lmdb_value(key);
  MDB_val value{};
  const int code = mdb_cursor_get(cursor_.get(), &lmdb_key, &value, MDB_SET_KEY);
  if (code == MDB_NOTFOUND) return missing();
  if (code != 0) return failure(code);
  sums_.remove(table, key, bytes_of(value));
  return erase_here(lmdb_key, value);
}

bool LmdbStateWriter::in_run(Bytes key) const {
  return running_ && (!behind_ || key_order(key, as_bytes(*behind_)) < 0);
}

Result<void> LmdbStateWriter::begin_run(Bytes key) {
  if (auto ended = end_run(); !ended) return ended;
  if (auto good = check(key); !good) return good;
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
  if (auto good = check(as_bytes(*behind_)); !good) return good;
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
    if (auto good = check(bytes_of(key)); !good) return good;
    code = mdb_cursor_get(cursor_.get(), &key, &value, MDB_NEXT);
  }
  if (code != 0 && code != MDB_NOTFOUND) return failure(code);
  for (const StoredRow& row : taken_) {
    MDB_val at = lmdb_value(as_bytes(row.key));
    code = mdb_cursor_get(cursor_.get(), &at, &value, MDB_SET_KEY);
    if (code != 0) return failure(code);
    if (auto erased = erase_here(at, value); !erased) return erased;
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
  for (bool whole = false; !whole;) {
    if (auto good = check(as_bytes(key_)); !good) return good;
    MDB_val key = lmdb_value(as_bytes(key_));
    MDB_val value{};
    const int code = mdb_cursor_get(cursor_.get(), &key, &value, MDB_SET_RANGE);
    if (code == MDB_NOTFOUND) break;
    if (code != 0) return failure(code);
    if (!belongs_to(bytes_of(key), Bytes(as_bytes(key_)).first(payload_key_size))) break;
    whole = key.mv_size == payload_key_size;
    key_.assign(as_text(bytes_of(key)));
    if (auto good = check(as_bytes(key_)); !good) return good;
    if (auto gone = erase_here(key, value); !gone) return gone;
    ++erased;
  }
  if (erased == 0) return missing();
  return {};
}

}  // namespace peerq::storage
