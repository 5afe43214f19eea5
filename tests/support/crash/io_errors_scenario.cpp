// The scenario of io_errors.hpp: a new directory, work, checkpoints, three sessions. Every call may fail, if
// it fails cleanly. What was acknowledged is noted beside the directory, one line a call:
//   session NUMBER, send NUMBER, sent NUMBER, erase NUMBER, erased NUMBER, error CODE CALL, done

#include <dlfcn.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <string>
#include <thread>

#include "peerq/node.hpp"
#include "support/crash/io_errors.hpp"
#include "support/crash/random.hpp"
#include "support/history/body.hpp"

namespace peerq::crash {

namespace {

using namespace std::chrono_literals;

/// So small that a few messages call for a checkpoint.
constexpr std::uint64_t disk_bytes_max = std::uint64_t{3} << 20;

class Scenario {
 public:
  explicit Scenario(const Task& task)
      : store_(task.at("store")),
        notes_(::open(task.at("notes").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)),
        random_(task.number("seed")) {}
  ~Scenario() { ::close(notes_); }
  Scenario(const Scenario&) = delete;
  Scenario& operator=(const Scenario&) = delete;

  void run() {
    for (int session = 0; session < 3; ++session) {
      note(fmt::format("session {}", session));
      auto node = open();
      if (!good("open", node)) continue;
      work(*node);
      if (session == 2) work_through_a_checkpoint(*node);
      if (session == 1) continue;  // ends without a close
      good("close", node->close(5s));
    }
    note("done");
  }

 private:
  void note(const std::string& line) const {
    const std::string text = line + "\n";
    if (::write(notes_, text.data(), text.size()) < 0) std::perror("notes");
  }

  template <class T>
  bool good(const char* call, const Result<T>& result) const {
    if (!result) note(fmt::format("error {} {}", name_of(result.error().code), call));
    return result.has_value();
  }

  /// The node before may still let go of the directory, if it was not closed.
  Result<Node> open() const {
    for (int tries = 0;; ++tries) {
      auto node = Node::open(
          {.data_dir = store_, .max_disk_bytes = disk_bytes_max, .memory_budget = limits::memory_budget_min});
      if (node || !(node.error() == errc::data_dir_locked) || tries == 100) return node;
      std::this_thread::sleep_for(20ms);
    }
  }

  void work(Node& node) {
    auto orders = node.create_queue("orders", {.max_receives = 2, .dead_letter_queue = "dead"});
    if (!good("create_queue", orders)) return;
    for (const std::size_t size : {100, 5'000, 300, 40'000, 80}) send(*orders, size + random_.below(50));
    send_batch(*orders, 6);
    for (int i = 0; i < 2; ++i) settle(*orders);
    auto interval = node.create_queue("interval", {.durability = Durability::interval, .sync_interval = 5ms});
    if (good("create_queue", interval)) (void)interval->send("of little worth", {.timeout = 5s});
    if (auto extra = node.create_queue("extra"); good("create_queue", extra)) {
      (void)extra->send("soon gone", {.timeout = 5s});
      good("delete_queue", node.delete_queue("extra"));
    }
  }

  /// More than the small disk's log may hold.
  void work_through_a_checkpoint(Node& node) {
    const auto orders = node.open_queue("orders");
    if (!good("open_queue", orders)) return;
    for (int i = 0; i < 12; ++i) send(*orders, 40'000);
    settle(*orders);
  }

  void send(const Queue& queue, std::size_t size) {
    const std::uint64_t number = ++number_;
    note(fmt::format("send {}", number));
    if (good("send", queue.send(history::make_body({1, number}, size), {.timeout = 5s}))) {
      note(fmt::format("sent {}", number));
    }
  }

  void send_batch(const Queue& queue, std::size_t count) {
    std::vector<Message> messages;
    const std::uint64_t first = number_ + 1;
    for (std::size_t i = 0; i < count; ++i) {
      messages.push_back({history::make_body({1, ++number_}, 64 + random_.below(200)), {}});
      note(fmt::format("send {}", number_));
    }
    const auto sent = queue.send(messages, {.timeout = 5s});
    if (!good("send", sent)) return;
    for (std::size_t i = 0; i < count; ++i) {
      if (good("send", (*sent)[i])) note(fmt::format("sent {}", first + i));
    }
  }

  void settle(const Queue& queue) {
    const auto received = queue.receive({.max_messages = 4, .timeout = 5s});
    if (!good("receive", received)) return;
    for (std::size_t i = 0; i < received->size(); ++i) {
      const Delivery& delivery = (*received)[i];
      if (i % 2 == 0) {
        erase(delivery);
      } else if (i == 1) {
        good("nack", delivery.nack({.delay = 0ms}));
      } else {
        good("reject", delivery.reject("never"));
      }
    }
  }

  void erase(const Delivery& delivery) {
    const auto tag = history::read_body(delivery.bytes());
    if (!tag) return note("altered");
    note(fmt::format("erase {}", tag->number));
    if (good("erase", delivery.erase())) note(fmt::format("erased {}", tag->number));
  }

  std::string store_;
  int notes_;
  Random random_;
  std::uint64_t number_ = 0;
};

}  // namespace

int run_scenario_task(const Task& task) {
  Scenario(task).run();
  using Report = void();
  if (auto* report = reinterpret_cast<Report*>(dlsym(RTLD_DEFAULT, "peerq_fail_report"))) report();
  return 0;
}

}  // namespace peerq::crash
