#include "storage/data_directory.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <string_view>

#include "storage/log_record.hpp"
#include "storage/system_file_system.hpp"

namespace peerq::storage {

namespace {

constexpr std::uint64_t new_directory_bytes_min = 512 * 1024;
constexpr std::uint64_t leftover_bytes_max = 1024 * 1024;
constexpr std::string_view format_prefix = "peerq ";

Error system_error(int code, const std::string& path, std::string_view what) {
  const bool full = code == ENOSPC || code == EDQUOT;
  return {full ? errc::storage_full : errc::data_dir_unsupported,
          fmt::format("{}: {}: {}", path, what, std::strerror(code))};
}

Error unsupported(const std::string& path, std::string_view what) {
  return {errc::data_dir_unsupported, fmt::format("{}: {}", path, what)};
}

/// A descriptor that is closed at the end.
struct Descriptor {
  int number = -1;
  ~Descriptor() {
    if (number >= 0) close(number);
  }
};

Result<void> sync_path(const std::string& path) {
  const Descriptor file{open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (file.number < 0 || fsync(file.number) != 0) return system_error(errno, path, "cannot be synced");
  return {};
}

std::string parent_of(const std::string& path) {
  std::string out = path;
  while (out.size() > 1 && out.back() == '/') out.pop_back();
  const std::size_t slash = out.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : out.substr(0, slash);
}

bool exists(const std::string& path) {
  struct stat facts {};
  return stat(path.c_str(), &facts) == 0;
}

std::uint64_t size_of(const std::string& path) {
  struct stat facts {};
  return stat(path.c_str(), &facts) == 0 ? static_cast<std::uint64_t>(facts.st_size) : 0;
}

Result<void> make_directory(const std::string& path) {
  if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST)
    return system_error(errno, path, "cannot be created");
  return {};
}

/// Makes what is missing above `path`, durably.
Result<void> make_ancestors(const std::string& path) {
  const std::string parent = parent_of(path);
  if (exists(parent)) return {};
  if (auto made = make_ancestors(parent); !made) return made;
  if (auto made = make_directory(parent); !made) return made;
  return sync_path(parent_of(parent));
}

std::string read_short_file(const std::string& path) {
  const Descriptor file{open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  std::array<char, 64> text{};
  const ssize_t size = file.number < 0 ? 0 : read(file.number, text.data(), text.size());
  return {text.data(), size > 0 ? static_cast<std::size_t>(size) : 0};
}

std::string format_text() { return fmt::format("{}{}\n", format_prefix, directory_format); }

/// The number in FORMAT; 0 when there is none.
std::uint32_t format_in(std::string_view text) {
  if (!text.starts_with(format_prefix) || !text.ends_with('\n')) return 0;
  const std::string_view digits = text.substr(format_prefix.size(), text.size() - format_prefix.size() - 1);
  std::uint32_t number = 0;
  const auto [end, code] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return code == std::errc() && end == digits.data() + digits.size() ? number : 0;
}

}  // namespace

DirectoryLock::DirectoryLock(int descriptor) noexcept : descriptor_(descriptor), process_(getpid()) {}

DirectoryLock::~DirectoryLock() {
  // A fork has the same open file: unlocking there would unlock it here.
  if (process_ == getpid()) flock(descriptor_, LOCK_UN);
  close(descriptor_);
}

Result<std::shared_ptr<DirectoryLock>> DirectoryLock::take(const std::string& directory) {
  const std::string path = directory + "/LOCK";
  const int descriptor = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (descriptor < 0) return system_error(errno, path, "cannot be opened");
  // A lock of the open file, not of the process: a second opener in this process is refused too.
  if (flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
    const int code = errno;
    close(descriptor);
    if (code != EWOULDBLOCK) return system_error(code, path, "cannot be locked");
    std::string holder = read_short_file(path);
    while (!holder.empty() && holder.back() == '\n') holder.pop_back();
    return Error(errc::data_dir_locked,
                 fmt::format("{} is held by process {}", directory, holder.empty() ? "(unknown)" : holder));
  }
  std::shared_ptr<DirectoryLock> lock(new DirectoryLock(descriptor));
  // For people only: on a full disk it may fail.
  const std::string holder = fmt::format("{}\n", getpid());
  if (ftruncate(descriptor, 0) == 0) {
    [[maybe_unused]] const ssize_t written = pwrite(descriptor, holder.data(), holder.size(), 0);
  }
  return lock;
}

Result<DirectoryFacts> DataDirectory::inspect(port::FileSystem& file_system) const {
  std::string nearest = path_;
  while (!exists(nearest) && nearest != "/" && nearest != ".") nearest = parent_of(nearest);
  struct stat found {};
  if (stat(nearest.c_str(), &found) != 0) return system_error(errno, nearest, "cannot be read");
  if (!S_ISDIR(found.st_mode)) return unsupported(nearest, "is a file; name a directory, or remove it");
  auto facts = file_system.facts(nearest);
  if (!facts) return std::move(facts).error();
  if (facts->network) {
    const char* name = network_file_system(facts->type);
    return unsupported(path_,
                       fmt::format("is on a network file system ({}), which cannot keep LMDB's promises; "
                                   "choose a directory on a local disk",
                                   name != nullptr ? name : "unknown"));
  }
  if (facts->read_only) return unsupported(path_, "is on a read-only file system; mount it writable");
  if (access(nearest.c_str(), R_OK | W_OK | X_OK) != 0) {
    return unsupported(nearest, "may not be written by this user; change its owner or mode");
  }
  DirectoryFacts out;
  out.free_bytes = facts->free_bytes;
  out.format = nearest == path_ ? format_in(read_short_file(path_ + "/FORMAT")) : 0;
  if (out.format > directory_format) {
    return unsupported(path_, fmt::format("has format {}, this version knows {}; upgrade the library",
                                          out.format, directory_format));
  }
  if (!out.complete() && out.free_bytes < new_directory_bytes_min) {
    return Error(errc::storage_full,
                 fmt::format("{}: a new directory needs {} KiB, {} KiB are free; make room", path_,
                             new_directory_bytes_min / 1024, out.free_bytes / 1024));
  }
  return out;
}

Result<void> DataDirectory::make() const {
  if (auto made = make_ancestors(path_); !made) return made;
  return make_directory(path_);
}

Result<void> DataDirectory::make_folders() const {
  for (const std::string& folder : {log_folder(), state_folder()}) {
    if (auto made = make_directory(folder); !made) return made;
  }
  return {};
}

bool DataDirectory::holds_data() const { return data_bytes() > leftover_bytes_max; }

std::uint64_t DataDirectory::data_bytes() const {
  return size_of(log_folder() + "/data.mdb") + size_of(state_folder() + "/data.mdb");
}

Result<void> DataDirectory::remove_leftovers() const {
  for (const std::string& folder : {log_folder(), state_folder()}) {
    for (const char* file : {"/data.mdb", "/lock.mdb"}) {
      const std::string path = folder + file;
      if (unlink(path.c_str()) != 0 && errno != ENOENT) return system_error(errno, path, "cannot be removed");
    }
  }
  return {};
}

Result<void> DataDirectory::complete() const {
  for (const std::string& folder : {log_folder(), state_folder()}) {
    // LMDB syncs neither its first meta pages nor the folder's entry.
    if (auto synced = sync_path(folder + "/data.mdb"); !synced) return synced;
    if (auto synced = sync_path(folder); !synced) return synced;
  }
  if (auto synced = sync_path(path_); !synced) return synced;
  if (auto synced = sync_path(parent_of(path_)); !synced) return synced;
  return write_format();
}

Result<void> DataDirectory::write_format() const {
  const std::string path = path_ + "/FORMAT";
  {
    const Descriptor file{open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)};
    if (file.number < 0) return system_error(errno, path, "cannot be created");
    const std::string text = format_text();
    if (write(file.number, text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
      return system_error(errno != 0 ? errno : ENOSPC, path, "cannot be written");
    }
    if (fsync(file.number) != 0) return system_error(errno, path, "cannot be synced");
  }
  return sync_path(path_);
}

Result<void> DataDirectory::allocate_lock_files() const {
  for (const std::string& folder : {log_folder(), state_folder()}) {
    const std::string path = folder + "/lock.mdb";
    const Descriptor file{open(path.c_str(), O_RDWR | O_CLOEXEC)};
    if (file.number < 0) continue;  // LMDB makes it
    const int code =
        posix_fallocate(file.number, 0, static_cast<off_t>(std::max<std::uint64_t>(size_of(path), 1)));
    if (code == ENOSPC || code == EDQUOT) return system_error(code, path, "cannot be allocated");
  }
  return {};
}

}  // namespace peerq::storage
