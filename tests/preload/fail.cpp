// Lets the n-th call that touches the files below one directory fail.
//
// PEERQ_FAIL_DIRECTORY  absolute path of the directory
// PEERQ_FAIL_AT         number of the call, from 1; 0 = none fails
// PEERQ_FAIL_WITH       EIO, ENOSPC, EINTR, or short: a write that stops half-way
// PEERQ_FAIL_REPORT     file that gets "<calls> <name of the failed call or ->" when the process asks for it,
// or ends
//
// Counted: open, lock, look at, seek, read, write, sync, truncate, allocate, map, make, rename and remove, as
// the C library's callers make them. Only one call fails: whoever tries again succeeds. A call that cannot
// fail in the way that is asked for is carried out, and reported as "none".

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <climits>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#define PEERQ_EXPORT extern "C" __attribute__((visibility("default")))

namespace {

template <class F>
F* next(const char* name) {
  return reinterpret_cast<F*>(dlsym(RTLD_NEXT, name));
}
#define PEERQ_NEXT(name)                                    \
  (*[] {                                                    \
    static auto* const found = next<decltype(name)>(#name); \
    return found;                                           \
  }())

class Faults {
 public:
  static Faults& get() {
    static Faults* const faults = new Faults;  // never destroyed: calls come to the very end
    return *faults;
  }

  bool concerns(int directory, const char* path) const {
    if (root_.empty() || path == nullptr) return false;
    if (path[0] == '/') return below(path);
    return concerns(directory);
  }
  bool concerns(int descriptor) const {
    if (root_.empty()) return false;
    char link[64];
    char target[PATH_MAX];
    std::snprintf(link, sizeof(link), "/proc/self/fd/%d", descriptor);
    const int kept = errno;
    const ssize_t size = readlink(link, target, sizeof(target) - 1);
    errno = kept;
    if (size <= 0) return false;
    target[size] = '\0';
    return below(target);
  }

  /// Counts a call; whether it is the one to fail. `can` says whether it can fail in the way that is asked
  /// for.
  bool strikes(const char* name, bool is_write, bool is_map = false) {
    if (calls_.fetch_add(1) + 1 != at_) return false;
    const bool can = short_ ? is_write : !(is_map && code_ == EINTR);
    std::snprintf(struck_, sizeof(struck_), "%s", can ? name : "none");
    return can;
  }

  bool active() const { return !root_.empty(); }
  bool is_short() const { return short_; }
  int code() const { return code_; }

  void report() const {
    if (report_.empty()) return;
    char text[96];
    const int size = std::snprintf(text, sizeof(text), "%llu %s\n",
                                   static_cast<unsigned long long>(calls_.load()), struck_);
    const long file =
        syscall(SYS_openat, AT_FDCWD, report_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (file < 0) return;
    (void)!syscall(SYS_write, file, text, size);
    syscall(SYS_close, file);
  }

 private:
  Faults() {
    const char* directory = std::getenv("PEERQ_FAIL_DIRECTORY");
    const char* at = std::getenv("PEERQ_FAIL_AT");
    const char* with = std::getenv("PEERQ_FAIL_WITH");
    const char* report = std::getenv("PEERQ_FAIL_REPORT");
    if (directory == nullptr || at == nullptr || with == nullptr) return;
    root_ = directory;
    at_ = std::strtoull(at, nullptr, 10);
    short_ = std::strcmp(with, "short") == 0;
    if (std::strcmp(with, "ENOSPC") == 0) code_ = ENOSPC;
    if (std::strcmp(with, "EINTR") == 0) code_ = EINTR;
    if (report != nullptr) report_ = report;
  }

  bool below(const char* path) const {
    return std::strncmp(path, root_.c_str(), root_.size()) == 0 &&
           (path[root_.size()] == '/' || path[root_.size()] == 0);
  }

  std::string root_;
  std::string report_;
  std::uint64_t at_ = 0;
  bool short_ = false;
  int code_ = EIO;
  std::atomic<std::uint64_t> calls_{0};
  char struck_[32] = "-";
};

/// Carries a call out, unless it is to fail.
template <class Result, class Call>
Result tried(bool concerned, const char* name, Call&& call, Result failed = static_cast<Result>(-1)) {
  Faults& faults = Faults::get();
  if (!concerned || !faults.strikes(name, false)) return call();
  errno = faults.code();
  return failed;
}

/// As `tried`; a short write carries out `half`.
template <class Call, class Half>
ssize_t tried_write(int file, const char* name, Call&& call, Half&& half) {
  Faults& faults = Faults::get();
  if (!faults.concerns(file) || !faults.strikes(name, true)) return call();
  if (faults.is_short()) return half();
  errno = faults.code();
  return -1;
}

mode_t mode_of(int flags, va_list arguments) {
  return (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(arguments, mode_t) : 0;
}

/// The first half of what is to be written, in bytes.
struct HalfOf {
  iovec parts[64];
  int count = 0;
  HalfOf(const iovec* all, int number) {
    std::size_t total = 0;
    for (int i = 0; i < number; ++i) total += all[i].iov_len;
    for (std::size_t left = total / 2; left > 0 && count < number && count < 64; ++count) {
      parts[count] = all[count];
      if (parts[count].iov_len > left) parts[count].iov_len = left;
      left -= parts[count].iov_len;
    }
  }
};

}  // namespace

/// Writes the report now: the scenario ended, what follows is not its matter.
PEERQ_EXPORT void peerq_fail_report() { Faults::get().report(); }

__attribute__((destructor)) static void report_at_end() { Faults::get().report(); }

#define PEERQ_OPEN(name)                                                    \
  PEERQ_EXPORT int name(const char* path, int flags, ...) {                 \
    va_list arguments;                                                      \
    va_start(arguments, flags);                                             \
    const mode_t mode = mode_of(flags, arguments);                          \
    va_end(arguments);                                                      \
    return tried<int>(Faults::get().concerns(AT_FDCWD, path), "open",       \
                      [&] { return PEERQ_NEXT(name)(path, flags, mode); }); \
  }
#define PEERQ_OPENAT(name)                                                             \
  PEERQ_EXPORT int name(int directory, const char* path, int flags, ...) {             \
    va_list arguments;                                                                 \
    va_start(arguments, flags);                                                        \
    const mode_t mode = mode_of(flags, arguments);                                     \
    va_end(arguments);                                                                 \
    return tried<int>(Faults::get().concerns(directory, path), "open",                 \
                      [&] { return PEERQ_NEXT(name)(directory, path, flags, mode); }); \
  }
PEERQ_OPEN(open)
PEERQ_OPEN(open64)
PEERQ_OPENAT(openat)
PEERQ_OPENAT(openat64)

PEERQ_EXPORT ssize_t read(int file, void* data, size_t size) {
  return tried<ssize_t>(Faults::get().concerns(file), "read",
                        [&] { return PEERQ_NEXT(read)(file, data, size); });
}
PEERQ_EXPORT ssize_t pread(int file, void* data, size_t size, off_t offset) {
  return tried<ssize_t>(Faults::get().concerns(file), "pread",
                        [&] { return PEERQ_NEXT(pread)(file, data, size, offset); });
}

PEERQ_EXPORT ssize_t write(int file, const void* data, size_t size) {
  const auto part = [&](std::size_t bytes) { return PEERQ_NEXT(write)(file, data, bytes); };
  return tried_write(
      file, "write", [&] { return part(size); }, [&] { return part(size / 2); });
}
PEERQ_EXPORT ssize_t pwrite(int file, const void* data, size_t size, off_t offset) {
  const auto part = [&](std::size_t bytes) { return PEERQ_NEXT(pwrite)(file, data, bytes, offset); };
  return tried_write(
      file, "pwrite", [&] { return part(size); }, [&] { return part(size / 2); });
}
PEERQ_EXPORT ssize_t pwrite64(int file, const void* data, size_t size, off64_t offset) {
  const auto part = [&](std::size_t bytes) { return PEERQ_NEXT(pwrite64)(file, data, bytes, offset); };
  return tried_write(
      file, "pwrite", [&] { return part(size); }, [&] { return part(size / 2); });
}
PEERQ_EXPORT ssize_t writev(int file, const iovec* parts, int count) {
  const auto half = [&] {
    const HalfOf half(parts, count);
    return PEERQ_NEXT(writev)(file, half.parts, half.count);
  };
  return tried_write(
      file, "writev", [&] { return PEERQ_NEXT(writev)(file, parts, count); }, half);
}
PEERQ_EXPORT ssize_t pwritev(int file, const iovec* parts, int count, off_t offset) {
  const auto half = [&] {
    const HalfOf half(parts, count);
    return PEERQ_NEXT(pwritev)(file, half.parts, half.count, offset);
  };
  return tried_write(
      file, "pwritev", [&] { return PEERQ_NEXT(pwritev)(file, parts, count, offset); }, half);
}

PEERQ_EXPORT off_t lseek(int file, off_t offset, int whence) noexcept {
  return tried<off_t>(Faults::get().concerns(file), "lseek",
                      [&] { return PEERQ_NEXT(lseek)(file, offset, whence); });
}
PEERQ_EXPORT int flock(int file, int operation) noexcept {
  return tried<int>(Faults::get().concerns(file), "flock",
                    [&] { return PEERQ_NEXT(flock)(file, operation); });
}
/// Locks of records; its last argument is a word, whatever the command.
PEERQ_EXPORT int fcntl(int file, int command, ...) {
  va_list arguments;
  va_start(arguments, command);
  void* const argument = va_arg(arguments, void*);
  va_end(arguments);
  const bool locks = command == F_SETLK || command == F_SETLKW || command == F_GETLK;
  return tried<int>(locks && Faults::get().concerns(file), "fcntl",
                    [&] { return PEERQ_NEXT(fcntl)(file, command, argument); });
}

PEERQ_EXPORT int fstat(int file, struct stat* facts) noexcept {
  return tried<int>(Faults::get().concerns(file), "fstat", [&] { return PEERQ_NEXT(fstat)(file, facts); });
}
PEERQ_EXPORT int stat(const char* path, struct stat* facts) noexcept {
  return tried<int>(Faults::get().concerns(AT_FDCWD, path), "stat",
                    [&] { return PEERQ_NEXT(stat)(path, facts); });
}
PEERQ_EXPORT int statfs(const char* path, struct statfs* facts) noexcept {
  return tried<int>(Faults::get().concerns(AT_FDCWD, path), "statfs",
                    [&] { return PEERQ_NEXT(statfs)(path, facts); });
}
PEERQ_EXPORT int statvfs(const char* path, struct statvfs* facts) noexcept {
  return tried<int>(Faults::get().concerns(AT_FDCWD, path), "statvfs",
                    [&] { return PEERQ_NEXT(statvfs)(path, facts); });
}
PEERQ_EXPORT int fstatvfs(int file, struct statvfs* facts) noexcept {
  return tried<int>(Faults::get().concerns(file), "fstatvfs",
                    [&] { return PEERQ_NEXT(fstatvfs)(file, facts); });
}

PEERQ_EXPORT int fsync(int file) {
  return tried<int>(Faults::get().concerns(file), "fsync", [&] { return PEERQ_NEXT(fsync)(file); });
}
PEERQ_EXPORT int fdatasync(int file) {
  return tried<int>(Faults::get().concerns(file), "fdatasync", [&] { return PEERQ_NEXT(fdatasync)(file); });
}
PEERQ_EXPORT int msync(void* pages, size_t size, int flags) {
  // Of any memory: nothing else here is synced in this way.
  return tried<int>(Faults::get().active(), "msync", [&] { return PEERQ_NEXT(msync)(pages, size, flags); });
}
PEERQ_EXPORT int ftruncate(int file, off_t size) noexcept {
  return tried<int>(Faults::get().concerns(file), "ftruncate",
                    [&] { return PEERQ_NEXT(ftruncate)(file, size); });
}
PEERQ_EXPORT int ftruncate64(int file, off64_t size) noexcept {
  return tried<int>(Faults::get().concerns(file), "ftruncate",
                    [&] { return PEERQ_NEXT(ftruncate64)(file, size); });
}
PEERQ_EXPORT int fallocate(int file, int mode, off_t offset, off_t size) {
  return tried<int>(Faults::get().concerns(file), "fallocate",
                    [&] { return PEERQ_NEXT(fallocate)(file, mode, offset, size); });
}
PEERQ_EXPORT int fallocate64(int file, int mode, off64_t offset, off64_t size) {
  return tried<int>(Faults::get().concerns(file), "fallocate",
                    [&] { return PEERQ_NEXT(fallocate64)(file, mode, offset, size); });
}
/// Gives its error as its result.
PEERQ_EXPORT int posix_fallocate(int file, off_t offset, off_t size) {
  Faults& faults = Faults::get();
  return tried<int>(
      faults.concerns(file), "posix_fallocate",
      [&] { return PEERQ_NEXT(posix_fallocate)(file, offset, size); }, faults.code());
}

PEERQ_EXPORT void* mmap(void* address, size_t size, int protection, int flags, int file,
                        off_t offset) noexcept {
  const auto call = [&] {
    return reinterpret_cast<void*>(syscall(SYS_mmap, address, size, protection, flags, file, offset));
  };
  if (file < 0) return call();  // memory: asked for before anything else here works
  Faults& faults = Faults::get();
  if (!faults.concerns(file) || !faults.strikes("mmap", false, true)) return call();
  errno = faults.code() == EIO ? ENOMEM : faults.code();
  return MAP_FAILED;
}

PEERQ_EXPORT int mkdir(const char* path, mode_t mode) noexcept {
  return tried<int>(Faults::get().concerns(AT_FDCWD, path), "mkdir",
                    [&] { return PEERQ_NEXT(mkdir)(path, mode); });
}
PEERQ_EXPORT int unlink(const char* path) noexcept {
  return tried<int>(Faults::get().concerns(AT_FDCWD, path), "unlink",
                    [&] { return PEERQ_NEXT(unlink)(path); });
}
PEERQ_EXPORT int rename(const char* from, const char* to) noexcept {
  return tried<int>(Faults::get().concerns(AT_FDCWD, from), "rename",
                    [&] { return PEERQ_NEXT(rename)(from, to); });
}
