#include "support/crash/kill_worker.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <functional>
#include <map>
#include <optional>
#include <stdexcept>
#include <thread>
#include <vector>

#include "peerq/node.hpp"
#include "support/crash/kill.hpp"
#include "support/crash/random.hpp"
#include "support/crash/recorded_calls.hpp"
#include "support/history/recorder.hpp"

namespace peerq::crash {

namespace {

constexpr std::uint64_t backlog_max = 400;
/// A process opens the node at most so often.
constexpr std::uint32_t turns_max = 1'000;

template <class T>
T need(Result<T> result, const char* what) {
  if (!result) throw std::runtime_error(fmt::format("{}: {}", what, result.error().text()));
  return std::move(*result);
}

/// Appends lines; survives kill -9 up to a torn last line.
class Lines {
 public:
  explicit Lines(const std::string& path)
      : file_(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)) {}
  ~Lines() { ::close(file_); }
  Lines(const Lines&) = delete;
  Lines& operator=(const Lines&) = delete;

  void add(const std::string& line) {
    const std::string text = line + "\n";
    if (::write(file_, text.data(), text.size()) < 0) std::perror("lines");
  }

 private:
  int file_;
};

void note_opening(const KillPaths& paths, std::chrono::steady_clock::time_point begin) {
  const auto took = std::chrono::steady_clock::now() - begin;
  Lines(paths.openings).add(fmt::format("{}", std::chrono::ceil<std::chrono::milliseconds>(took).count()));
}

/// One life of the process, with what its threads share.
class Life {
 public:
  explicit Life(const Task& task)
      : paths_(task.at("directory")),
        process_(static_cast<std::uint32_t>(task.number("process"))),
        seed_(task.number("seed")),
        queues_(paths_.queues) {}

  /// Until killed; now and then the node is closed and opened, so that kills hit that too.
  void run() {
    Random random(seed_, 0);
    for (std::uint32_t turn = 0;; ++turn) {
      const auto begin = std::chrono::steady_clock::now();
      Node node =
          need(Node::open({.data_dir = paths_.store, .memory_budget = limits::memory_budget_min}), "open");
      if (turn == 0) note_opening(paths_, begin);
      create_queues(node);
      durable_.emplace(paths_.durable, process_ * turns_max + turn);
      interval_.emplace(paths_.interval, process_ * turns_max + turn);
      memory_.emplace(paths_.memory, process_ * turns_max + turn);
      scratch_.emplace(paths_.scratch, process_ * turns_max + turn);
      stopping_ = false;
      {
        std::vector<std::jthread> threads = start(node, turn);
        std::this_thread::sleep_for(std::chrono::milliseconds(100 + random.below(900)));
        stopping_ = true;
      }
      if (random.chance(1, 4)) continue;  // the next one opens without a close
      if (auto closed = node.close(); !closed) throw std::runtime_error("close: " + closed.error().text());
    }
  }

 private:
  void create_queues(Node& node) {
    const auto create = [&](const char* name, const QueueOptions& options) {
      need(node.create_queue(name, options), name);
    };
    create("orders",
           {.visibility_timeout = orders_visibility, .max_receives = 4, .dead_letter_queue = "orders.dead"});
    create("parking", {.visibility_timeout = parking_visibility, .max_receives = 2});
    create("interval", {.durability = Durability::interval, .sync_interval = kill_sync_interval});
    create("memory", {.durability = Durability::memory, .max_messages = 100});
    create("scratch", {.visibility_timeout = scratch_visibility});
  }

  std::vector<std::jthread> start(Node& node, std::uint32_t turn) {
    std::vector<std::jthread> threads;
    std::uint32_t number = turn * 16;
    const auto add = [&](void (Life::*role)(Node&, Random&)) {
      const std::uint64_t part = ++number;
      threads.emplace_back([this, &node, role, part] {
        Random random(seed_, part);
        (this->*role)(node, random);
      });
    };
    add(&Life::produce);
    add(&Life::produce);
    add(&Life::produce_others);
    add(&Life::consume);
    add(&Life::consume);
    add(&Life::consume_others);
    add(&Life::operate);
    return threads;
  }

  history::BodyTag tag() { return {process_, ++last_number_}; }
  static std::size_t size_of_body(Random& random) {
    if (random.chance(1, 40)) return 8'000 + random.below(60'000);
    return 64 + random.below(600);
  }
  RecordedCalls calls(Node& node, const char* name, history::Recorder& recorder, Milliseconds visibility) {
    return {need(node.open_queue(name), name), recorder, visibility};
  }
  bool is_full(const RecordedCalls& calls) const {
    const auto statistics = calls.queue().statistics();
    return statistics && statistics->ready + statistics->delayed + statistics->parked > backlog_max;
  }

  void produce(Node& node, Random& random) {
    auto orders = calls(node, "orders", *durable_, orders_visibility);
    auto parking = calls(node, "parking", *durable_, parking_visibility);
    for (std::uint64_t i = 0; !stopping_; ++i) {
      if (i % 32 == 0 && is_full(orders)) std::this_thread::sleep_for(20ms);
      const std::uint64_t dice = random.below(100);
      if (dice < 60) {
        orders.send(tag(), size_of_body(random));
      } else if (dice < 75) {
        parking.send(tag(), size_of_body(random));
      } else if (dice < 88) {
        std::vector<history::BodyTag> tags;
        for (std::uint64_t left = 2 + random.below(8); left > 0; --left) tags.push_back(tag());
        orders.send_batch(tags, size_of_body(random), random.chance(1, 2));
      } else {
        const auto delay = Milliseconds(random.below(static_cast<std::uint64_t>(kill_delay_max.count())));
        orders.send(tag(), size_of_body(random), {.delay = delay});
      }
    }
  }

  void produce_others(Node& node, Random& random) {
    auto interval = calls(node, "interval", *interval_, 30s);
    auto memory = calls(node, "memory", *memory_, 30s);
    auto scratch = calls(node, "scratch", *scratch_, scratch_visibility);
    while (!stopping_) {
      interval.send(tag(), 64 + random.below(200));
      if (random.chance(1, 3)) memory.send(tag(), 64 + random.below(2'000));
      if (random.chance(1, 3)) scratch.send(tag(), size_of_body(random));
      std::this_thread::sleep_for(std::chrono::microseconds(random.below(4'000)));
    }
  }

  void settle(RecordedCalls& calls, const Delivery& delivery, Random& random) {
    const std::uint64_t dice = random.below(100);
    if (dice < 62) return calls.erase(delivery);
    if (dice < 70) return calls.nack(delivery, 0ms);
    if (dice < 74) {
      return calls.nack(delivery,
                        Milliseconds(random.below(static_cast<std::uint64_t>(kill_delay_max.count()))));
    }
    if (dice < 80) return calls.release(delivery);
    if (dice < 83) return calls.reject(delivery);
    if (dice < 90) {
      calls.extend(delivery, orders_visibility);
      return calls.erase(delivery);
    }
    if (dice < 94) {  // too late, perhaps
      std::this_thread::sleep_for(std::chrono::milliseconds(random.below(300)));
      return calls.erase(delivery);
    }
  }

  void consume(Node& node, Random& random) {
    auto orders = calls(node, "orders", *durable_, orders_visibility);
    auto parking = calls(node, "parking", *durable_, parking_visibility);
    auto dead = calls(node, "orders.dead", *durable_, limits::visibility_timeout_default);
    while (!stopping_) {
      const std::uint64_t dice = random.below(100);
      const auto count = static_cast<std::uint32_t>(1 + random.below(8));
      if (dice < 50) {
        orders.erase(orders.receive({.max_messages = 50, .wait = 5ms}));
      } else if (dice < 80) {
        for (const auto& delivery : orders.receive({.max_messages = count, .wait = 5ms}))
          settle(orders, delivery, random);
      } else if (dice < 92) {
        for (const auto& delivery : parking.receive({.max_messages = count}))
          settle(parking, delivery, random);
      } else {
        for (const auto& delivery : dead.receive({.max_messages = count, .visibility_timeout = 200ms})) {
          settle(dead, delivery, random);
        }
      }
    }
  }

  void consume_others(Node& node, Random& random) {
    auto memory = calls(node, "memory", *memory_, 30s);
    auto scratch = calls(node, "scratch", *scratch_, scratch_visibility);
    while (!stopping_) {
      memory.erase(memory.receive({.max_messages = 20, .wait = 5ms}));
      if (random.chance(1, 2)) {
        scratch.receive_and_delete(static_cast<std::uint32_t>(1 + random.below(3)));
      } else {
        for (const auto& delivery : scratch.receive({.max_messages = 2})) settle(scratch, delivery, random);
      }
    }
  }

  void operate(Node& node, Random& random) {
    auto parking = calls(node, "parking", *durable_, parking_visibility);
    auto scratch = calls(node, "scratch", *scratch_, scratch_visibility);
    while (!stopping_) {
      const std::string name = fmt::format("temporary-{}-{}", process_, ++last_queue_);
      queues_.add("begin " + name);
      const auto made = node.create_queue(name);
      if (made) queues_.add("made " + name);
      if (made) (void)made->send("anything");
      if (random.chance(4, 5)) {
        queues_.add("end " + name);
        if (node.delete_queue(name)) queues_.add("gone " + name);
      }
      if (random.chance(1, 5)) scratch.purge();
      const auto parked =
          parking.queue().list({.status = MessageStatus::parked, .max_messages = 10, .with_body = false});
      for (const auto& message : parked ? parked->messages : std::vector<MessageSummary>())
        parking.kick(message.id);
      std::this_thread::sleep_for(std::chrono::milliseconds(10 + random.below(40)));
    }
  }

  KillPaths paths_;
  std::uint32_t process_;
  std::uint64_t seed_;
  // One of each for every opening of the node: what a node that was not closed forgets is its own.
  std::optional<history::Recorder> durable_;
  std::optional<history::Recorder> interval_;
  std::optional<history::Recorder> memory_;
  std::optional<history::Recorder> scratch_;
  Lines queues_;
  std::atomic<std::uint64_t> last_number_{0};
  std::atomic<std::uint64_t> last_queue_{0};
  std::atomic<bool> stopping_{false};
};

/// The last process: waits everything out, kicks what is parked, drains.
class Healing {
 public:
  explicit Healing(const Task& task)
      : paths_(task.at("directory")),
        process_(static_cast<std::uint32_t>(task.number("process"))),
        node_(need(Node::open({.data_dir = paths_.store}), "open")),
        durable_(paths_.durable, process_ * turns_max) {}

  void run() {
    history::Recorder interval(paths_.interval, process_ * turns_max);
    history::Recorder scratch(paths_.scratch, process_ * turns_max);
    write_names();
    wait_until_quiet();
    dump("orders", 1);
    dump("orders.dead", 1);
    dump("parking", 1);
    kick_parked("parking");
    kick_parked("orders.dead");
    drain("orders", durable_);
    drain("orders.dead", durable_);
    drain("parking", durable_);
    drain("interval", interval);
    drain("scratch", scratch);
    // What is left in the last dump is all there is.
    RecordedCalls orders(need(node_.open_queue("orders"), "orders"), durable_, orders_visibility);
    orders.send({process_, 1}, 64);
    dump("orders", 2);
    dump("orders.dead", 2);
    dump("parking", 2);
    if (auto closed = node_.close(); !closed) throw std::runtime_error("close: " + closed.error().text());
  }

 private:
  void write_names() {
    Lines names(paths_.queues);
    ListQueuesOptions options;
    for (;;) {
      const auto page = need(node_.list_queues(options), "list_queues");
      for (const auto& queue : page) names.add("there " + queue.name);
      if (page.size() < options.max_queues) return;
      options.after = page.back().name;
    }
  }

  void wait_until_quiet() {
    const auto until = std::chrono::steady_clock::now() + 40s;
    for (;;) {
      std::uint64_t busy = 0;
      for (const char* name : {"orders", "orders.dead", "parking", "scratch"}) {
        const auto statistics = need(need(node_.open_queue(name), name).statistics(), name);
        busy += statistics.in_flight + statistics.delayed;
      }
      if (busy == 0) return;
      if (std::chrono::steady_clock::now() > until) throw std::runtime_error("leases and delays do not end");
      std::this_thread::sleep_for(50ms);
    }
  }

  void dump(const char* name, std::uint32_t number) {
    RecordedCalls calls(need(node_.open_queue(name), name), durable_, 0ms);
    ListOptions options{.max_messages = limits::page_max};
    for (;;) {
      const auto page = need(calls.queue().list(options), name);
      for (const auto& message : page.messages) calls.state(message.id, message.body, number);
      if (!page.next) return;
      options.after = *page.next;
    }
  }

  void kick_parked(const char* name) {
    RecordedCalls calls(need(node_.open_queue(name), name), durable_, 0ms);
    for (;;) {
      const auto page = need(calls.queue().list({.status = MessageStatus::parked, .with_body = false}), name);
      for (const auto& message : page.messages) calls.kick(message.id);
      if (page.messages.empty() && !page.next) return;
    }
  }

  void drain(const char* name, history::Recorder& recorder) {
    RecordedCalls calls(need(node_.open_queue(name), name), recorder, 30s);
    for (int empty = 0; empty < 3;) {
      const auto received = calls.receive({.max_messages = 100, .visibility_timeout = 30s});
      calls.erase(received);
      empty = received.empty() ? empty + 1 : 0;
    }
    calls.drained();
  }

  KillPaths paths_;
  std::uint32_t process_;
  Node node_;
  history::Recorder durable_;
};

}  // namespace

int run_kill_task(const Task& task) {
  Life(task).run();
  return 0;
}

int run_heal_task(const Task& task) {
  Healing(task).run();
  return 0;
}

}  // namespace peerq::crash
