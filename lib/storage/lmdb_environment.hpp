#pragma once
// LMDB behind types that clean up after themselves, and its error codes in our words.
// Rules: the default sync mode only, plain tables, an environment is opened once in a process and never used
// in a fork of it, write transactions begin and end on one thread.

#include <lmdb.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "peerq/base/bytes.hpp"
#include "peerq/base/result.hpp"
#include "storage/page_guard.hpp"

namespace peerq::storage {

inline MDB_val lmdb_value(Bytes bytes) noexcept {
  return {bytes.size(), const_cast<std::byte*>(bytes.data())};  // LMDB does not write to what it is given
}
inline Bytes bytes_of(const MDB_val& value) noexcept {
  return {static_cast<const std::byte*>(value.mv_data), value.mv_size};
}

/// Any failed call but a write transaction's commit. `what` says what was tried.
Error lmdb_error(int code, std::string_view what);

/// A transaction that is aborted unless it was committed.
class LmdbTransaction {
 public:
  LmdbTransaction() = default;
  explicit LmdbTransaction(MDB_txn* transaction) noexcept : transaction_(transaction) {}
  LmdbTransaction(LmdbTransaction&& other) noexcept
      : transaction_(std::exchange(other.transaction_, nullptr)) {}
  LmdbTransaction& operator=(LmdbTransaction&& other) noexcept {
    std::swap(transaction_, other.transaction_);
    return *this;
  }
  ~LmdbTransaction() {
    if (transaction_ != nullptr) mdb_txn_abort(transaction_);
  }

  MDB_txn* get() const noexcept { return transaction_; }
  MDB_txn* release() noexcept { return std::exchange(transaction_, nullptr); }

 private:
  MDB_txn* transaction_ = nullptr;
};

/// A cursor that is closed before its transaction ends.
class LmdbCursor {
 public:
  LmdbCursor() = default;
  LmdbCursor(LmdbCursor&& other) noexcept : cursor_(std::exchange(other.cursor_, nullptr)) {}
  LmdbCursor& operator=(LmdbCursor&& other) noexcept {
    std::swap(cursor_, other.cursor_);
    return *this;
  }
  ~LmdbCursor() { close(); }

  /// LMDB's code.
  int open(MDB_txn* transaction, MDB_dbi table) noexcept {
    close();
    return mdb_cursor_open(transaction, table, &cursor_);
  }
  void close() noexcept {
    if (cursor_ != nullptr) mdb_cursor_close(std::exchange(cursor_, nullptr));
  }
  MDB_cursor* get() const noexcept { return cursor_; }

 private:
  MDB_cursor* cursor_ = nullptr;
};

/// Pages of an environment.
struct LmdbPages {
  std::uint64_t size = 4096;
  /// Bytes up to the end of the last page that was ever used.
  std::uint64_t end_bytes = 0;
  /// Of these, what is not free.
  std::uint64_t live_bytes = 0;
};

/// How a commit ended.
enum class CommitEnd : std::uint8_t {
  durable,
  /// Nothing was changed, the environment is usable.
  full,
  /// Unknown: it must not be used any more.
  failed,
};

/// An open environment: a folder with `data.mdb` and `lock.mdb`.
/// **Thread** transactions of different threads may run side by side, one of them writing.
class LmdbEnvironment {
 public:
  struct Options {
    std::string folder;
    std::uint64_t map_size = 0;
    unsigned tables_max = 0;
    /// Check every page at open; else each before it is first used, by `guard`.
    bool check_all = false;
    /// Held until the environment is closed: the directory's lock.
    std::shared_ptr<void> keep_alive = {};
  };

  /// **Errors** corrupt, version_mismatch, storage_full, node_failed.
  static Result<std::shared_ptr<LmdbEnvironment>> open(const Options& options);

  LmdbEnvironment(const LmdbEnvironment&) = delete;
  LmdbEnvironment& operator=(const LmdbEnvironment&) = delete;
  ~LmdbEnvironment();

  Result<LmdbTransaction> begin_write();
  Result<LmdbTransaction> begin_read() const;

  /// Opens a table, creating it in a write transaction, or gives 0. The handle lives as long as the
  /// environment.
  Result<MDB_dbi> table(const LmdbTransaction& transaction, const std::string& name, bool create);

  /// Commits, with a record of what was committed. `contents` is a checksum over what the caller wants to
  /// find again exactly; of empty tables, 0. `error` says why it did not end durable.
  CommitEnd commit(LmdbTransaction transaction, std::uint64_t contents, Error& error);

  /// `contents` as it is found.
  using Contents = std::function<Result<std::uint64_t>(const LmdbTransaction&)>;

  /// Ends the transaction in which the tables were opened: commits what was created, and checks that what was
  /// found is what the last commit left. **Errors** corrupt, and those of a commit.
  Result<void> commit_opening(LmdbTransaction transaction, const Contents& contents);

  /// Pages of the tables, by handle, as the last commit, which has this id, left them.
  Result<std::vector<PageTree>> trees(std::uint64_t commit) const;
  PageGuard& guard() const noexcept { return *guard_; }

  /// Pages used by the tables that were opened, as the transaction sees them.
  Result<LmdbPages> pages(const LmdbTransaction& transaction) const;

  /// Forgets readers of processes that died.
  void check_readers() noexcept;

  int descriptor() const noexcept { return descriptor_; }
  const std::string& folder() const noexcept { return folder_; }
  std::uint64_t page_size() const noexcept { return page_size_; }
  MDB_env* get() const noexcept { return environment_; }

 private:
  LmdbEnvironment(MDB_env* environment, const Options& options);
  Result<void> made_by_this_process() const;
  std::string commit_record(const LmdbTransaction& transaction, std::uint64_t contents) const;

  std::shared_ptr<void> keep_alive_;
  MDB_env* environment_;
  std::string folder_;
  int descriptor_ = -1;
  int process_ = 0;
  std::uint64_t page_size_ = 4096;
  std::unique_ptr<PageGuard> guard_;
  /// Names by handle.
  std::vector<std::string> names_;
  bool created_ = false;
};

}  // namespace peerq::storage
