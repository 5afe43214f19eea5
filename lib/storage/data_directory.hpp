#pragma once
// The data directory: whether it can be used at all, its lock, and its files.
//
//   <directory>/FORMAT         "peerq 2\n", written last: the directory is complete
//   <directory>/LOCK           locked while open; holds the holder's process id
//   <directory>/log/data.mdb   log/lock.mdb      the log environment
//   <directory>/state/data.mdb state/lock.mdb    the state environment
//
// Nothing is written before the directory was found usable. A crash during creation leaves no FORMAT: the
// next open begins anew, unless the log already says who the directory is. **Source** docs/formats.md, log
// directory.

#include <cstdint>
#include <memory>
#include <string>

#include "peerq/base/result.hpp"
#include "peerq/port/file_system.hpp"

namespace peerq::storage {

/// Holds a directory's LOCK; another opener, in this process too, gets data_dir_locked.
class DirectoryLock {
 public:
  /// **Errors** data_dir_locked, data_dir_unsupported, storage_full.
  static Result<std::shared_ptr<DirectoryLock>> take(const std::string& directory);

  DirectoryLock(const DirectoryLock&) = delete;
  DirectoryLock& operator=(const DirectoryLock&) = delete;
  ~DirectoryLock();

 private:
  explicit DirectoryLock(int descriptor) noexcept;

  int descriptor_;
  int process_;
};

/// What was found at the path.
struct DirectoryFacts {
  /// FORMAT is there, with this number; 0 = no.
  std::uint32_t format = 0;
  bool complete() const noexcept { return format != 0; }
  /// Bytes that the file system still has.
  std::uint64_t free_bytes = 0;
};

/// A data directory's paths and files. **Thread** one at a time.
class DataDirectory {
 public:
  explicit DataDirectory(std::string path) : path_(std::move(path)) {}

  /// Looks, writes nothing. **Errors** data_dir_unsupported, storage_full; the detail says what to do.
  Result<DirectoryFacts> inspect(port::FileSystem& file_system) const;

  /// Makes the directory and those above it, durably.
  Result<void> make() const;

  /// Makes the folders of the environments.
  Result<void> make_folders() const;

  /// Whether the environments hold too much to be the rest of a creation that was cut short.
  bool holds_data() const;

  /// Removes what a creation that was cut short has left in the folders.
  Result<void> remove_leftovers() const;

  /// Syncs files and folders once after creation or an upgrade, then writes FORMAT. **Durable** on return.
  Result<void> complete() const;

  /// Allocates the blocks of LMDB's lock files: their pages are written through a memory map, which on a full
  /// disk would end the process.
  Result<void> allocate_lock_files() const;

  const std::string& path() const noexcept { return path_; }
  std::string log_folder() const { return path_ + "/log"; }
  std::string state_folder() const { return path_ + "/state"; }
  /// Sizes of both data files.
  std::uint64_t data_bytes() const;

 private:
  Result<void> write_format() const;

  std::string path_;
};

}  // namespace peerq::storage
