#pragma once
// What the soak programs of this kind share: the command line, progress on a terminal, the last line.

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>
#include <vector>

namespace peerq::crash {

/// The common part of a soak program's command line.
class SoakProgram {
 public:
  explicit SoakProgram(std::string name, const std::string& does);

  CLI::App& options() noexcept { return app_; }
  std::uint64_t seed() const noexcept { return seed_; }

  /// Reads the command line; what to exit with, if the program is not to go on.
  int parse(int count, char** arguments);
  /// Shows a figure on a terminal.
  void progress(const std::string& text) const;
  /// Prints a line of its own.
  void say(const std::string& line) const;

  /// Prints the last line, `<name>: <words> violations N seed S seconds T`, and gives the exit status.
  int finish(const std::string& words, std::uint64_t violations, bool complete = true) const;

 private:
  std::string name_;
  CLI::App app_;
  std::uint64_t seed_;
  std::int64_t started_us_;
};

/// Go on: no exit status.
inline constexpr int go_on = -1;

}  // namespace peerq::crash
