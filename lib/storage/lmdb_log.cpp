#include "storage/lmdb_log.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "peerq/base/assert.hpp"
#include "peerq/engine/layout.hpp"

namespace peerq::storage {

namespace {

/// Of a shard's trimmed records, removed in one commit: a commit must not wait for a long trim.
constexpr std::size_t trim_records_max = 512;
constexpr std::size_t trim_bytes_max = std::size_t{8} << 20;
/// Records read in one read transaction: a long one would keep the writer from using freed pages again.
constexpr std::size_t read_records_max = 256;
/// Pages that a commit touches besides the records' own: roots, branches, the free list.
constexpr std::uint64_t commit_pages = 12;
constexpr std::uint64_t commit_pages_per_shard = 6;

std::array<std::byte, 8> index_key(LogIndex index) noexcept {
  std::array<std::byte, 8> key{};
  for (std::size_t i = 0; i < 8; ++i) key[i] = static_cast<std::byte>(index.value >> (56 - 8 * i));
  return key;
}

std::array<std::byte, 4> shard_key(ShardId shard) noexcept {
  std::array<std::byte, 4> key{};
  for (std::size_t i = 0; i < 4; ++i) key[i] = static_cast<std::byte>(shard.value >> (24 - 8 * i));
  return key;
}

std::optional<LogIndex> index_of(const MDB_val& key) noexcept {
  if (key.mv_size != 8) return std::nullopt;
  std::uint64_t index = 0;
  for (const std::byte part : bytes_of(key)) index = (index << 8) | std::to_integer<std::uint64_t>(part);
  return LogIndex(index);
}

std::string named(ShardId shard) { return fmt::format("log of shard {}", shard.value); }

Error damaged(ShardId shard, LogIndex index) {
  return {errc::corrupt,
          fmt::format("{}: record {} is missing or does not match its checksum", named(shard), index.value)};
}

/// The value of a key, or none. **Errors** what LMDB says.
Result<std::optional<Bytes>> get(const LmdbTransaction& transaction, MDB_dbi table, Bytes key) {
  MDB_val lmdb_key = lmdb_value(key);
  MDB_val value{};
  const int code = mdb_get(transaction.get(), table, &lmdb_key, &value);
  if (code == MDB_NOTFOUND) return std::optional<Bytes>();
  if (code != 0) return lmdb_error(code, "log");
  return std::optional<Bytes>(bytes_of(value));
}

constexpr std::string_view identity_key = "identity";

}  // namespace

Result<std::unique_ptr<LmdbLog>> LmdbLog::open(const LmdbEnvironment::Options& options, DiskSpace& space) {
  auto environment = LmdbEnvironment::open(options);
  if (!environment) return std::move(environment).error();
  std::unique_ptr<LmdbLog> log(new LmdbLog(std::move(*environment), space));
  if (auto opened = log->open_tables(); !opened) return std::move(opened).error();
  space.attach(DataFile::log, log->environment_->descriptor());
  log->report_pages();
  return log;
}

Result<void> LmdbLog::open_tables() {
  auto transaction = environment_->begin_write();
  if (!transaction) return std::move(transaction).error();
  const auto open = [&](const std::string& name, MDB_dbi& handle) -> Result<void> {
    auto opened = environment_->table(*transaction, name, true);
    if (!opened) return std::move(opened).error();
    handle = *opened;
    return {};
  };
  for (std::uint32_t shard = 0; shard < shards; ++shard) {
    if (auto opened = open(fmt::format("{}.records", shard), records_[shard]); !opened) return opened;
  }
  if (auto opened = open("hard_states", hard_states_); !opened) return opened;
  if (auto opened = open("snapshots", snapshots_); !opened) return opened;
  if (auto opened = open("identity", identity_); !opened) return opened;
  for (std::uint32_t shard = 0; shard < shards; ++shard) {
    auto found = state_in(*transaction, ShardId(shard));
    if (!found) return std::move(found).error();
    tails_[shard] = {LogIndex(1), found->first, found->last};
  }
  return environment_->commit_opening(std::move(*transaction),
                                      [this](const LmdbTransaction& reader) { return contents(reader); });
}

/// Over the rows that are changed in place, which an older page would bring back: terms and votes above all.
/// Records never change, but an older page may end with an older one: the last of each shard counts too.
Result<std::uint64_t> LmdbLog::contents(const LmdbTransaction& transaction) const {
  std::uint64_t sum = 0;
  // Each value begins with its checksum.
  const auto add_value = [&sum](Bytes value) {
    std::uint64_t its_own = 0;
    engine::RowReader(value.first(std::min<std::size_t>(8, value.size()))).field(its_own);
    sum ^= its_own;
  };
  const auto add = [&](MDB_dbi table, Bytes key) -> Result<void> {
    auto value = get(transaction, table, key);
    if (!value) return std::move(value).error();
    if (*value) add_value(**value);
    return {};
  };
  for (std::uint32_t shard = 0; shard < shards; ++shard) {
    const auto key = shard_key(ShardId(shard));
    if (auto added = add(hard_states_, key); !added) return std::move(added).error();
    if (auto added = add(snapshots_, key); !added) return std::move(added).error();
    LmdbCursor cursor;
    MDB_val last{};
    MDB_val value{};
    int code = cursor.open(transaction.get(), records_[shard]);
    if (code == 0) code = mdb_cursor_get(cursor.get(), &last, &value, MDB_LAST);
    if (code == 0) add_value(bytes_of(value));
    if (code != 0 && code != MDB_NOTFOUND) return lmdb_error(code, named(ShardId(shard)));
  }
  if (auto added = add(identity_, as_bytes(identity_key)); !added) return std::move(added).error();
  return sum;
}

Result<std::optional<DirectoryIdentity>> LmdbLog::identity() {
  auto transaction = environment_->begin_read();
  if (!transaction) return std::move(transaction).error();
  auto value = get(*transaction, identity_, as_bytes(identity_key));
  if (!value) return std::move(value).error();
  if (!*value) return std::optional<DirectoryIdentity>();
  auto identity = read_identity(**value);
  if (!identity) return Error(errc::corrupt, "log: the directory's identity does not match its checksum");
  return identity;
}

Result<port::ShardLogState> LmdbLog::state(ShardId shard) {
  auto transaction = environment_->begin_read();
  if (!transaction) return std::move(transaction).error();
  return state_in(*transaction, shard);
}

Result<port::ShardLogState> LmdbLog::state_in(const LmdbTransaction& transaction, ShardId shard) const {
  port::ShardLogState out;
  if (shard.value >= shards) return out;
  const auto key = shard_key(shard);
  auto hard = get(transaction, hard_states_, key);
  if (!hard) return std::move(hard).error();
  auto snapshot = get(transaction, snapshots_, key);
  if (!snapshot) return std::move(snapshot).error();
  if (*hard) {
    const auto read = read_hard_state(shard, **hard);
    if (!read) return Error(errc::corrupt, named(shard) + ": term and vote do not match their checksum");
    out.hard = *read;
  }
  if (*snapshot) {
    const auto read = read_snapshot_meta(shard, **snapshot);
    if (!read) return Error(errc::corrupt, named(shard) + ": snapshot metadata do not match their checksum");
    out.snapshot = *read;
  }
  out.first = next(out.snapshot.index);
  out.last = out.snapshot.index;
  out.last_term = out.snapshot.term;
  LmdbCursor cursor;
  MDB_val last{};
  MDB_val value{};
  int code = cursor.open(transaction.get(), records_[shard.value]);
  if (code == 0) code = mdb_cursor_get(cursor.get(), &last, &value, MDB_LAST);
  if (code == MDB_NOTFOUND) return out;
  if (code != 0) return lmdb_error(code, named(shard));
  const auto index = index_of(last);
  if (!index) return damaged(shard, LogIndex(0));
  if (*index <= out.snapshot.index) return out;  // trimmed, not yet removed
  const auto term = read_record_term(shard, *index, bytes_of(value));
  if (!term) return damaged(shard, *index);
  out.last = *index;
  out.last_term = *term;
  return out;
}

Result<void> LmdbLog::create(const DirectoryIdentity& identity, const std::vector<port::LogWrite>& writes) {
  return commit_with(writes, &identity);
}

Result<void> LmdbLog::commit(const std::vector<port::LogWrite>& writes) {
  auto done = commit_with(writes, nullptr);
  const bool again = done || done.error() == errc::storage_full || done.error() == errc::forked;
  if (!again) failed_ = true;
  return done;
}

std::uint64_t LmdbLog::size_of(const std::vector<port::LogWrite>& writes) const {
  const std::uint64_t page = environment_->page_size();
  std::uint64_t pages = commit_pages + commit_pages_per_shard * writes.size();
  for (const port::LogWrite& write : writes) {
    for (const port::LogRecord& record : write.records) {
      const std::uint64_t size = record_header_size + record.body.size() + 34;
      pages += size * 2 <= page ? 1 : (size + page - 1) / page + 1;
    }
    if (write.snapshot) pages += write.snapshot->configuration.size() / page;
  }
  return pages * page;
}

Result<void> LmdbLog::commit_with(const std::vector<port::LogWrite>& writes,
                                  const DirectoryIdentity* identity) {
  if (failed_) return Error(errc::node_failed, environment_->folder() + ": an earlier write failed");
  if (!space_->prepare(DataFile::log, size_of(writes))) {
    return Error(errc::storage_full, environment_->folder());
  }
  auto transaction = environment_->begin_write();
  if (!transaction) return std::move(transaction).error();
  Tails tails = tails_;
  for (const port::LogWrite& one : writes) {
    PEERQ_ASSERT(one.shard.value < shards);
    if (auto written = write(*transaction, one, tails[one.shard.value]); !written) return written;
  }
  for (std::uint32_t shard = 0; shard < shards; ++shard) {
    if (auto trimmed = trim(*transaction, ShardId(shard), tails[shard]); !trimmed) return trimmed;
  }
  if (identity != nullptr) {
    auto stored = put(*transaction, identity_, as_bytes(identity_key), as_bytes(write_identity(*identity)));
    if (!stored) return stored;
  }
  auto sum = contents(*transaction);
  if (!sum) return std::move(sum).error();
  Error error;
  const CommitEnd end =
      environment_->commit(std::move(*transaction), *sum, error);  // durable: the log's only commit
  if (end == CommitEnd::full) return Error(errc::storage_full, error.detail);
  if (end == CommitEnd::failed) return Error(errc::node_failed, error.detail);
  tails_ = tails;
  report_pages();
  return {};
}

Result<void> LmdbLog::put(const LmdbTransaction& transaction, MDB_dbi table, Bytes key, Bytes value) {
  MDB_val lmdb_key = lmdb_value(key);
  MDB_val data = lmdb_value(value);
  const int code = mdb_put(transaction.get(), table, &lmdb_key, &data, 0);
  if (code != 0) return lmdb_error(code, environment_->folder());
  return {};
}

Result<void> LmdbLog::write(const LmdbTransaction& transaction, const port::LogWrite& write, Tail& tail) {
  if (write.cut_from && *write.cut_from <= tail.last) {
    if (auto done = cut(transaction, write.shard, *write.cut_from, tail); !done) return done;
  }
  if (!write.records.empty()) {
    if (auto done = append(transaction, write, tail); !done) return done;
  }
  if (write.hard) {
    const std::string value = write_hard_state(write.shard, *write.hard);
    if (auto done = put(transaction, hard_states_, shard_key(write.shard), as_bytes(value)); !done)
      return done;
  }
  return write.snapshot ? record_snapshot(transaction, write, tail) : Result<void>();
}

Result<void> LmdbLog::cut(const LmdbTransaction& transaction, ShardId shard, LogIndex from, Tail& tail) {
  PEERQ_ASSERT(from >= tail.first);
  LmdbCursor cursor;
  int code = cursor.open(transaction.get(), records_[shard.value]);
  while (code == 0 && tail.last >= from) {
    MDB_val key{};
    MDB_val value{};
    code = mdb_cursor_get(cursor.get(), &key, &value, MDB_LAST);
    if (code == 0 && index_of(key) != tail.last) return damaged(shard, tail.last);
    if (code == 0) code = mdb_cursor_del(cursor.get(), 0);
    tail.last = LogIndex(tail.last.value - 1);
  }
  if (code != 0) return lmdb_error(code, named(shard));
  return {};
}

Result<void> LmdbLog::append(const LmdbTransaction& transaction, const port::LogWrite& write, Tail& tail) {
  LmdbCursor cursor;
  int code = cursor.open(transaction.get(), records_[write.shard.value]);
  for (const port::LogRecord& record : write.records) {
    PEERQ_ASSERT(record.index == next(tail.last));
    const auto key = index_key(record.index);
    MDB_val lmdb_key = lmdb_value(key);
    MDB_val room{record_header_size + record.body.size(), nullptr};
    if (code == 0) code = mdb_cursor_put(cursor.get(), &lmdb_key, &room, MDB_APPEND | MDB_RESERVE);
    if (code != 0) return lmdb_error(code, named(write.shard));
    write_record(write.shard, record, {static_cast<std::byte*>(room.mv_data), room.mv_size});
    tail.last = record.index;
  }
  return {};
}

Result<void> LmdbLog::record_snapshot(const LmdbTransaction& transaction, const port::LogWrite& write,
                                      Tail& tail) {
  PEERQ_ASSERT(next(write.snapshot->index) >= tail.first);
  const std::string value = write_snapshot_meta(write.shard, *write.snapshot);
  if (auto done = put(transaction, snapshots_, shard_key(write.shard), as_bytes(value)); !done) return done;
  tail.first = std::max(tail.first, next(write.snapshot->index));
  tail.last = std::max(tail.last, write.snapshot->index);
  return {};
}

Result<void> LmdbLog::trim(const LmdbTransaction& transaction, ShardId shard, Tail& tail) {
  if (tail.stored >= tail.first) return {};
  LmdbCursor cursor;
  int code = cursor.open(transaction.get(), records_[shard.value]);
  std::size_t bytes = 0;
  for (std::size_t count = 0; code == 0 && count < trim_records_max && bytes < trim_bytes_max; ++count) {
    MDB_val key{};
    MDB_val value{};
    code = mdb_cursor_get(cursor.get(), &key, &value, MDB_FIRST);
    if (code != 0) break;
    const auto index = index_of(key);
    if (!index) return damaged(shard, tail.stored);
    tail.stored = *index;
    if (*index >= tail.first) return {};
    bytes += value.mv_size;
    code = mdb_cursor_del(cursor.get(), 0);
  }
  if (code == MDB_NOTFOUND) {
    tail.stored = tail.first;
    return {};
  }
  if (code != 0) return lmdb_error(code, named(shard));
  return {};
}

Result<void> LmdbLog::read(ShardId shard, LogIndex first, LogIndex last, Visitor visit) {
  while (first <= last) {
    auto transaction = environment_->begin_read();
    if (!transaction) return std::move(transaction).error();
    auto known = state_in(*transaction, shard);
    if (!known) return std::move(known).error();
    if (first < known->first || last > known->last) return damaged(shard, first);
    LmdbCursor cursor;
    int code = cursor.open(transaction->get(), records_[shard.value]);
    const auto start = index_key(first);
    MDB_val key = lmdb_value(start);
    MDB_val value{};
    if (code == 0) code = mdb_cursor_get(cursor.get(), &key, &value, MDB_SET_KEY);
    for (std::size_t count = 0; code == 0 && count < read_records_max && first <= last; ++count) {
      std::optional<port::LogRecord> record;
      if (index_of(key) == first) record = read_record(shard, first, bytes_of(value));
      if (!record) return damaged(shard, first);
      if (auto visited = visit(*record); !visited) return visited;
      first = next(first);
      if (first <= last) code = mdb_cursor_get(cursor.get(), &key, &value, MDB_NEXT);
    }
    if (code == MDB_NOTFOUND) return damaged(shard, first);
    if (code != 0) return lmdb_error(code, named(shard));
  }
  return {};
}

port::LogUsage LmdbLog::usage() const {
  return {space_->end_bytes(DataFile::log), space_->live_bytes(DataFile::log)};
}

void LmdbLog::report_pages() {
  auto transaction = environment_->begin_read();
  if (!transaction) return;  // the figures stay a little old
  if (auto pages = environment_->pages(*transaction)) {
    space_->committed(DataFile::log, pages->end_bytes, pages->live_bytes);
  }
}

}  // namespace peerq::storage
