#pragma once
// A file's bytes at once, for tests that look at or replace what is on disk.

#include <fstream>
#include <iterator>
#include <string>

namespace peerq::test {

inline std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

inline void write_file(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

}  // namespace peerq::test
