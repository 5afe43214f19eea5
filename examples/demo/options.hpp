#pragma once
// What the demo was asked to do.

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace demo {

inline constexpr std::size_t records_min = 10'000;
inline constexpr std::size_t records_max = 9'999'999;
inline constexpr std::size_t records_default = 20'000;

struct Options {
  /// Each line is a record. Empty: the package file lists of this machine.
  std::vector<std::string> files = {};
  /// How many records. Left out: all lines of `files`, or 20,000 lines of the package file lists.
  std::optional<std::size_t> records = {};
  /// How often the worker is killed.
  std::size_t kills = 1;
  /// Where everything is written. Empty: a fresh temporary directory.
  std::string data_dir = {};
  /// Whether the directory stays.
  bool keep = false;
  /// This process is the worker, started by the supervisor.
  bool worker = false;
};

}  // namespace demo
