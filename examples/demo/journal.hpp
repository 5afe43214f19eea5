#pragma once
// Notes that outlive a killed process: files of lines of one length, each appended by one write.
//
// They are the demo's own evidence, apart from the queue: the proof compares what they say. Nothing is
// synced, because what is written survives the death of its process; only a power cut would take it.

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace demo {

using RecordNumber = std::uint32_t;

/// What a handler found.
struct Digested {
  RecordNumber number = 0;
  /// The named file was read; otherwise there was none and the line itself was taken.
  bool from_file = false;
  std::uint64_t size = 0;
  std::string digest = {};
};

/// **Thread** any: lines of several threads do not mix.
class Journal {
 public:
  /// Opens or creates it, and cuts off a line that a kill left unfinished. Throws std::system_error.
  Journal(const std::filesystem::path& path, std::size_t line_size);
  ~Journal();
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  /// Whole lines. Throws std::system_error.
  void append(std::string_view lines) const;

 private:
  int descriptor_;
};

inline constexpr std::size_t number_line_size = 8;
inline constexpr std::size_t digested_line_size = 56;

std::string number_line(RecordNumber number);
std::string digested_line(const Digested& what);

/// The whole lines of a journal; none when it does not exist. Throws std::runtime_error on a line that is no
/// such line.
std::vector<RecordNumber> read_numbers(const std::filesystem::path& path);
std::vector<Digested> read_digested(const std::filesystem::path& path);
/// How many whole lines it has.
std::uint64_t count_lines(const std::filesystem::path& path, std::size_t line_size);

}  // namespace demo
