#include "backlog_child.hpp"

#include <fmt/format.h>

#include <csignal>
#include <filesystem>

#include "backlog_features.hpp"
#include "child.hpp"
#include "load.hpp"
#include "machine.hpp"
#include "peerq/node.hpp"
#include "session.hpp"

namespace peerq::bench {

namespace {

using Arguments = std::vector<std::string>;

constexpr std::size_t body_bytes = 100;

Load load_of(std::uint64_t messages) {
  return {.messages = messages, .body_bytes = body_bytes, .batch = 250, .outstanding = 8};
}

double mebibytes(std::uint64_t kibibytes) { return static_cast<double>(kibibytes) / 1024; }

/// Ends this process as a crash of it would.
[[noreturn]] void die() {
  std::fflush(stdout);
  std::raise(SIGKILL);
  std::abort();
}

Node open(const std::string& directory, std::uint64_t memory_budget) {
  return Node::open({.data_dir = directory, .memory_budget = memory_budget}).value();
}

/// fill DIRECTORY MESSAGES QUEUES BUDGET: sends to the queues in turns, then dies.
void fill_and_die(const Arguments& arguments) {
  const std::string& directory = arguments.at(1);
  Node node = open(directory, std::stoull(arguments.at(4)));
  std::vector<Queue> queues;
  for (std::uint64_t i = 0; i < std::stoull(arguments.at(3)); ++i) {
    queues.push_back(node.create_queue(fmt::format("bench-{}", i)).value());
  }
  const std::uint64_t before = process_status("RssAnon");
  say("fill_seconds", fill(queues, load_of(std::stoull(arguments.at(2)))));
  const std::uint64_t after = process_status("RssAnon");
  say("memory_mib", mebibytes(after - std::min(after, before)));
  die();
}

/// life DIRECTORY MESSAGES ROUNDS BUDGET: fills and drains so many times.
void fill_and_drain(const Arguments& arguments) {
  const std::filesystem::path directory = arguments.at(1);
  Node node = open(directory, std::stoull(arguments.at(4)));
  const Queue queue = node.create_queue("bench").value();
  const Load load = load_of(std::stoull(arguments.at(2)));
  const std::uint64_t rounds = std::stoull(arguments.at(3));
  for (std::uint64_t round = 1; round <= rounds; ++round) {
    const double fill_seconds = fill(std::span(&queue, 1), load);
    const double drain_seconds = drain(queue, load);
    if (round == 1) {
      say("fill_seconds", fill_seconds);
      say("drain_seconds", drain_seconds);
      say("state_first", static_cast<double>(folder_size(directory / "state").bytes));
      say("log_first", static_cast<double>(folder_size(directory / "log").bytes));
    }
  }
  say("state_last", static_cast<double>(folder_size(directory / "state").bytes));
  say("log_last", static_cast<double>(folder_size(directory / "log").bytes));
  node.close().value();
}

/// first DIRECTORY close|kill: opens, receives a message, and ends.
void receive_first(const Arguments& arguments) {
  const auto begin = Clock::now();
  Node node = open(arguments.at(1), limits::memory_budget_default);
  const double open_seconds = seconds_since(begin);
  const Queue queue = node.open_queue("bench-0").value();
  const auto received = queue.receive({.wait = std::chrono::seconds(30)}).value();
  const double seconds = seconds_since(begin);
  if (received.size() != 1 || received.front().body().size() != body_bytes) {
    throw CannotMeasure("no message after opening");
  }
  say("first_ms", seconds * 1000);
  say("open_ms", open_seconds * 1000);
  if (arguments.at(2) == "kill") die();
  node.close().value();
}

/// reopen DIRECTORY: opens, counts, closes cleanly.
void reopen(const Arguments& arguments) {
  Node node = open(arguments.at(1), limits::memory_budget_default);
  double messages = 0;
  for (const auto& queue : node.list_queues().value()) {
    messages += static_cast<double>(node.open_queue(queue.name).value().statistics().value().ready);
  }
  say("messages", messages);
  node.close(std::chrono::minutes(2)).value();
}

}  // namespace

int run_child(const std::vector<std::string>& arguments) {
  const std::string part = arguments.empty() ? "" : arguments.front();
  if (part == "fill") {
    fill_and_die(arguments);
  } else if (part == "life") {
    fill_and_drain(arguments);
  } else if (part == "first") {
    receive_first(arguments);
  } else if (part == "reopen") {
    reopen(arguments);
  } else if (part == "feature") {
    live_with_feature(arguments);
  } else if (part == "neighbour") {
    purge_beside(arguments);
  } else {
    return 2;
  }
  return 0;
}

}  // namespace peerq::bench
