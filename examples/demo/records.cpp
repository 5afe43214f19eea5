#include "records.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <limits>
#include <stdexcept>

#include "words.hpp"

namespace demo {

namespace fs = std::filesystem;

namespace {

constexpr const char* package_lists = "/var/lib/dpkg/info";

std::vector<fs::path> find_package_lists() {
  std::vector<fs::path> out;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(package_lists, ignored)) {
    if (entry.path().extension() == ".list") out.push_back(entry.path());
  }
  std::sort(out.begin(), out.end());
  return out;
}

bool names_a_file(const std::string& line) {
  std::error_code ignored;
  return fs::is_regular_file(line, ignored);
}

/// Appends the lines of a file that are wanted, until there are `most`.
template <class Wanted>
void take_lines(const fs::path& path, std::size_t most, Wanted wanted, std::vector<std::string>& out) {
  std::ifstream file(path);
  if (!file) throw std::runtime_error("cannot read " + path.string());
  for (std::string line; out.size() < most && std::getline(file, line);) {
    if (!line.empty() && wanted(line)) out.push_back(line);
  }
}

/// Goes over the lines again until there are enough.
void repeat_until(std::size_t enough, std::vector<std::string>& names) {
  const std::size_t lines = names.size();
  names.reserve(std::max(enough, lines));
  while (names.size() < enough) names.push_back(names[names.size() % lines]);
}

}  // namespace

Records gather_records(const Options& options) {
  Records out;
  const bool given = !options.files.empty();
  const std::size_t most = options.records.value_or(given ? records_max : records_default);
  if (given) {
    for (const auto& file : options.files)
      take_lines(
          file, most, [](const auto&) { return true; }, out.names);
    out.origin = fmt::format("lines of {}", counted(options.files.size(), "file"));
  } else {
    for (const auto& list : find_package_lists()) take_lines(list, most, names_a_file, out.names);
    out.origin = fmt::format("lines of the package file lists in {} that name a file", package_lists);
  }
  if (out.names.empty()) {
    throw std::runtime_error(given
                                 ? "the given files have no lines"
                                 : "this machine has no package file lists; name files whose lines to take");
  }
  const std::size_t lines = out.names.size();
  repeat_until(options.records.value_or(records_min), out.names);
  if (out.names.size() > lines)
    out.origin += fmt::format(" (there are {}; taken again and again)", grouped(lines));
  return out;
}

void write_records(const fs::path& path, const std::vector<std::string>& names) {
  std::ofstream file(path);
  for (const auto& name : names) file << name << '\n';
  if (!file.flush()) throw std::runtime_error("cannot write " + path.string());
}

std::vector<std::string> read_records(const fs::path& path) {
  std::vector<std::string> out;
  take_lines(
      path, std::numeric_limits<std::size_t>::max(), [](const auto&) { return true; }, out);
  return out;
}

}  // namespace demo
