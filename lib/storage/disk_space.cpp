#include "storage/disk_space.hpp"

#include <algorithm>
#include <limits>

#include "peerq/base/errc.hpp"

namespace peerq::storage {

namespace {

/// With this much left, the disk is asked every so many times only.
constexpr std::uint64_t plenty = std::uint64_t{1} << 30;
constexpr unsigned looks = 32;

}  // namespace

DiskSpace::DiskSpace(Options options, port::FileSystem& file_system)
    : options_(std::move(options)), file_system_(&file_system) {
  files_[index(DataFile::log)].reserve = options_.log_reserve;
  files_[index(DataFile::state)].reserve = options_.state_reserve;
}

void DiskSpace::attach(DataFile file, int descriptor) {
  const std::lock_guard lock(mutex_);
  files_[index(file)].descriptor = descriptor;
}

bool DiskSpace::allocate(File& file, std::uint64_t size) {
  if (size <= file.allocated) return true;
  if (!file.can_allocate) return size <= file.end + disk_left();
  const auto done = file_system_->preallocate(file.descriptor, size);
  if (done) {
    file.allocated = size;
    return true;
  }
  if (done.error() == errc::not_supported) {
    file.can_allocate = false;
    return size <= file.end + disk_left();
  }
  return false;
}

std::uint64_t DiskSpace::limit_left() const noexcept {
  if (options_.max_bytes == 0) return std::numeric_limits<std::uint64_t>::max();
  const std::uint64_t used = files_[0].end + files_[1].end;
  return options_.max_bytes > used ? options_.max_bytes - used : 0;
}

std::uint64_t DiskSpace::disk_left() {
  if (looks_left_ > 0 && disk_left_ >= plenty) {
    --looks_left_;
    return disk_left_;
  }
  // By the open file: the process may have left the directory that a relative name starts from.
  looks_left_ = looks;
  return disk_left_ = file_system_->free_bytes(files_[0].descriptor).value_or(0);
}

void DiskSpace::top_up(File& file) {
  const std::uint64_t missing = file.reserve - std::min(file.reserve, file.free_inside());
  if (file.allocated_ahead() >= missing || missing > limit_left()) return;
  // Twice the reserve: one call for many commits, since each costs the next sync a journal entry.
  if (2 * file.reserve <= limit_left() && allocate(file, file.end + 2 * file.reserve)) return;
  allocate(file, file.end + file.reserve);
}

bool DiskSpace::prepare(DataFile which, std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  File& file = files_[index(which)];
  if (bytes <= limit_left()) {
    if (file.end + bytes <= file.allocated) return true;
    // Ahead, so that the reserve stays whole.
    if (file.reserve <= limit_left() - bytes && allocate(file, file.end + bytes + file.reserve)) return true;
    if (allocate(file, file.end + bytes)) return true;
  }
  return bytes <= file.free_inside() / 2;
}

void DiskSpace::committed(DataFile which, std::uint64_t end_bytes, std::uint64_t live_bytes) {
  const std::lock_guard lock(mutex_);
  File& file = files_[index(which)];
  file.end = std::max(end_bytes, live_bytes);
  file.live = live_bytes;
  file.allocated = std::max(file.allocated, file.end);
  top_up(file);
}

bool DiskSpace::accepts(std::uint64_t unwritten) {
  const std::lock_guard lock(mutex_);
  std::uint64_t grow = 0;
  std::uint64_t blocks = 0;
  for (File& file : files_) {
    const bool state = &file == &files_[index(DataFile::state)];
    // Rows do not fill their pages: what is still to be written takes up to half as much again.
    const std::uint64_t need = file.reserve + (state ? unwritten + unwritten / 2 : 0);
    const std::uint64_t missing = need - std::min(need, file.free_inside());
    grow += missing;
    blocks += missing - std::min(missing, file.allocated_ahead());
  }
  if (grow > limit_left()) return false;
  if (blocks == 0) return true;
  if (blocks > disk_left()) return false;
  for (File& file : files_) top_up(file);
  return true;
}

std::uint64_t DiskSpace::send_room() {
  const std::lock_guard lock(mutex_);
  std::uint64_t inside = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t blocks = disk_left();
  for (const File& file : files_) {
    inside = std::min(inside, file.free_inside());
    blocks += file.allocated_ahead();
  }
  // Free pages of a file lie scattered.
  return inside / 2 + std::min(limit_left(), blocks) / 2;
}

std::uint64_t DiskSpace::room(DataFile which) {
  const std::lock_guard lock(mutex_);
  const File& file = files_[index(which)];
  const std::uint64_t grow = std::min(limit_left(), file.allocated_ahead() + disk_left());
  return file.free_inside() + grow;
}

std::uint64_t DiskSpace::end_bytes(DataFile file) const {
  const std::lock_guard lock(mutex_);
  return files_[index(file)].end;
}

std::uint64_t DiskSpace::live_bytes(DataFile file) const {
  const std::lock_guard lock(mutex_);
  return files_[index(file)].live;
}

}  // namespace peerq::storage
