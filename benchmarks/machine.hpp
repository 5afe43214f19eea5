#pragma once
// What the machine and this process are.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>

namespace peerq::bench {

/// Processor, memory, disk of `data`, system, compiler, libraries, in one line.
std::string machine_facts(const std::filesystem::path& data);

/// A number of /proc/self/status, e.g. "RssAnon" in KiB or "Threads". **Errors** throws CannotMeasure.
std::uint64_t process_status(const std::string& field);

/// The sum of the sizes of the files below a folder, and of the blocks that they take.
struct FolderSize {
  std::uint64_t bytes = 0;
  std::uint64_t allocated = 0;
};
FolderSize folder_size(const std::filesystem::path& folder);

/// Whether the folder is on a file system that lives in memory, where syncing costs nothing.
bool in_memory(const std::filesystem::path& folder);

}  // namespace peerq::bench
