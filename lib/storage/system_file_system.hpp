#pragma once
// The file system port on Linux: statfs and fallocate.

#include "peerq/port/file_system.hpp"

namespace peerq::storage {

/// **Thread** any.
class SystemFileSystem final : public port::FileSystem {
 public:
  Result<port::FileSystemFacts> facts(const std::string& path) override;
  Result<std::uint64_t> free_bytes(int descriptor) override;
  Result<void> preallocate(int descriptor, std::uint64_t size) override;
};

/// The name of a network file system by its `statfs` type number, or null. What is called local here keeps
/// its own pages: LMDB's memory map and locks work on it.
const char* network_file_system(std::uint64_t type) noexcept;

}  // namespace peerq::storage
