#include "support/crash/image_directory.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <stdexcept>
#include <vector>

namespace peerq::crash {

namespace {

constexpr std::size_t compared_at_once = 4096;
constexpr std::size_t mapped_step = std::size_t{16} << 20;

[[noreturn]] void fail(const std::string& what) {
  throw std::runtime_error("image: " + what + ": " + std::strerror(errno));
}

}  // namespace

ImageDirectory::~ImageDirectory() {
  for (auto& [path, open] : open_) forget(open);
}

void ImageDirectory::forget(Open& open) noexcept {
  if (open.pages != nullptr) munmap(open.pages, open.mapped);
  if (open.file >= 0) close(open.file);
  open = {};
}

void ImageDirectory::put(const Image& image) {
  remove_others(image);
  for (const auto& path : image.directories) {  // parents first
    const std::string whole = root_ + "/" + path;
    if (mkdir(whole.c_str(), 0700) != 0 && errno != EEXIST) fail(whole);
  }
  for (const auto& [path, file] : image.files) put_file(path, file);
}

void ImageDirectory::remove_others(const Image& image) {
  namespace fs = std::filesystem;
  std::vector<fs::path> gone;
  for (fs::recursive_directory_iterator it(root_), end; it != end; ++it) {
    const std::string path = it->path().string().substr(root_.size() + 1);
    const bool directory = it->is_directory();
    const bool kept = directory ? image.directories.contains(path) : image.files.contains(path);
    if (kept) continue;
    gone.push_back(it->path());
    if (directory) it.disable_recursion_pending();
  }
  for (const auto& path : gone) fs::remove_all(path);
}

ImageDirectory::Open& ImageDirectory::opened(const std::string& path) {
  const std::string whole = root_ + "/" + path;
  Open& open = open_[path];
  struct stat facts {};
  const bool there = stat(whole.c_str(), &facts) == 0;
  if (open.file >= 0 && there && facts.st_ino == open.inode) return open;
  forget(open);
  open.file = ::open(whole.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (open.file < 0 || fstat(open.file, &facts) != 0) fail(whole);
  open.inode = facts.st_ino;
  return open;
}

void ImageDirectory::put_file(const std::string& path, const Image::File& file) {
  Open& open = opened(path);
  if (ftruncate(open.file, static_cast<off_t>(file.size)) != 0) fail(path);
  if (file.size > open.mapped) {
    if (open.pages != nullptr) munmap(open.pages, open.mapped);
    open.mapped = (file.size / mapped_step + 1) * mapped_step;
    void* pages = mmap(nullptr, open.mapped, PROT_READ | PROT_WRITE, MAP_SHARED, open.file, 0);
    if (pages == MAP_FAILED) fail(path);
    open.pages = static_cast<std::byte*>(pages);
  }
  Image::contents(file, scratch_);
  for (std::size_t at = 0; at < scratch_.size(); at += compared_at_once) {
    const std::size_t size = std::min(compared_at_once, scratch_.size() - at);
    if (std::memcmp(open.pages + at, scratch_.data() + at, size) == 0) continue;
    std::memcpy(open.pages + at, scratch_.data() + at, size);
  }
}

}  // namespace peerq::crash
