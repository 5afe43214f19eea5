#pragma once
// How much may still be written: the limit of the options and the disk's own, over both environments, and a
// reserve of blocks that are allocated ahead, so that deletes, checkpoints and trims go on when nothing else
// fits (S54).

#include <array>
#include <cstdint>
#include <mutex>

#include "peerq/port/file_system.hpp"

namespace peerq::storage {

/// The two files that grow.
enum class DataFile : std::uint8_t { log = 0, state = 1 };

/// **Thread** any.
class DiskSpace {
 public:
  struct Options {
    /// 0 = no limit but the disk.
    std::uint64_t max_bytes = 0;
    std::uint64_t log_reserve = 0;
    std::uint64_t state_reserve = 0;
  };

  DiskSpace(Options options, port::FileSystem& file_system);

  /// From now on `descriptor` is the file.
  void attach(DataFile file, int descriptor);

  /// Whether `bytes` more can be written to the file: sees to it that there are blocks for them.
  bool prepare(DataFile file, std::uint64_t bytes);

  /// What the file is after a commit: bytes up to its last page, and those of them in use.
  void committed(DataFile file, std::uint64_t end_bytes, std::uint64_t live_bytes);

  /// Whether new data may come in: after `unwritten` bytes, which the state still has to take, the reserve is
  /// left.
  bool accepts(std::uint64_t unwritten);

  /// How large a message can be: the log takes it, and then the state beside it.
  std::uint64_t send_room();

  /// Bytes that can be written to the file before it is full, free pages inside it too.
  std::uint64_t room(DataFile file);

  std::uint64_t end_bytes(DataFile file) const;
  std::uint64_t live_bytes(DataFile file) const;
  std::uint64_t reserve(DataFile file) const { return files_[index(file)].reserve; }

 private:
  struct File {
    int descriptor = -1;
    std::uint64_t reserve = 0;
    std::uint64_t end = 0;
    std::uint64_t live = 0;
    /// Blocks are allocated up to here.
    std::uint64_t allocated = 0;
    bool can_allocate = true;

    std::uint64_t free_inside() const noexcept { return end - live; }
    std::uint64_t allocated_ahead() const noexcept { return allocated > end ? allocated - end : 0; }
  };

  static std::size_t index(DataFile file) noexcept { return static_cast<std::size_t>(file); }
  bool allocate(File& file, std::uint64_t size);
  /// What the limit still allows both files together to grow; what is allocated ahead is not counted as
  /// grown.
  std::uint64_t limit_left() const noexcept;
  std::uint64_t disk_left();
  void top_up(File& file);

  Options options_;
  port::FileSystem* file_system_;
  mutable std::mutex mutex_;
  std::array<File, 2> files_;
  std::uint64_t disk_left_ = 0;
  unsigned looks_left_ = 0;
};

}  // namespace peerq::storage
