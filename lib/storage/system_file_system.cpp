#include "storage/system_file_system.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>

#include <cerrno>
#include <cstring>

namespace peerq::storage {

namespace {

std::uint64_t free_of(const struct statvfs& portable) {
  return std::uint64_t{portable.f_bavail} * portable.f_frsize;
}

}  // namespace

const char* network_file_system(std::uint64_t type) noexcept {
  switch (type) {
    case 0x6969: return "NFS";
    case 0x517b: return "SMB";
    case 0xfe534d42: return "SMB2";
    case 0xff534d42: return "CIFS";
    case 0x00c36400: return "CephFS";
    case 0x01021997: return "9P";
    case 0x5346414f:
    case 0x6b414653: return "AFS";
    case 0x73757245: return "Coda";
    case 0x0bd00bd0: return "Lustre";
    case 0x01161970: return "GFS2";
    case 0x7461636f: return "OCFS2";
    case 0x19830326: return "BeeGFS";
    case 0x47504653: return "GPFS";
    case 0x013111a8: return "IBRIX";
    case 0xaad7aaea: return "PanFS";
    case 0x564c: return "NCP";
    case 0x786f4256: return "VirtualBox shared folder";
    default: return nullptr;
  }
}

Result<port::FileSystemFacts> SystemFileSystem::facts(const std::string& path) {
  struct statfs system {};
  struct statvfs portable {};
  if (statfs(path.c_str(), &system) != 0 || statvfs(path.c_str(), &portable) != 0) {
    return Error(errc::data_dir_unsupported, fmt::format("{}: {}", path, std::strerror(errno)));
  }
  port::FileSystemFacts facts;
  facts.type = static_cast<std::uint32_t>(system.f_type);
  facts.network = network_file_system(facts.type) != nullptr;
  facts.read_only = (portable.f_flag & ST_RDONLY) != 0;
  facts.free_bytes = free_of(portable);
  return facts;
}

Result<std::uint64_t> SystemFileSystem::free_bytes(int descriptor) {
  struct statvfs portable {};
  if (fstatvfs(descriptor, &portable) != 0) return Error(errc::data_dir_unsupported, std::strerror(errno));
  return free_of(portable);
}

Result<void> SystemFileSystem::preallocate(int descriptor, std::uint64_t size) {
  while (fallocate(descriptor, FALLOC_FL_KEEP_SIZE, 0, static_cast<off_t>(size)) != 0) {
    if (errno == EINTR) continue;
    if (errno == ENOSPC || errno == EDQUOT || errno == EFBIG) return errc::storage_full;
    return errc::not_supported;
  }
  return {};
}

}  // namespace peerq::storage
