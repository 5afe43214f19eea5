#pragma once
// Whole files as strings.

#include <fstream>
#include <iterator>
#include <string>

namespace peerq::test {

/// What stands in a file; empty when there is none.
inline std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

inline void write_file(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

}  // namespace peerq::test
