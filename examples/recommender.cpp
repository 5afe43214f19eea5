// A recommender: which Debian packages go together, learnt from a stream of events, one for each installed
// package and what it depends on. Events are counted in batches; each batch makes recommendations stale,
// which are computed anew in the background, while users' questions go first. Usage: example_recommender
// [DATA_DIRECTORY [STATUS_FILE]]; the file is dpkg's, of this machine if none is given.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <future>
#include <iterator>
#include <map>
#include <peerq/peerq.hpp>
#include <set>
#include <span>
#include <sstream>
#include <thread>

namespace {

using namespace std::chrono_literals;
using Names = std::vector<std::string>;

constexpr std::uint8_t user_priority = 9, background_priority = 1;
constexpr std::size_t best_count = 4;

Names split(std::string_view text) {
  std::istringstream words{std::string(text)};
  return {std::istream_iterator<std::string>(words), {}};
}

/// "a (>= 1), b:any | c" -> a, b: of alternatives the first.
Names parse_dependencies(const std::string& text) {
  Names names;
  std::istringstream parts(text);
  for (std::string part; std::getline(parts, part, ',');)
    for (auto& name : split(part.substr(0, part.find_first_of("(|:[")))) names.push_back(std::move(name));
  return names;
}

/// A basket for each installed package: itself and what it depends on.
std::vector<Names> read_baskets(const std::string& file) {
  std::ifstream status(file);
  if (!status) throw std::runtime_error("recommender: cannot read " + file + ", dpkg's list of packages");
  std::vector<Names> baskets;
  bool installed = false;
  for (std::string line; std::getline(status, line);) {
    const auto colon = line.find(": ");
    const std::string field = line.substr(0, colon);
    if (colon == std::string::npos || (baskets.empty() && field != "Package")) continue;
    if (field == "Package") baskets.push_back({line.substr(colon + 2)});
    if (field == "Status") installed = line.ends_with(" installed");
    if (field == "Status" && !installed) baskets.pop_back();
    if (!installed || (field != "Depends" && field != "Pre-Depends")) continue;
    for (auto& name : parse_dependencies(line.substr(colon + 2))) baskets.back().push_back(std::move(name));
  }
  return baskets;
}

/// What was learnt. It is in memory here; a real one keeps its counts on disk, with the ids of the events in
/// them, so that an event that comes twice counts once.
class Model {
 public:
  void count(const std::set<std::string>& basket) {
    ++events_;
    for (const auto& one : basket) {
      for (const auto& other : basket) ++together_[one][other];
    }
  }

  /// The most similar ones: in how many of the baskets of either are both.
  Names best(const std::string& package) const {
    if (!together_.contains(package)) return {};
    std::vector<std::pair<double, std::string>> ranked;  // negative: the best first
    for (const auto& [other, both] : together_.at(package))
      ranked.emplace_back(-both / std::sqrt(1.0 * baskets(package) * baskets(other)), other);
    std::ranges::sort(ranked);
    Names names;
    for (const auto& [rank, name] : ranked)
      if (name != package && names.size() < best_count) names.push_back(name);
    return names;
  }
  int events() const { return events_; }

 private:
  int baskets(const std::string& package) const { return together_.at(package).at(package); }

  int events_ = 0;
  std::map<std::string, std::map<std::string, int>> together_ = {};
};

/// As many batches as are needed.
void send_all(const peerq::Queue& queue, std::span<const peerq::Message> messages) {
  while (!messages.empty()) {
    const auto batch = messages.first(std::min<std::size_t>(messages.size(), 1'000));
    for (const auto& sent : queue.send(batch).value()) sent.value();
    messages = messages.subspan(batch.size());
  }
}

/// Counts all events, a batch at a time; asks for the recommendations that each batch made stale.
int aggregate(const peerq::Queue& events, const peerq::Queue& work, Model& model) {
  std::set<std::string> asked;
  for (int batches = 0;; ++batches) {
    const auto batch = events.receive({.max_messages = 100}).value();
    if (batch.empty()) return batches;
    std::vector<peerq::Message> stale;
    for (const auto& event : batch) {
      const auto names = split(event.body());
      model.count({names.begin(), names.end()});
      for (const auto& name : names) {
        if (asked.insert(name).second) stale.push_back({name, {.priority = background_priority}});
      }
    }
    send_all(work, stale);  // before the events are gone: a crash between makes work twice and loses none
    for (const auto& deleted : events.erase(batch).value()) deleted.value();
  }
}

struct Worked {
  std::size_t recomputed_before_queries = 0;
  std::map<std::string, Names> recommendations = {};
};

/// Does all that waits, a batch at a time.
Worked work_off(const peerq::Queue& work, const Model& model) {
  Worked done;
  for (;;) {
    const auto batch = work.receive({.max_messages = 50}).value();
    if (batch.empty()) return done;
    std::vector<peerq::Delivery> recomputed;
    for (const auto& task : batch) {
      const std::string package(task.body());
      if (task.attributes().contains("query")) {
        task.done(fmt::format("{}", fmt::join(model.best(package), " "))).value();
        done.recomputed_before_queries = done.recommendations.size();
      } else {
        done.recommendations[package] = model.best(package);
        recomputed.push_back(task);
      }
    }
    if (recomputed.empty()) continue;
    for (const auto& deleted : work.erase(recomputed).value()) deleted.value();
  }
}

int run(const std::string& directory, const std::string& file) {
  const auto baskets = read_baskets(file);
  auto node = peerq::Node::open({.data_dir = directory}).value();
  auto events = node.create_queue("events").value();
  auto work = node.create_queue("work").value();
  for (const auto& queue : {events, work}) queue.purge().value();  // of a run that was killed

  std::vector<peerq::Message> messages;
  for (const auto& basket : baskets) messages.push_back({fmt::format("{}", fmt::join(basket, " ")), {}});
  send_all(events, messages);
  Model model;
  const int batches = aggregate(events, work, model);
  const auto waiting = work.statistics().value().ready;

  const Names questions{"libstdc++6", "cmake", "git"};
  std::map<std::string, std::future<peerq::RequestOutcome>> answers;
  for (const auto& package : questions) {
    answers[package] = std::async(std::launch::async, [=] {
      return work.request(package, {.message = {.attributes = {{"query", ""}}, .priority = user_priority}})
          .value();
    });
  }
  while (work.statistics().value().ready < waiting + questions.size()) std::this_thread::sleep_for(1ms);
  const Worked worked = work_off(work, model);

  bool right = model.events() == static_cast<int>(baskets.size()) && worked.recomputed_before_queries == 0;
  for (auto& [package, answer] : answers) {
    const auto names = split(answer.get().result);
    fmt::print("with {} go: {}\n", package, fmt::join(names, ", "));
    right =
        right && (!worked.recommendations.contains(package) || worked.recommendations.at(package) == names);
    // What is written in C++ needs both of these.
    if (package == "libstdc++6") right = right && std::ranges::count(names, "libgcc-s1") == 1;
  }
  node.close().value();
  fmt::print("{} events counted in {} batches, {} queries answered before {} recomputations\n",
             model.events(), batches, answers.size(),
             worked.recommendations.size() - worked.recomputed_before_queries);
  return right ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc > 1 ? argv[1] : "recommender.peerq", argc > 2 ? argv[2] : "/var/lib/dpkg/status");
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 1;
  }
}
