#include "storage/row_sum_check.hpp"

#include "peerq/base/plant.hpp"
#include "peerq/engine/tables.hpp"
#include "storage/page_view.hpp"
#include "storage/row_seal.hpp"

namespace peerq::storage {

namespace {

bool begins_with(const MDB_val& key, Bytes prefix) noexcept {
  return as_text(bytes_of(key)).starts_with(as_text(prefix));
}

/// The least key that may stand in a bucket; LMDB has no empty keys.
Bytes least_key(Bytes prefix) noexcept {
  static constexpr std::byte zero{0};
  return prefix.empty() ? Bytes(&zero, 1) : prefix;
}

[[noreturn]] void damaged(ShardId shard, engine::TableId table) {
  throw engine::TablesFailure{
      Error(errc::corrupt,
            table_text(shard, table) + ": rows are missing, or older than the last that were written")};
}

}  // namespace

bool RowSumCheck::move(ShardId shard, engine::TableId table, Place& place, MDB_val& key, MDB_val& value,
                       MDB_cursor_op how) {
  const MDB_dbi handle = tables_->handle(shard, table);
  if (auto good = environment_->guard().check_key((*trees_)[handle], bytes_of(key), place.seen); !good) {
    throw engine::TablesFailure{std::move(good).error()};
  }
  int code = place.cursor.get() != nullptr ? 0 : place.cursor.open(transaction_, handle);
  if (code == 0) code = mdb_cursor_get(place.cursor.get(), &key, &value, how);
  if (code != 0 && code != MDB_NOTFOUND)
    throw engine::TablesFailure{lmdb_error(code, table_text(shard, table))};
  return code == 0;
}

void RowSumCheck::cover(ShardId shard, engine::TableId table, Bytes from, std::optional<Bytes> found) {
  const auto size = bucket_size(table);
  if (!size || PEERQ_PLANTED(checksum_skipped)) return;
  bucket_key(table, *size, from, first_);
  if (found) {
    bucket_key(table, *size, *found, last_);
    need(shard, last_);
    if (first_ == last_) return;
  }
  cover_between(shard, table, !found);
}

/// There are no rows from `first_` up to `last_` or the end, but for those of the first bucket that lie
/// before: no sum may know of others.
void RowSumCheck::cover_between(ShardId shard, engine::TableId table, bool to_the_end) {
  Place place;
  MDB_val key = lmdb_value(as_bytes(first_));
  MDB_val value{};
  const auto inside = [&] {
    if (bytes_of(key)[0] != static_cast<std::byte>(table)) return false;
    return to_the_end || key_order(bytes_of(key), as_bytes(last_)) < 0;
  };
  for (bool more = move(shard, sums_table, place, key, value, MDB_SET_RANGE); more && inside();
       more = move(shard, sums_table, place, key, value, MDB_NEXT)) {
    need(shard, std::string(as_text(bytes_of(key))));
  }
}

void RowSumCheck::need(ShardId shard, const std::string& bucket) {
  const auto table = static_cast<engine::TableId>(bucket[0]);
  std::string& latest = latest_[tables_->handle(shard, table)];
  if (latest == bucket) return;
  name_.assign(1, static_cast<char>(shard.value));
  name_ += bucket;
  if (!known_->contains(name_)) {
    if (rows_of(shard, table, as_bytes(bucket).subspan(1)) != sum_of(shard, bucket)) damaged(shard, table);
    known_->add(name_);
  }
  latest = bucket;
}

RowSum RowSumCheck::rows_of(ShardId shard, engine::TableId table, Bytes prefix) {
  RowSum sum;
  Place place;
  MDB_val key = lmdb_value(least_key(prefix));
  MDB_val value{};
  for (bool more = move(shard, table, place, key, value, MDB_SET_RANGE); more && begins_with(key, prefix);
       more = move(shard, table, place, key, value, MDB_NEXT)) {
    sum.add(bytes_of(value));
  }
  return sum;
}

RowSum RowSumCheck::sum_of(ShardId shard, const std::string& bucket) {
  RowSum sum;
  Place place;
  MDB_val key = lmdb_value(as_bytes(bucket));
  MDB_val value{};
  if (!move(shard, sums_table, place, key, value, MDB_SET_KEY)) return sum;
  const auto row = open_row(shard, sums_table, as_bytes(bucket), bytes_of(value));
  if (!row || !engine::decode_row<RowSum>(*row, sum)) damaged(shard, sums_table);
  return sum;
}

}  // namespace peerq::storage
