#pragma once
// The input: which lines become records.

#include <filesystem>
#include <string>
#include <vector>

#include "options.hpp"

namespace demo {

struct Records {
  /// One record each; its number is its place here.
  std::vector<std::string> names = {};
  /// Where they come from, in words.
  std::string origin = {};
};

/// Throws std::runtime_error when there is no line to take.
Records gather_records(const Options& options);

void write_records(const std::filesystem::path& path, const std::vector<std::string>& names);
std::vector<std::string> read_records(const std::filesystem::path& path);

}  // namespace demo
