#include "storage/lmdb_environment.hpp"

#include <fmt/format.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "checksum/checksum.hpp"
#include "peerq/base/plant.hpp"
#include "peerq/engine/layout.hpp"

namespace peerq::storage {

namespace {

/// LMDB writes a full disk's short write as EIO: with less than this left it is taken for a full disk.
constexpr std::uint64_t full_below_bytes = 256 * 1024;
constexpr std::uint64_t map_size_least = std::uint64_t{64} << 20;
/// Two snapshots of all shards and the cold payloads that pin older ones.
constexpr unsigned readers_max = 254;
/// LMDB's own table, which names the others, and the key of ours in it.
constexpr MDB_dbi main_table = 1;
constexpr std::string_view commit_key = "commit";

errc code_of(int code) noexcept {
  switch (code) {
    case ENOSPC:
    case EDQUOT:
    case MDB_MAP_FULL: return errc::storage_full;
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_INVALID:
    case MDB_BAD_TXN:
    case MDB_CURSOR_FULL:
    case MDB_INCOMPATIBLE:
    case MDB_NOTFOUND: return errc::corrupt;
    case MDB_VERSION_MISMATCH: return errc::version_mismatch;
    default: return errc::node_failed;
  }
}

bool disk_is_full(int descriptor) noexcept {
  struct statvfs facts {};
  if (fstatvfs(descriptor, &facts) != 0) return false;
  return facts.f_bavail * facts.f_frsize < full_below_bytes;
}

}  // namespace

Error lmdb_error(int code, std::string_view what) {
  return {code_of(code), fmt::format("{}: {}", what, mdb_strerror(code))};
}

LmdbEnvironment::LmdbEnvironment(MDB_env* environment, const Options& options)
    : keep_alive_(options.keep_alive),
      environment_(environment),
      folder_(options.folder),
      process_(getpid()) {}

LmdbEnvironment::~LmdbEnvironment() {
  // In a fork the parent owns it: LMDB's lock file must not be touched from here.
  if (process_ == getpid()) mdb_env_close(environment_);
}

Result<std::shared_ptr<LmdbEnvironment>> LmdbEnvironment::open(const Options& options) {
  const std::string file = options.folder + "/data.mdb";
  auto guard = PageGuard::open(file);
  if (!guard) return std::move(guard).error();
  if (*guard != nullptr && !PEERQ_PLANTED(checksum_skipped)) {
    if (auto good = (*guard)->check_start(options.check_all); !good) return std::move(good).error();
  }
  for (std::uint64_t map_size = options.map_size;; map_size /= 2) {
    MDB_env* environment = nullptr;
    int code = mdb_env_create(&environment);
    if (code != 0) return lmdb_error(code, options.folder);
    mdb_env_set_maxdbs(environment, options.tables_max);
    mdb_env_set_maxreaders(environment, readers_max);
    mdb_env_set_mapsize(environment, map_size);
    code = mdb_env_open(environment, options.folder.c_str(), MDB_NOTLS, 0600);
    if (code == ENOMEM && map_size / 2 >= map_size_least) {  // a limit on address space
      mdb_env_close(environment);
      continue;
    }
    if (code != 0) {
      mdb_env_close(environment);
      return lmdb_error(code, options.folder);
    }
    std::shared_ptr<LmdbEnvironment> opened(new LmdbEnvironment(environment, options));
    mdb_env_get_fd(environment, &opened->descriptor_);
    MDB_stat facts{};
    mdb_env_stat(environment, &facts);
    opened->page_size_ = facts.ms_psize;
    opened->check_readers();
    if (*guard == nullptr) guard = PageGuard::open(file);
    if (!guard) return std::move(guard).error();
    opened->guard_ = std::move(*guard);
    return opened;
  }
}

Result<void> LmdbEnvironment::made_by_this_process() const {
  if (process_ == getpid()) return {};
  return Error(errc::forked);
}

Result<LmdbTransaction> LmdbEnvironment::begin_write() {
  if (auto made = made_by_this_process(); !made) return std::move(made).error();
  MDB_txn* transaction = nullptr;
  const int code = mdb_txn_begin(environment_, nullptr, 0, &transaction);
  if (code != 0) return lmdb_error(code, folder_);
  return LmdbTransaction(transaction);
}

Result<LmdbTransaction> LmdbEnvironment::begin_read() const {
  if (auto made = made_by_this_process(); !made) return std::move(made).error();
  MDB_txn* transaction = nullptr;
  const int code = mdb_txn_begin(environment_, nullptr, MDB_RDONLY, &transaction);
  if (code != 0) return lmdb_error(code, folder_);
  return LmdbTransaction(transaction);
}

Result<MDB_dbi> LmdbEnvironment::table(const LmdbTransaction& transaction, const std::string& name,
                                       bool create) {
  MDB_dbi handle = 0;
  int code = mdb_dbi_open(transaction.get(), name.c_str(), 0, &handle);
  if (code == MDB_NOTFOUND && create) {
    code = mdb_dbi_open(transaction.get(), name.c_str(), MDB_CREATE, &handle);
    created_ = true;
  }
  if (code == MDB_NOTFOUND) return MDB_dbi{0};
  if (code != 0) return lmdb_error(code, folder_ + ", table " + name);
  names_.resize(std::max<std::size_t>(names_.size(), handle + 1));
  names_[handle] = name;
  return handle;
}

/// The transaction's id and what the tables hold: LMDB has no checksum over its own facts.
std::string LmdbEnvironment::commit_record(const LmdbTransaction& transaction, std::uint64_t contents) const {
  std::uint64_t sum = 0;
  for (MDB_dbi handle = main_table + 1; handle < names_.size(); ++handle) {
    MDB_stat facts{};
    if (mdb_stat(transaction.get(), handle, &facts) != 0) continue;
    std::string numbers;
    engine::RowWriter writer(numbers);
    writer.field(static_cast<std::uint64_t>(facts.ms_entries));
    writer.field(static_cast<std::uint64_t>(facts.ms_branch_pages));
    writer.field(static_cast<std::uint64_t>(facts.ms_leaf_pages));
    writer.field(static_cast<std::uint64_t>(facts.ms_overflow_pages));
    writer.field(std::uint32_t{facts.ms_depth});
    sum ^= checksum(checksum(0, as_bytes(names_[handle])), as_bytes(numbers));
  }
  std::string record;
  engine::RowWriter writer(record);
  writer.field(static_cast<std::uint64_t>(mdb_txn_id(transaction.get())));
  writer.field(sum);
  writer.field(contents);
  return record;
}

Result<void> LmdbEnvironment::commit_opening(LmdbTransaction transaction, const Contents& contents) {
  if (created_) {
    // Only a new file lacks tables: in one that was committed to, a name is damaged.
    MDB_val key = lmdb_value(as_bytes(commit_key));
    MDB_val value{};
    const int code = mdb_get(transaction.get(), main_table, &key, &value);
    if (code != MDB_NOTFOUND) return Error(errc::corrupt, folder_ + "/data.mdb: a table is missing");
    Error error;
    return commit(std::move(transaction), 0, error) == CommitEnd::durable ? Result<void>()
                                                                          : Result<void>(error);
  }
  // It changed nothing; an abort would close the handles.
  if (const int code = mdb_txn_commit(transaction.release()); code != 0) return lmdb_error(code, folder_);
  auto reader = begin_read();
  if (!reader) return std::move(reader).error();
  const auto found = contents(*reader);
  if (!found) return found.error();
  const std::string expected = commit_record(*reader, *found);
  MDB_val key = lmdb_value(as_bytes(commit_key));
  MDB_val value{};
  const int code = mdb_get(reader->get(), main_table, &key, &value);
  const bool same = code == 0 && as_text(bytes_of(value)) == expected;
  if (same || PEERQ_PLANTED(checksum_skipped)) return {};
  return Error(errc::corrupt, folder_ + "/data.mdb: is not what the last commit left");
}

CommitEnd LmdbEnvironment::commit(LmdbTransaction transaction, std::uint64_t contents, Error& error) {
  const std::string record = commit_record(transaction, contents);
  MDB_val key = lmdb_value(as_bytes(commit_key));
  MDB_val value = lmdb_value(as_bytes(record));
  int code = mdb_put(transaction.get(), main_table, &key, &value, 0);
  if (code == 0) {
    code = mdb_txn_commit(transaction.release());  // durable: data pages, then the page that names them
  } else {
    transaction = LmdbTransaction();
  }
  if (code == 0) return CommitEnd::durable;
  error = lmdb_error(code, folder_);
  // LMDB writes data pages, syncs them, then writes the meta page through a synchronous descriptor. A failure
  // at the last step poisons the environment (mdb_env_write_meta sets MDB_FATAL_ERROR); at an earlier one no
  // page that anything refers to was touched, and the transaction was aborted.
  MDB_txn* probe = nullptr;
  if (mdb_txn_begin(environment_, nullptr, 0, &probe) != 0) return CommitEnd::failed;
  mdb_txn_abort(probe);
  const bool full = code_of(code) == errc::storage_full || (code == EIO && disk_is_full(descriptor_));
  return full ? CommitEnd::full : CommitEnd::failed;
}

Result<std::vector<PageTree>> LmdbEnvironment::trees(std::uint64_t commit) const {
  auto named = guard_->trees(commit);
  if (!named) return std::move(named).error();
  std::vector<PageTree> out(names_.size());
  for (std::size_t handle = 0; handle < names_.size(); ++handle) {
    const auto at = named->find(names_[handle]);
    if (at != named->end()) out[handle] = at->second;
  }
  return out;
}

Result<LmdbPages> LmdbEnvironment::pages(const LmdbTransaction& transaction) const {
  LmdbPages out;
  out.size = page_size_;
  std::uint64_t used = 2;                                       // the meta pages
  for (MDB_dbi handle = 0; handle < names_.size(); ++handle) {  // 0 and 1 are LMDB's own
    MDB_stat facts{};
    if (mdb_stat(transaction.get(), handle, &facts) != 0) continue;
    used += facts.ms_branch_pages + facts.ms_leaf_pages + facts.ms_overflow_pages;
  }
  MDB_envinfo info{};
  if (const int code = mdb_env_info(environment_, &info); code != 0) return lmdb_error(code, folder_);
  out.end_bytes = (info.me_last_pgno + 1) * page_size_;
  out.live_bytes = std::min(out.end_bytes, used * page_size_);
  return out;
}

void LmdbEnvironment::check_readers() noexcept {
  int dead = 0;
  mdb_reader_check(environment_, &dead);
}

}  // namespace peerq::storage
