// Records what a process does to the files below one directory: see support/crash/trace_format.hpp.
//
// PEERQ_RECORD_DIRECTORY  absolute path of the directory
// PEERQ_RECORD_TRACE      file that gets the trace
// PEERQ_RECORD_SYNC_US    how long a sync takes at most, to play a slower disk; random up to this; 0 = as it
// is
//
// Calls are carried out first and recorded then, both under one lock, so that the trace is their order. Files
// changed through a memory map are not seen: LMDB maps its data read-only, and its lock file means nothing
// after a crash.

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <climits>
#include <cstdarg>
#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "../support/crash/trace_format.hpp"

#define PEERQ_EXPORT extern "C" __attribute__((visibility("default")))

namespace {

using peerq::crash::TraceHeader;
using peerq::crash::TraceKind;

/// The C library's own function of this name.
template <class F>
F* next(const char* name) {
  return reinterpret_cast<F*>(dlsym(RTLD_NEXT, name));
}
#define PEERQ_NEXT(name)                                    \
  (*[] {                                                    \
    static auto* const found = next<decltype(name)>(#name); \
    return found;                                           \
  }())

std::int64_t now_us() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / 1000;
}

struct OpenFile {
  std::uint32_t number = 0;
  bool directory = false;
  bool synced_writes = false;
  /// Below the recorded directory; of a directory only.
  std::string path;
};

class Recording {
 public:
  static Recording& get() {
    static Recording* const recording = new Recording;  // never destroyed: calls come to the very end
    return *recording;
  }

  bool active() const { return trace_ >= 0; }
  std::mutex& mutex() { return mutex_; }
  std::uint64_t position() const { return count_.load(); }

  /// The path below the recorded directory, or nothing. "" is the directory itself.
  bool inside(int directory, const char* path, std::string& out) const {
    if (!active() || path == nullptr) return false;
    std::string whole;
    if (path[0] != '/') whole = base_of(directory) + "/";
    whole += path;
    const std::string clean = cleaned(whole);
    if (clean == root_) return out.clear(), true;
    if (clean.size() <= root_.size() || clean.compare(0, root_.size(), root_) != 0) return false;
    if (clean[root_.size()] != '/') return false;
    out = clean.substr(root_.size() + 1);
    return true;
  }

  void add(TraceHeader header, std::string_view path = {}, std::string_view data = {}) {
    header.time_us = now_us();
    header.path_size = static_cast<std::uint32_t>(path.size());
    header.data_size = static_cast<std::uint32_t>(data.size());
    put({reinterpret_cast<const char*>(&header), sizeof(header)});
    put(path);
    put(data);
    count_.fetch_add(1);
  }

  void opened(int file, const std::string& path, int flags, bool existed) {
    OpenFile open;
    open.synced_writes = (flags & (O_DSYNC | O_SYNC)) != 0;
    struct stat facts {};
    fstat(file, &facts);
    open.directory = S_ISDIR(facts.st_mode);
    if (open.directory) {
      open.path = path;
    } else if (!existed || !numbers_.contains(path)) {
      open.number = ++last_number_;
      numbers_[path] = open.number;
      add({.kind = TraceKind::create, .file = open.number}, path);
    } else {
      open.number = numbers_[path];
      if ((flags & O_TRUNC) != 0) add({.kind = TraceKind::resize, .file = open.number});
    }
    open_[file] = open;
  }

  void removed(const std::string& path) {
    numbers_.erase(path);
    add({.kind = TraceKind::remove}, path);
  }

  void renamed(const std::string& from, const std::string& to) {
    std::map<std::string, std::uint32_t> moved;
    for (auto it = numbers_.begin(); it != numbers_.end();) {
      const bool own = it->first == from || it->first.compare(0, from.size() + 1, from + "/") == 0;
      if (own) moved[to + it->first.substr(from.size())] = it->second;
      it = own ? numbers_.erase(it) : std::next(it);
    }
    for (const auto& [path, number] : moved) numbers_[path] = number;
    add({.kind = TraceKind::rename}, from, to);
  }

  void closed(int file) { open_.erase(file); }

  /// Null when the descriptor is not of a recorded file.
  const OpenFile* file(int descriptor) const {
    const auto found = open_.find(descriptor);
    return found == open_.end() ? nullptr : &found->second;
  }

  void wait_as_a_disk() const {
    if (sync_us_ == 0) return;
    static std::atomic<std::uint64_t> turn{0x9e3779b97f4a7c15};
    std::uint64_t dice = turn.fetch_add(0x9e3779b97f4a7c15);
    dice ^= dice >> 31;
    dice *= 0xbf58476d1ce4e5b9;
    dice ^= dice >> 27;
    const timespec time{0, static_cast<long>(dice % (sync_us_ + 1)) * 1000};
    nanosleep(&time, nullptr);
  }

 private:
  Recording() {
    const char* directory = std::getenv("PEERQ_RECORD_DIRECTORY");
    const char* trace = std::getenv("PEERQ_RECORD_TRACE");
    const char* sync_us = std::getenv("PEERQ_RECORD_SYNC_US");
    if (directory == nullptr || trace == nullptr) return;
    root_ = cleaned(directory);
    if (sync_us != nullptr) sync_us_ = std::strtoull(sync_us, nullptr, 10);
    trace_ = static_cast<int>(
        syscall(SYS_openat, AT_FDCWD, trace, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  }

  static std::string base_of(int directory) {
    char buffer[PATH_MAX];
    if (directory == AT_FDCWD) return getcwd(buffer, sizeof(buffer)) != nullptr ? buffer : "/";
    const std::string link = "/proc/self/fd/" + std::to_string(directory);
    const ssize_t size = readlink(link.c_str(), buffer, sizeof(buffer));
    return size < 0 ? "/" : std::string(buffer, static_cast<std::size_t>(size));
  }

  /// Without "." and "..", double and last slashes.
  static std::string cleaned(const std::string& path) {
    std::vector<std::string> parts;
    for (std::size_t at = 0; at < path.size();) {
      const auto end = std::min(path.find('/', at), path.size());
      const std::string part = path.substr(at, end - at);
      at = end + 1;
      if (part == ".." && !parts.empty()) parts.pop_back();
      if (!part.empty() && part != "." && part != "..") parts.push_back(part);
    }
    std::string out;
    for (const auto& part : parts) out += "/" + part;
    return out;
  }

  void put(std::string_view bytes) const {
    while (!bytes.empty()) {
      const long written = syscall(SYS_write, trace_, bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      if (written <= 0) abort();  // a test without its trace is worthless
      bytes.remove_prefix(static_cast<std::size_t>(written));
    }
  }

  std::string root_;
  int trace_ = -1;
  std::uint64_t sync_us_ = 0;
  std::mutex mutex_;
  std::atomic<std::uint64_t> count_{0};
  std::uint32_t last_number_ = 0;
  std::map<std::string, std::uint32_t> numbers_;
  std::map<int, OpenFile> open_;
};

/// Keeps errno over what is done after a call.
class KeepErrno {
 public:
  KeepErrno() : kept_(errno) {}
  ~KeepErrno() { errno = kept_; }
  KeepErrno(const KeepErrno&) = delete;
  KeepErrno& operator=(const KeepErrno&) = delete;

 private:
  int kept_;
};

template <class Open>
int recorded_open(int directory, const char* path, int flags, Open&& open) {
  Recording& recording = Recording::get();
  std::string below;
  if (!recording.inside(directory, path, below)) return open();
  const std::lock_guard lock(recording.mutex());
  const bool existed = faccessat(directory, path, F_OK, 0) == 0;
  const int file = open();
  const KeepErrno keep;
  if (file >= 0) recording.opened(file, below, flags, existed);
  return file;
}

/// Carries out a write of `size` bytes and records what of it was done.
template <class Write, class Data>
ssize_t recorded_write(int descriptor, Write&& write, std::int64_t offset, Data&& data) {
  Recording& recording = Recording::get();
  if (!recording.active()) return write();
  std::unique_lock lock(recording.mutex());
  const OpenFile* file = recording.file(descriptor);
  if (file == nullptr) {
    lock.unlock();
    return write();
  }
  if (offset < 0) offset = lseek(descriptor, 0, SEEK_CUR);
  const ssize_t written = write();
  const KeepErrno keep;
  if (written <= 0) return written;
  const std::uint64_t record = recording.position();
  const std::string bytes = data();
  recording.add(
      {.kind = TraceKind::write, .file = file->number, .offset = static_cast<std::uint64_t>(offset)}, {},
      std::string_view(bytes).substr(0, static_cast<std::size_t>(written)));
  if (!file->synced_writes) return written;
  const std::uint32_t number = file->number;
  lock.unlock();
  recording.wait_as_a_disk();
  lock.lock();
  recording.add({.kind = TraceKind::sync_write, .file = number, .upto = record});
  return written;
}

std::string gathered(const iovec* parts, int count) {
  std::string out;
  for (int i = 0; i < count; ++i) out.append(static_cast<const char*>(parts[i].iov_base), parts[i].iov_len);
  return out;
}

template <class Sync>
int recorded_sync(int descriptor, Sync&& sync) {
  Recording& recording = Recording::get();
  if (!recording.active()) return sync();
  std::unique_lock lock(recording.mutex());
  const OpenFile* found = recording.file(descriptor);
  if (found == nullptr) {
    lock.unlock();
    return sync();
  }
  const OpenFile file = *found;
  const std::uint64_t upto = recording.position();
  lock.unlock();
  const int result = sync();
  const KeepErrno keep;
  if (result != 0) return result;
  recording.wait_as_a_disk();
  lock.lock();
  const TraceKind kind = file.directory ? TraceKind::sync_directory : TraceKind::sync;
  recording.add({.kind = kind, .file = file.number, .upto = upto}, file.path);
  return result;
}

template <class Resize>
int recorded_resize(int descriptor, Resize&& resize) {
  Recording& recording = Recording::get();
  if (!recording.active()) return resize();
  const std::lock_guard lock(recording.mutex());
  const OpenFile* file = recording.file(descriptor);
  struct stat before {};
  if (file != nullptr) fstat(descriptor, &before);
  const int result = resize();
  const KeepErrno keep;
  struct stat after {};
  if (result != 0 || file == nullptr || fstat(descriptor, &after) != 0 || after.st_size == before.st_size)
    return result;
  recording.add(
      {.kind = TraceKind::resize, .file = file->number, .offset = static_cast<std::uint64_t>(after.st_size)});
  return result;
}

template <class Change>
int recorded_entry(int directory, const char* path, TraceKind kind, Change&& change) {
  Recording& recording = Recording::get();
  std::string below;
  if (!recording.inside(directory, path, below)) return change();
  const std::lock_guard lock(recording.mutex());
  const int result = change();
  const KeepErrno keep;
  if (result != 0) return result;
  if (kind == TraceKind::remove) {
    recording.removed(below);
  } else {
    recording.add({.kind = kind}, below);
  }
  return result;
}

template <class Rename>
int recorded_rename(int from_directory, const char* from, int to_directory, const char* to, Rename&& rename) {
  Recording& recording = Recording::get();
  std::string below_from;
  std::string below_to;
  const bool inside =
      recording.inside(from_directory, from, below_from) && recording.inside(to_directory, to, below_to);
  if (!inside) return rename();
  const std::lock_guard lock(recording.mutex());
  const int result = rename();
  const KeepErrno keep;
  if (result == 0) recording.renamed(below_from, below_to);
  return result;
}

mode_t mode_of(int flags, va_list arguments) {
  return (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(arguments, mode_t) : 0;
}

}  // namespace

/// How many records there are.
PEERQ_EXPORT std::uint64_t peerq_record_position() { return Recording::get().position(); }

#define PEERQ_OPEN(name)                                                                              \
  PEERQ_EXPORT int name(const char* path, int flags, ...) {                                           \
    va_list arguments;                                                                                \
    va_start(arguments, flags);                                                                       \
    const mode_t mode = mode_of(flags, arguments);                                                    \
    va_end(arguments);                                                                                \
    return recorded_open(AT_FDCWD, path, flags, [&] { return PEERQ_NEXT(name)(path, flags, mode); }); \
  }
#define PEERQ_OPENAT(name)                                                                \
  PEERQ_EXPORT int name(int directory, const char* path, int flags, ...) {                \
    va_list arguments;                                                                    \
    va_start(arguments, flags);                                                           \
    const mode_t mode = mode_of(flags, arguments);                                        \
    va_end(arguments);                                                                    \
    return recorded_open(directory, path, flags,                                          \
                         [&] { return PEERQ_NEXT(name)(directory, path, flags, mode); }); \
  }
PEERQ_OPEN(open)
PEERQ_OPEN(open64)
PEERQ_OPENAT(openat)
PEERQ_OPENAT(openat64)

PEERQ_EXPORT int close(int file) {
  Recording& recording = Recording::get();
  if (!recording.active()) return PEERQ_NEXT(close)(file);
  const std::lock_guard lock(recording.mutex());
  recording.closed(file);
  return PEERQ_NEXT(close)(file);
}

PEERQ_EXPORT ssize_t write(int file, const void* data, size_t size) {
  return recorded_write(
      file, [&] { return PEERQ_NEXT(write)(file, data, size); }, -1,
      [&] { return std::string(static_cast<const char*>(data), size); });
}

PEERQ_EXPORT ssize_t writev(int file, const iovec* parts, int count) {
  return recorded_write(
      file, [&] { return PEERQ_NEXT(writev)(file, parts, count); }, -1,
      [&] { return gathered(parts, count); });
}

#define PEERQ_PWRITE(name)                                                           \
  PEERQ_EXPORT ssize_t name(int file, const void* data, size_t size, off_t offset) { \
    return recorded_write(                                                           \
        file, [&] { return PEERQ_NEXT(name)(file, data, size, offset); }, offset,    \
        [&] { return std::string(static_cast<const char*>(data), size); });          \
  }
#define PEERQ_PWRITEV(name)                                                          \
  PEERQ_EXPORT ssize_t name(int file, const iovec* parts, int count, off_t offset) { \
    return recorded_write(                                                           \
        file, [&] { return PEERQ_NEXT(name)(file, parts, count, offset); }, offset,  \
        [&] { return gathered(parts, count); });                                     \
  }
PEERQ_PWRITE(pwrite)
PEERQ_PWRITE(pwrite64)
PEERQ_PWRITEV(pwritev)
PEERQ_PWRITEV(pwritev64)

PEERQ_EXPORT int fsync(int file) {
  return recorded_sync(file, [&] { return PEERQ_NEXT(fsync)(file); });
}
PEERQ_EXPORT int fdatasync(int file) {
  return recorded_sync(file, [&] { return PEERQ_NEXT(fdatasync)(file); });
}

PEERQ_EXPORT int ftruncate(int file, off_t size) noexcept {
  return recorded_resize(file, [&] { return PEERQ_NEXT(ftruncate)(file, size); });
}
PEERQ_EXPORT int ftruncate64(int file, off64_t size) noexcept {
  return recorded_resize(file, [&] { return PEERQ_NEXT(ftruncate64)(file, size); });
}
PEERQ_EXPORT int fallocate(int file, int mode, off_t offset, off_t size) {
  return recorded_resize(file, [&] { return PEERQ_NEXT(fallocate)(file, mode, offset, size); });
}
PEERQ_EXPORT int fallocate64(int file, int mode, off64_t offset, off64_t size) {
  return recorded_resize(file, [&] { return PEERQ_NEXT(fallocate64)(file, mode, offset, size); });
}
PEERQ_EXPORT int posix_fallocate(int file, off_t offset, off_t size) {
  return recorded_resize(file, [&] { return PEERQ_NEXT(posix_fallocate)(file, offset, size); });
}

PEERQ_EXPORT int mkdir(const char* path, mode_t mode) noexcept {
  return recorded_entry(AT_FDCWD, path, TraceKind::make_directory,
                        [&] { return PEERQ_NEXT(mkdir)(path, mode); });
}
PEERQ_EXPORT int mkdirat(int directory, const char* path, mode_t mode) noexcept {
  return recorded_entry(directory, path, TraceKind::make_directory,
                        [&] { return PEERQ_NEXT(mkdirat)(directory, path, mode); });
}
PEERQ_EXPORT int unlink(const char* path) noexcept {
  return recorded_entry(AT_FDCWD, path, TraceKind::remove, [&] { return PEERQ_NEXT(unlink)(path); });
}
PEERQ_EXPORT int unlinkat(int directory, const char* path, int flags) noexcept {
  return recorded_entry(directory, path, TraceKind::remove,
                        [&] { return PEERQ_NEXT(unlinkat)(directory, path, flags); });
}
PEERQ_EXPORT int rmdir(const char* path) noexcept {
  return recorded_entry(AT_FDCWD, path, TraceKind::remove, [&] { return PEERQ_NEXT(rmdir)(path); });
}
PEERQ_EXPORT int remove(const char* path) noexcept {
  return recorded_entry(AT_FDCWD, path, TraceKind::remove, [&] { return PEERQ_NEXT(remove)(path); });
}

PEERQ_EXPORT int rename(const char* from, const char* to) noexcept {
  return recorded_rename(AT_FDCWD, from, AT_FDCWD, to, [&] { return PEERQ_NEXT(rename)(from, to); });
}
PEERQ_EXPORT int renameat(int from_directory, const char* from, int to_directory, const char* to) noexcept {
  return recorded_rename(from_directory, from, to_directory, to,
                         [&] { return PEERQ_NEXT(renameat)(from_directory, from, to_directory, to); });
}
PEERQ_EXPORT int renameat2(int from_directory, const char* from, int to_directory, const char* to,
                           unsigned flags) noexcept {
  return recorded_rename(from_directory, from, to_directory, to, [&] {
    return PEERQ_NEXT(renameat2)(from_directory, from, to_directory, to, flags);
  });
}
