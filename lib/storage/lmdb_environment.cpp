#include "storage/lmdb_environment.hpp"

#include <fmt/format.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>

namespace peerq::storage {

namespace {

/// LMDB writes a full disk's short write as EIO: with less than this left it is taken for a full disk.
constexpr std::uint64_t full_below_bytes = 256 * 1024;
constexpr std::uint64_t map_size_least = std::uint64_t{64} << 20;
/// Two snapshots of all shards and the cold payloads that pin older ones.
constexpr unsigned readers_max = 254;

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
  const int code = mdb_dbi_open(transaction.get(), name.c_str(), create ? MDB_CREATE : 0, &handle);
  if (code != 0) return lmdb_error(code, folder_ + ", table " + name);
  tables_ = std::max(tables_, handle + 1);
  return handle;
}

CommitEnd LmdbEnvironment::commit(LmdbTransaction transaction, Error& error) {
  const int code =
      mdb_txn_commit(transaction.release());  // durable: data pages, then the page that names them
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

Result<LmdbPages> LmdbEnvironment::pages(const LmdbTransaction& transaction) const {
  LmdbPages out;
  out.size = page_size_;
  std::uint64_t used = 2;                                 // the meta pages
  for (MDB_dbi handle = 0; handle < tables_; ++handle) {  // 0 and 1 are LMDB's own
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
