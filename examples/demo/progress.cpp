#include "progress.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

#include "words.hpp"

namespace demo {

Progress::Progress(std::uint64_t records) : records_(records), terminal_(::isatty(STDOUT_FILENO) == 1) {}

void Progress::show(const Counts& counts) {
  const std::uint64_t quarters = 4 * counts.processed / records_;
  if (!terminal_ && quarters <= quarters_shown_) return;
  quarters_shown_ = quarters;
  fmt::print("{}  {:>9} of {} sent and acknowledged, {:>9} processed{}", terminal_ ? "\r" : "",
             grouped(counts.acknowledged), grouped(records_), grouped(counts.processed),
             terminal_ ? "" : "\n");
  line_open_ = terminal_;
  std::fflush(stdout);
}

void Progress::pause() {
  if (line_open_) fmt::print("\n");
  line_open_ = false;
}

}  // namespace demo
