// The processes of backlog_features.cpp.

#include <fmt/format.h>

#include <memory>
#include <thread>

#include "backlog_features.hpp"
#include "child.hpp"
#include "load.hpp"
#include "machine.hpp"
#include "peerq/node.hpp"
#include "session.hpp"
#include "varied.hpp"

namespace peerq::bench {

namespace {

using std::chrono::system_clock;

constexpr Milliseconds whole_day = std::chrono::hours(24);
/// Nothing that is spread over the day comes due while the rest is measured.
constexpr Milliseconds first_due = std::chrono::hours(1);
/// How long sends of what comes due at once may take.
constexpr Milliseconds ahead = std::chrono::seconds(5);

/// A kind of queue, and what its messages have.
struct Feature {
  QueueOptions options = {};
  VaryMessage vary = {};
};

VaryMessage to_groups(std::uint64_t count) {
  const auto names = std::make_shared<std::vector<std::string>>(group_names(count));
  return [names](std::uint64_t number, SendOptions& options) {
    options.group_id = (*names)[number % names->size()];
  };
}

/// The memory of group names is taken here, before memory is looked at. **Errors** throws CannotMeasure.
Feature feature_of(const std::string& kind, std::uint64_t messages) {
  if (kind == "plain") return {};
  if (kind == "groups") return {.options = {.type = QueueType::fifo}, .vary = to_groups(messages)};
  if (kind == "group") return {.options = {.type = QueueType::fifo}, .vary = to_groups(1)};
  if (kind == "deduplication") {
    return {.vary = [](std::uint64_t number, SendOptions& options) {
      write_id(number, options.deduplication_id);
    }};
  }
  if (kind != "delayed") throw CannotMeasure("no feature " + kind);
  return {.vary = [](std::uint64_t number, SendOptions& options) {
    constexpr auto span = static_cast<std::uint64_t>((whole_day - first_due).count());
    options.delay = first_due + Milliseconds(static_cast<std::int64_t>(mixed(number) % span));
  }};
}

/// Sends so many that all come due at one time, and waits for it.
void send_due_at_once(const Queue& queue, Load load) {
  const auto due = system_clock::now() + ahead;
  load.vary = [due](std::uint64_t, SendOptions& options) { options.deliver_at = due; };
  fill(std::span(&queue, 1), load);
  if (system_clock::now() >= due) throw CannotMeasure("sends took longer than what they sent was delayed");
  std::this_thread::sleep_until(due);
}

/// What the traffic of a queue notes: the longest time from one acknowledgement to the next.
class Traffic {
 public:
  explicit Traffic(const Queue& queue) : queue_(queue) {}

  /// One message at a time is sent, received and deleted, for so long.
  void run(Milliseconds length) {
    const auto begin = Clock::now();
    auto last = begin;
    const auto note = [&] {
      const auto now = Clock::now();
      longest_ = std::max(longest_, std::chrono::duration<double, std::milli>(now - last).count());
      last = now;
      ++calls_;
    };
    while (last - begin < length) {
      queue_.send(body_).value();
      note();
      const auto received = queue_.receive({.wait = std::chrono::seconds(30)}).value();
      note();
      if (received.size() != 1) throw CannotMeasure("nothing arrived");
      received.front().erase().value();
      note();
    }
  }

  double longest_ms() const noexcept { return longest_; }
  double calls() const noexcept { return static_cast<double>(calls_); }

 private:
  Queue queue_;
  std::string body_ = std::string(100, 'b');
  double longest_ = 0;
  std::uint64_t calls_ = 0;
};

}  // namespace

void live_with_feature(const std::vector<std::string>& arguments) {
  const std::string& kind = arguments.at(1);
  Load load{.messages = std::stoull(arguments.at(3)), .body_bytes = 100, .batch = 250, .outstanding = 8};
  const Feature feature = feature_of(kind, load.messages);
  load.vary = feature.vary;
  Node node = Node::open({.data_dir = arguments.at(2)}).value();
  const Queue queue = node.create_queue("bench-0", feature.options).value();
  const std::uint64_t before = process_status("RssAnon");
  say("fill_seconds", fill(std::span(&queue, 1), load));
  const std::uint64_t after = process_status("RssAnon");
  say("memory_mib", static_cast<double>(after - std::min(after, before)) / 1024);
  if (arguments.size() <= 4) return say("drain_seconds", drain(queue, load));
  load = {.messages = std::stoull(arguments.at(4)), .body_bytes = 100, .batch = 250, .outstanding = 8};
  const Queue beside = node.create_queue("beside").value();
  if (kind == "delayed") {
    send_due_at_once(beside, load);
  } else {
    fill(std::span(&beside, 1), load);
  }
  say("drain_seconds", drain(beside, load));
}

void purge_beside(const std::vector<std::string>& arguments) {
  Load load{.messages = std::stoull(arguments.at(3)), .body_bytes = 100, .batch = 250, .outstanding = 8};
  const Feature feature = feature_of(arguments.at(1), load.messages);
  load.vary = feature.vary;
  Node node = Node::open({.data_dir = arguments.at(2)}).value();
  const Queue deep = node.create_queue("deep", feature.options).value();
  const Queue beside = node.create_queue("beside").value();
  const Milliseconds length(std::stoll(arguments.at(5)));
  for (std::uint64_t round = 0; round < std::stoull(arguments.at(4)); ++round) {
    fill(std::span(&deep, 1), load);
    std::this_thread::sleep_for(std::chrono::milliseconds(500));  // the fill's checkpoint ends
    Traffic without(beside);
    without.run(length);
    Traffic with(beside);
    std::uint64_t purged = 0;
    std::thread purger([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
      purged = deep.purge().value();
    });
    with.run(length);
    purger.join();
    if (purged != load.messages) throw CannotMeasure("the purge missed messages");
    say(fmt::format("without_{}", round), without.longest_ms());
    say(fmt::format("with_{}", round), with.longest_ms());
    say(fmt::format("calls_without_{}", round), without.calls());
    say(fmt::format("calls_with_{}", round), with.calls());
  }
}

}  // namespace peerq::bench
