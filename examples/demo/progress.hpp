#pragma once
// What is shown while the worker runs: one line that changes on a terminal, a few lines elsewhere.

#include <cstdint>

namespace demo {

struct Counts {
  std::uint64_t acknowledged = 0;
  std::uint64_t processed = 0;

  friend bool operator==(const Counts&, const Counts&) = default;
};

class Progress {
 public:
  explicit Progress(std::uint64_t records);

  void show(const Counts& counts);
  /// Ends the changing line, so that something else can be printed.
  void pause();

 private:
  std::uint64_t records_;
  bool terminal_;
  bool line_open_ = false;
  std::uint64_t quarters_shown_ = 0;
};

}  // namespace demo
