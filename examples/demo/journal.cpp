#include "journal.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <charconv>
#include <fstream>
#include <stdexcept>
#include <system_error>

namespace demo {

namespace {

[[noreturn]] void fail(const std::string& what) {
  throw std::system_error(errno, std::generic_category(), what);
}

void cut_unfinished_line(int descriptor, std::size_t line_size) {
  struct stat facts {};
  if (::fstat(descriptor, &facts) != 0) fail("journal: fstat");
  const auto size = static_cast<std::size_t>(facts.st_size);
  if (::ftruncate(descriptor, static_cast<off_t>(size - size % line_size)) != 0) fail("journal: ftruncate");
}

template <class Number>
Number parse(std::string_view text) {
  Number out = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error != std::errc() || end != text.data() + text.size()) {
    throw std::runtime_error(fmt::format("a journal holds '{}', which is no number", text));
  }
  return out;
}

/// Calls `take` with each whole line, without its end.
template <class Take>
void for_each_line(const std::filesystem::path& path, std::size_t line_size, Take take) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (file.eof()) return;
    if (line.size() + 1 != line_size)
      throw std::runtime_error(path.string() + " holds a line of another length");
    take(std::string_view(line));
  }
}

}  // namespace

Journal::Journal(const std::filesystem::path& path, std::size_t line_size)
    : descriptor_(::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600)) {
  if (descriptor_ < 0) fail(path.string());
  cut_unfinished_line(descriptor_, line_size);
}

Journal::~Journal() { ::close(descriptor_); }

void Journal::append(std::string_view lines) const {
  const auto written = ::write(descriptor_, lines.data(), lines.size());
  if (written != static_cast<ssize_t>(lines.size())) fail("journal: write");
}

std::string number_line(RecordNumber number) { return fmt::format("{:07}\n", number); }

std::string digested_line(const Digested& what) {
  return fmt::format("{:07} {} {:012} {:32}\n", what.number, what.from_file ? 'f' : 'n', what.size,
                     what.digest);
}

std::vector<RecordNumber> read_numbers(const std::filesystem::path& path) {
  std::vector<RecordNumber> out;
  for_each_line(path, number_line_size,
                [&](std::string_view line) { out.push_back(parse<RecordNumber>(line)); });
  return out;
}

std::vector<Digested> read_digested(const std::filesystem::path& path) {
  std::vector<Digested> out;
  for_each_line(path, digested_line_size, [&](std::string_view line) {
    out.push_back({.number = parse<RecordNumber>(line.substr(0, 7)),
                   .from_file = line[8] == 'f',
                   .size = parse<std::uint64_t>(line.substr(10, 12)),
                   .digest = std::string(line.substr(23))});
  });
  return out;
}

std::uint64_t count_lines(const std::filesystem::path& path, std::size_t line_size) {
  std::error_code absent;
  const auto size = std::filesystem::file_size(path, absent);
  return absent ? 0 : size / line_size;
}

}  // namespace demo
