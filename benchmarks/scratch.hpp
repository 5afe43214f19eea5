#pragma once
// A folder for one case, removed with everything in it.

#include <filesystem>
#include <string_view>
#include <utility>

namespace peerq::bench {

/// An empty folder `name` below `parent` for as long as this lives.
class ScratchFolder {
 public:
  ScratchFolder(const std::filesystem::path& parent, std::string_view name) : path_(parent / name) {
    std::filesystem::remove_all(path_);
    std::filesystem::create_directories(path_);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  ~ScratchFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  const std::filesystem::path& path() const noexcept { return path_; }
  /// A path inside it.
  std::filesystem::path operator/(std::string_view name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

}  // namespace peerq::bench
