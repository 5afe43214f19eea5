#include "workplace.hpp"

#include <cstdlib>
#include <system_error>

namespace demo {

namespace fs = std::filesystem;

namespace {

fs::path fresh_directory() {
  std::string pattern = (fs::temp_directory_path() / "peerq-demo-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) throw std::system_error(errno, std::generic_category(), pattern);
  return pattern;
}

fs::path empty_directory(const fs::path& path) {
  fs::create_directories(path);
  if (!fs::is_empty(path)) {
    throw std::system_error(std::make_error_code(std::errc::directory_not_empty), path.string());
  }
  return path;
}

}  // namespace

OwnedWorkplace::OwnedWorkplace(const std::string& directory, bool keep)
    : place_{directory.empty() ? fresh_directory() : empty_directory(directory)}, keep_(keep) {}

OwnedWorkplace::~OwnedWorkplace() {
  std::error_code ignored;
  if (!keep_) fs::remove_all(place_.root, ignored);
}

}  // namespace demo
