#pragma once
// A run of the program: its settings, and the rows that the suites report.

#include <cstddef>
#include <cstdio>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "statistics.hpp"

namespace peerq::bench {

/// A case could not be measured; the program ends with status 1.
class CannotMeasure : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct Settings {
  bool quick = false;
  /// Print Markdown instead of plain tables.
  bool markdown = false;
  /// Empty: none.
  std::string json_file = {};
  /// Only cases whose names contain this; empty: all.
  std::string only = {};
  /// Where the durable cases keep their directories: on the disk that is measured.
  std::filesystem::path data = {};

  /// Alternating rounds of a case.
  std::size_t rounds() const noexcept { return quick ? 5 : 9; }
  /// How much of something: less in a quick run.
  std::size_t scaled(std::size_t quick_count, std::size_t full_count) const noexcept {
    return quick ? quick_count : full_count;
  }
  /// How many operations one side of a round makes, judged by the rate of a first go: about half a second, or
  /// two; a multiple of `step`, at least `least`.
  std::size_t count_for(double per_second, std::size_t step, std::size_t least) const noexcept {
    const auto wanted = static_cast<std::size_t>(per_second * (quick ? 0.5 : 2));
    return (wanted > least ? wanted : least) / step * step;
  }
};

/// What a case is called and measured against.
struct Case {
  std::string suite;
  std::string name;
  std::string unit;
  std::string floor;
  double target = 0;
};

/// A measured case.
struct Row {
  Case of;
  double value = 0;
  double floor_value = 0;
  double ratio = 0;
  std::size_t rounds = 0;
  /// More figures: in the JSON line under these names, below the table for people.
  std::vector<std::pair<std::string, double>> beside = {};

  bool met() const noexcept { return ratio >= of.target; }
};

/// Collects rows, writes each at once to the JSON file, prints the table of a suite when it is complete.
/// **Thread** one at a time.
class Session {
 public:
  explicit Session(Settings settings);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  const Settings& settings() const noexcept { return settings_; }

  /// Medians of the rounds, with p50 and p99 if they were kept.
  /// Where less is better ("at most the floor" among them) the rounds are of Kind::latency.
  void report(const Case& of, const Rounds& rounds, std::vector<std::pair<std::string, double>> beside = {});
  /// Whether the case is wanted; says to people who watch that it begins.
  bool begins(const std::string& name) const;
  /// Prints the rows that were reported since the last call.
  void finish_suite();

 private:
  void write_json(const Row& row);
  void print_table() const;
  void print_markdown() const;

  Settings settings_;
  std::FILE* json_ = nullptr;
  std::vector<Row> rows_;
};

void run_engine_suite(Session& session);
void run_local_suite(Session& session);
void run_backlog_suite(Session& session);
void run_embed_suite(Session& session);

}  // namespace peerq::bench
