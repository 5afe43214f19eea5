#include "session.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "machine.hpp"

namespace peerq::bench {

namespace {

/// A figure for people: about four digits.
std::string figure(double value) {
  if (value == 0) return "0";
  if (value >= 1000) return fmt::format("{:.0f}", value);
  if (value >= 100) return fmt::format("{:.1f}", value);
  return value >= 1 ? fmt::format("{:.2f}", value) : fmt::format("{:.3f}", value);
}

/// Digits beyond these are cut off: a ratio below its target never looks met.
std::string ratio_figure(double ratio) { return fmt::format("{:.2f}", cut(ratio, 100)); }

using Cells = std::array<std::string, 8>;

const Cells headings{"case", "value", "unit", "floor", "floor value", "ratio", "target", "met"};

Cells cells_of(const Row& row) {
  return {row.of.name,
          figure(row.value),
          row.of.unit,
          row.of.floor,
          figure(row.floor_value),
          ratio_figure(row.ratio),
          fmt::format("{:.2f}", row.of.target),
          row.met() ? "yes" : "no"};
}

/// The figures beside a row; empty when there are none.
std::string beside_of(const Row& row) {
  std::string out;
  for (const auto& [name, value] : row.beside) {
    out += fmt::format("{}{} {}", out.empty() ? "" : ", ", name, figure(value));
  }
  return out;
}

bool is_number(std::size_t column) { return column == 1 || column >= 4; }

std::string json_text(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

}  // namespace

Session::Session(Settings settings) : settings_(std::move(settings)) {
  std::filesystem::create_directories(settings_.data);
  if (settings_.json_file.empty()) return;
  json_ = std::fopen(settings_.json_file.c_str(), "w");
  if (json_ == nullptr) throw CannotMeasure("cannot write " + settings_.json_file);
}

Session::~Session() {
  if (json_ != nullptr) std::fclose(json_);
}

void Session::report(const Case& of, const Rounds& rounds,
                     std::vector<std::pair<std::string, double>> beside) {
  Row row{.of = of,
          .value = rounds.value(),
          .floor_value = rounds.floor(),
          .ratio = cut(rounds.ratio(), 10'000),
          .rounds = rounds.count(),
          .beside = {}};
  if (rounds.has_percentiles()) row.beside = {{"p50_us", rounds.p50_us()}, {"p99_us", rounds.p99_us()}};
  row.beside.insert(row.beside.end(), beside.begin(), beside.end());
  if (json_ != nullptr) write_json(row);
  rows_.push_back(std::move(row));
}

bool Session::begins(const std::string& name) const {
  if (name.find(settings_.only) == std::string::npos) return false;
  if (isatty(STDERR_FILENO) != 0) fmt::print(stderr, "bench: {}\n", name);
  return true;
}

void Session::finish_suite() {
  if (rows_.empty()) return;
  settings_.markdown ? print_markdown() : print_table();
  std::fflush(stdout);
  rows_.clear();
}

void Session::write_json(const Row& row) {
  std::string beside;
  for (const auto& [name, value] : row.beside) beside += fmt::format("{}:{:.6g},", json_text(name), value);
  fmt::print(json_,
             "{{\"suite\":{},\"case\":{},\"unit\":{},\"value\":{:.6g},{}\"floor\":{},\"floor_value\":{:.6g},"
             "\"ratio\":{:.10g},\"target\":{:.4g},\"rounds\":{},\"met\":{}}}\n",
             json_text(row.of.suite), json_text(row.of.name), json_text(row.of.unit), row.value, beside,
             json_text(row.of.floor), row.floor_value, row.ratio, row.of.target, row.rounds, row.met());
  std::fflush(json_);
}

void Session::print_table() const {
  std::vector<Cells> lines{headings};
  for (const Row& row : rows_) lines.push_back(cells_of(row));
  std::array<std::size_t, headings.size()> widths{};
  for (const Cells& line : lines) {
    for (std::size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], line[i].size());
  }
  fmt::print("{}\n", rows_.front().of.suite);
  for (std::size_t at = 0; at < lines.size(); ++at) {
    std::string text;
    for (std::size_t i = 0; i < widths.size(); ++i) {
      text += is_number(i) ? fmt::format("  {:>{}}", lines[at][i], widths[i])
                           : fmt::format("  {:<{}}", lines[at][i], widths[i]);
    }
    fmt::print("{}\n", text);
    if (at == 0) continue;
    if (const std::string beside = beside_of(rows_[at - 1]); !beside.empty())
      fmt::print("    ({})\n", beside);
  }
  const auto met = std::count_if(rows_.begin(), rows_.end(), [](const Row& row) { return row.met(); });
  fmt::print("{}: {} of {} targets met\n\n", rows_.front().of.suite, met, rows_.size());
}

void Session::print_markdown() const {
  fmt::print("## {}\n\n", rows_.front().of.suite);
  fmt::print("{}\n\n", machine_facts(settings_.data));
  std::string line = "|";
  std::string rule = "|";
  for (std::size_t i = 0; i < headings.size(); ++i) {
    line += fmt::format(" {} |", headings[i]);
    rule += is_number(i) ? " ---: |" : " --- |";
  }
  fmt::print("{} beside | rounds |\n{} --- | ---: |\n", line, rule);
  for (const Row& row : rows_) {
    std::string text = "|";
    for (const std::string& cell : cells_of(row)) text += fmt::format(" {} |", cell);
    fmt::print("{} {} | {} |\n", text, beside_of(row), row.rounds);
  }
  fmt::print("\n");
}

}  // namespace peerq::bench
