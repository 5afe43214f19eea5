#pragma once
// Puts images into a real directory, one after the other, changing only what differs from what is there.

#include <cstddef>
#include <map>
#include <string>

#include "support/crash/crash_disk.hpp"

namespace peerq::crash {

/// Files are kept open and mapped between images: most of an image is in place already. **Thread** one at a
/// time.
class ImageDirectory {
 public:
  /// `root` exists and is on a tmpfs, best.
  explicit ImageDirectory(std::string root) : root_(std::move(root)) {}
  ~ImageDirectory();
  ImageDirectory(const ImageDirectory&) = delete;
  ImageDirectory& operator=(const ImageDirectory&) = delete;

  /// Makes the directory equal to the image, whatever was done to it since the last one. Throws
  /// std::runtime_error.
  void put(const Image& image);
  const std::string& root() const noexcept { return root_; }

 private:
  /// A file that was put before, with its pages at hand.
  struct Open {
    int file = -1;
    std::byte* pages = nullptr;
    std::size_t mapped = 0;
    unsigned long long inode = 0;
  };

  void remove_others(const Image& image);
  void put_file(const std::string& path, const Image::File& file);
  Open& opened(const std::string& path);
  static void forget(Open& open) noexcept;

  std::string root_;
  std::map<std::string, Open> open_;
  std::string scratch_;
};

}  // namespace peerq::crash
