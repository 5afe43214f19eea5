#include "support/history/history.hpp"

#include <algorithm>
#include <fstream>
#include <map>
#include <sstream>
#include <stdexcept>
#include <tuple>

namespace peerq::history {

namespace {

/// Takes lines in; the record of an operation's end replaces that of its beginning.
class Merger {
 public:
  void add(std::string_view text) {
    while (!text.empty()) {
      const auto end = text.find('\n');
      if (end == text.npos) {
        ++history_.damaged_lines;
        return;
      }
      line(text.substr(0, end));
      text.remove_prefix(end + 1);
    }
  }

  History finish() {
    std::stable_sort(history_.operations.begin(), history_.operations.end(),
                     [](const Operation& a, const Operation& b) { return a.start_us < b.start_us; });
    return std::move(history_);
  }

 private:
  void line(std::string_view text) {
    if (text.find_first_not_of(' ') == text.npos || text.front() == '#') return;
    auto operation = parse_operation(text);
    if (!operation) {
      ++history_.damaged_lines;
      return;
    }
    if (operation->number == 0) operation->number = --unnamed_;
    const auto name = std::tuple(operation->process, operation->number, operation->part);
    const auto [known, added] = places_.emplace(name, history_.operations.size());
    if (added) {
      history_.operations.push_back(std::move(*operation));
    } else {
      history_.operations[known->second] = std::move(*operation);
    }
  }

  History history_;
  std::map<std::tuple<std::uint32_t, std::uint64_t, std::uint32_t>, std::size_t> places_;
  std::uint64_t unnamed_ = 0;
};

}  // namespace

History read_history(std::string_view text) {
  Merger merger;
  merger.add(text);
  return merger.finish();
}

History read_files(const std::vector<std::string>& paths) {
  Merger merger;
  for (const auto& path : paths) {
    std::ifstream file(path, std::ios::binary);
    if (!file) throw std::runtime_error("history: cannot read " + path);
    std::ostringstream text;
    text << file.rdbuf();
    merger.add(text.str());
  }
  return merger.finish();
}

}  // namespace peerq::history
