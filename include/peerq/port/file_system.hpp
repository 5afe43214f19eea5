#pragma once
// What must be asked of the file system before data is put on it. Implementations: the system's (lib/storage)
// and the tests', which plays a network file system or a full disk.

#include <cstdint>
#include <string>

#include "peerq/base/result.hpp"

namespace peerq::port {

struct FileSystemFacts {
  /// `statfs` type number.
  std::uint64_t type = 0;
  bool network = false;
  bool read_only = false;
  std::uint64_t free_bytes = 0;
};

/// **Thread** any.
class FileSystem {
 public:
  virtual ~FileSystem() = default;
  /// Facts about the file system that holds `path`. **Errors** data_dir_unsupported.
  virtual Result<FileSystemFacts> facts(const std::string& path) = 0;
  /// Bytes that may still be written to the file system of an open file, wherever its name leads by now.
  /// **Errors** data_dir_unsupported.
  virtual Result<std::uint64_t> free_bytes(int descriptor) = 0;
  /// Reserves blocks for [0, size) of the file without changing its length. **Errors** storage_full,
  /// not_supported (the file system cannot; the caller goes on without).
  virtual Result<void> preallocate(int descriptor, std::uint64_t size) = 0;
};

}  // namespace peerq::port
