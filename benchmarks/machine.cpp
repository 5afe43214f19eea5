#include "machine.hpp"

#include <fmt/format.h>
#include <linux/magic.h>
#include <lmdb.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <fstream>
#include <thread>

#include "session.hpp"

namespace peerq::bench {

namespace {

/// What follows `name` and a colon in a file of lines such as /proc/cpuinfo; empty when it is not there.
std::string field_of(const std::string& file, const std::string& name) {
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos || line.rfind(name, 0) != 0) continue;
    const std::size_t begin = line.find_first_not_of(" \t", colon + 1);
    return begin == std::string::npos ? std::string() : line.substr(begin);
  }
  return {};
}

#ifdef __clang__
constexpr const char* compiler = "compiler";
#else
constexpr const char* compiler = "g++";
#endif

std::string file_system_of(const std::filesystem::path& folder) {
  struct statfs facts {};
  if (statfs(folder.c_str(), &facts) != 0) return "unknown file system";
  switch (static_cast<std::uint64_t>(facts.f_type)) {
    case EXT4_SUPER_MAGIC: return "ext4";
    case XFS_SUPER_MAGIC: return "xfs";
    case BTRFS_SUPER_MAGIC: return "btrfs";
    case TMPFS_MAGIC: return "tmpfs (memory)";
    case OVERLAYFS_SUPER_MAGIC: return "overlayfs";
    default: return fmt::format("file system {:#x}", facts.f_type);
  }
}

}  // namespace

std::string machine_facts(const std::filesystem::path& data) {
  utsname system{};
  uname(&system);
  const double memory =
      static_cast<double>(sysconf(_SC_PHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGESIZE));
  return fmt::format("{} x {}, {:.0f} GiB, {}, {} {}, {} {}, LMDB {}.{}.{}, SQLite {}",
                     std::thread::hardware_concurrency(), field_of("/proc/cpuinfo", "model name"),
                     memory / (1 << 30), file_system_of(data), system.sysname, system.release, compiler,
                     __VERSION__, MDB_VERSION_MAJOR, MDB_VERSION_MINOR, MDB_VERSION_PATCH,
                     sqlite3_libversion());
}

std::uint64_t process_status(const std::string& field) {
  const std::string text = field_of("/proc/self/status", field);
  if (text.empty()) throw CannotMeasure("/proc/self/status has no " + field);
  return std::stoull(text);
}

FolderSize folder_size(const std::filesystem::path& folder) {
  FolderSize sum;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    struct stat facts {};
    if (!entry.is_regular_file() || stat(entry.path().c_str(), &facts) != 0) continue;
    sum.bytes += static_cast<std::uint64_t>(facts.st_size);
    sum.allocated += static_cast<std::uint64_t>(facts.st_blocks) * 512;
  }
  return sum;
}

bool in_memory(const std::filesystem::path& folder) {
  struct statfs facts {};
  return statfs(folder.c_str(), &facts) == 0 && static_cast<std::uint64_t>(facts.f_type) == TMPFS_MAGIC;
}

}  // namespace peerq::bench
