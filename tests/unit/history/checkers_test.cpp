// Every hand-written history of histories.txt is judged as it is labelled.
#include <catch2/catch_test_macros.hpp>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "support/history/checkers.hpp"
#include "support/paths.hpp"

namespace peerq::history {
namespace {

struct Labelled {
  /// "good", "undecided", or "bad I4".
  std::string label;
  std::string name;
  Rules rules;
  std::string text;
};

void read_rules(const std::string& line, Rules& rules) {
  std::istringstream words(line);
  for (std::string word; words >> word;) {
    const auto equals = word.find('=');
    if (equals == word.npos) continue;
    std::istringstream values(word.substr(equals + 1));
    for (std::string value; std::getline(values, value, ',');) {
      const auto arrow = value.find('>');
      if (arrow == value.npos) {
        rules.may_expire.insert(value);
      } else {
        rules.dead_letter[value.substr(0, arrow)] = value.substr(arrow + 1);
      }
    }
  }
}

std::vector<Labelled> read_histories() {
  std::ifstream file(test::source_dir() + "tests/unit/history/histories.txt");
  std::vector<Labelled> all;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("== ")) {
      const auto colon = line.find(": ");
      all.push_back({line.substr(3, colon - 3), line.substr(colon + 2), {}, {}});
    } else if (line.starts_with("rules ")) {
      read_rules(line, all.back().rules);
    } else if (!all.empty()) {
      all.back().text += line + "\n";
    }
  }
  if (all.empty()) throw std::runtime_error("no histories were found");
  return all;
}

std::string violations_of(const Verdict& verdict) {
  std::string text;
  for (const auto& one : verdict.findings.violations) text += name_of(one.invariant) + ": " + one.what + "\n";
  return text;
}

bool violates(const Verdict& verdict, const std::string& invariant) {
  for (const auto& one : verdict.findings.violations) {
    if (name_of(one.invariant) == invariant) return true;
  }
  return false;
}

TEST_CASE("each hand-written history is judged as it is labelled") {
  for (const auto& one : read_histories()) {
    INFO(one.label << ": " << one.name);
    const History history = read_history(one.text);
    CHECK(history.damaged_lines == 0);
    REQUIRE_FALSE(history.operations.empty());
    const Verdict verdict = judge(history, one.rules);
    INFO(violations_of(verdict) << verdict.failure);
    if (one.label == "good") {
      CHECK(verdict.failure.empty());
    } else if (one.label == "undecided") {
      CHECK(verdict.findings.violations.empty());
      CHECK(verdict.findings.undecided > 0);
      CHECK_FALSE(verdict.failure.empty());
    } else {
      CHECK(violates(verdict, one.label.substr(4)));
      CHECK_FALSE(verdict.failure.empty());
    }
  }
}

TEST_CASE(
    "there are at least 60 hand-written histories, half of them bad, and every invariant has a bad one") {
  std::map<std::string, int> labels;
  int good = 0;
  int bad = 0;
  for (const auto& one : read_histories()) {
    ++labels[one.label];
    good += one.label == "good" ? 1 : 0;
    bad += one.label.starts_with("bad ") ? 1 : 0;
  }
  CHECK(good >= 30);
  CHECK(bad >= 30);
  for (const char* invariant : {"I1", "I2", "I3", "I4", "I5", "I8", "I9", "I10"}) {
    INFO(invariant);
    CHECK(labels["bad " + std::string(invariant)] >= 3);
  }
}

TEST_CASE("a message that is gone is counted as lost, one that was deleted twice is not") {
  const auto losses = [](const std::string& text) {
    std::size_t count = 0;
    for (const auto& one : judge(read_history(text), {}).findings.violations) count += one.loss ? 1 : 0;
    return count;
  };
  CHECK(losses("1 0-10 send ok m=a\n1 11-12 send ok m=b\n2 20-30 drained ok\n") == 2);
  const std::string received = "1 0-10 send ok m=a\n2 20-30 receive ok m=a n=1 c=1 v=1\n";
  CHECK(losses(received +
               "2 2000-2010 erase ok m=a n=1\n3 2020-2030 erase ok m=a n=1\n3 3000-3000 drained ok\n") == 0);
}

TEST_CASE("a run with too few operations that were ok fails") {
  const History history = read_history("1 0-10 send fail m=a\n1 20-30 send info m=b\n");
  CHECK_FALSE(judge(history, {}).failure.empty());
  Rules rules;
  rules.ok_operations_min = 4;
  const History three =
      read_history("1 0-1 send ok m=a\n1 2-3 receive ok m=a n=1 c=1 erase\n1 4-5 drained ok\n");
  CHECK(judge(three, {}).failure.empty());
  CHECK_FALSE(judge(three, rules).failure.empty());
}

TEST_CASE("a run of which more than a twentieth cannot be decided fails") {
  std::string text;
  for (int i = 0; i < 100; ++i) {
    const std::string id = std::to_string(i);
    text += "1 " + std::to_string(i) + "-" + std::to_string(i) + " send ok m=" + id + "\n";
    if (i < 96) text += "1 200-300 receive ok erase n=1 c=1 m=" + id + "\n";
  }
  CHECK(judge(read_history(text), {}).failure.empty());
  text += "1 50-51 send ok m=more\n1 52-53 send ok m=and-more\n";
  CHECK_FALSE(judge(read_history(text), {}).failure.empty());
}

TEST_CASE("deliveries beyond a message's first are counted, and are no violation") {
  const History history = read_history(
      "1 0-10 send ok m=a\n2 20-30 receive ok m=a n=1 c=1 v=1\n3 5000-5010 receive ok m=a n=2 c=2 v=1\n"
      "3 5020-5030 erase ok m=a n=2\n3 6000-6000 drained ok\n");
  const Verdict verdict = judge(history, {});
  CHECK(verdict.failure.empty());
  CHECK(verdict.duplicates == 1);
}

}  // namespace
}  // namespace peerq::history
