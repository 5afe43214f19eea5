#include "support/crash/recorded_workload.hpp"

#include <dlfcn.h>
#include <fmt/format.h>

#include <atomic>
#include <filesystem>
#include <functional>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <vector>

#include "peerq/node.hpp"
#include "support/crash/journal.hpp"
#include "support/crash/random.hpp"
#include "support/history/recorder.hpp"
#include "support/storage/whole_file.hpp"

namespace peerq::crash {

namespace {

using namespace std::chrono_literals;

/// More than this many messages are not kept, so that images stay small.
constexpr std::uint64_t recorded_backlog_max = 250;

/// The place in the trace, as the preloaded recorder tells it.
std::uint64_t position() {
  using Position = std::uint64_t();
  static auto* const found = reinterpret_cast<Position*>(dlsym(RTLD_DEFAULT, "peerq_record_position"));
  if (found == nullptr) throw std::runtime_error("the recorder is not preloaded");
  return found();
}

/// What a thread of the workload works with.
class Worker {
 public:
  Worker(Node& node, Journal& journal, std::atomic<std::int64_t>& calls_left,
         std::atomic<std::int64_t>& backlog, std::uint32_t producer, std::uint64_t seed)
      : node_(&node),
        journal_(&journal),
        calls_left_(&calls_left),
        backlog_(&backlog),
        producer_(producer),
        random_(seed, producer) {}

  bool go_on() { return calls_left_->fetch_sub(1) > 0; }
  Random& random() { return random_; }
  bool is_full() const { return backlog_->load() > static_cast<std::int64_t>(recorded_backlog_max); }
  Node& node() { return *node_; }

  JournalEntry begin(Did did, std::string queue) const {
    JournalEntry entry;
    entry.did = did;
    entry.queue = std::move(queue);
    entry.start = position();
    return entry;
  }
  void end(JournalEntry entry, bool acknowledged = true) {
    entry.end = position();
    entry.end_us = history::monotonic_us();
    entry.acknowledged = acknowledged;
    journal_->add(std::move(entry));
  }
  /// An entry for a call that may have failed: none if it did not happen.
  template <class T>
  bool end(JournalEntry entry, const Result<T>& result) {
    if (result) {
      end(std::move(entry));
    } else if (result.error().happened() != Happened::no) {
      end(std::move(entry), false);
    }
    return result.has_value();
  }

  std::string body(JournalEntry& entry) {
    const std::uint64_t dice = random_.below(100);
    std::uint64_t size = 64 + random_.below(240);
    if (dice >= 88) size = 1'500 + random_.below(5'000);
    if (dice >= 99) size = 30'000 + random_.below(40'000);
    entry.body = {producer_, ++number_};
    entry.body_size = size;
    return history::make_body(entry.body, size);
  }

  void send(const Queue& queue, const SendOptions& options = {}) {
    JournalEntry entry = begin(Did::sent, queue.name());
    const std::string text = body(entry);
    entry.may_expire = options.time_to_live.has_value();
    const auto sent = queue.send(text, options);
    if (sent) entry.id = sent->id;
    if (end(std::move(entry), sent)) ++*backlog_;
  }

  void send_batch(const Queue& queue, std::size_t count, bool atomic) {
    std::vector<JournalEntry> entries;
    std::vector<Message> messages;
    for (std::size_t i = 0; i < count; ++i) {
      entries.push_back(begin(Did::sent, queue.name()));
      messages.push_back({body(entries.back()), {}});
    }
    auto sent = queue.send(messages, {.atomic = atomic});
    for (std::size_t i = 0; i < count; ++i) {
      if (!sent) {
        end(entries[i], sent);
        continue;
      }
      if ((*sent)[i]) entries[i].id = (*sent)[i]->id;
      if (end(entries[i], (*sent)[i])) ++*backlog_;
    }
  }

  std::vector<Delivery> receive(const Queue& queue, const ReceiveOptions& options) {
    const JournalEntry begun = begin(Did::leased, queue.name());
    auto received = queue.receive(options);
    if (!received) return {};
    for (const auto& delivery : *received) {
      JournalEntry entry = begun;
      entry.id = delivery.id();
      entry.attempt = delivery.attempt();
      end(std::move(entry));
    }
    return std::move(*received);
  }

  void take(const Queue& queue, const ReceiveOptions& options) {
    const JournalEntry begun = begin(Did::took, queue.name());
    const auto received = queue.receive_and_delete(options);
    if (!received) return;
    for (const auto& delivery : *received) {
      JournalEntry entry = begun;
      entry.id = delivery.id();
      end(std::move(entry));
      --*backlog_;
    }
  }

  void erase(const Delivery& delivery) {
    JournalEntry entry = begin(Did::erased, delivery.queue_name());
    entry.id = delivery.id();
    const auto erased = delivery.erase();
    if (erased && erased->already_gone) return;
    if (end(std::move(entry), erased)) --*backlog_;
  }

  template <class Call>
  void give_back(const Delivery& delivery, Call&& call) {
    JournalEntry entry = begin(Did::returned, delivery.queue_name());
    entry.id = delivery.id();
    entry.attempt = delivery.attempt();
    end(std::move(entry), call());
  }

  void settle(const Delivery& delivery) {
    const std::uint64_t dice = is_full() ? 0 : random_.below(100);
    if (dice < 55) return erase(delivery);
    if (dice < 70)
      return give_back(delivery, [&] { return delivery.nack({.delay = 0ms, .reason = "no luck"}); });
    if (dice < 76) return give_back(delivery, [&] { return delivery.nack({.delay = 20s}); });
    if (dice < 82) return give_back(delivery, [&] { return delivery.release(); });
    if (dice < 86) return give_back(delivery, [&] { return delivery.reject("never"); });
    if (dice < 88) return give_back(delivery, [&] { return delivery.extend(300ms); });
  }  // else its lease lapses

 private:
  Node* node_;
  Journal* journal_;
  std::atomic<std::int64_t>* calls_left_;
  std::atomic<std::int64_t>* backlog_;
  std::uint32_t producer_;
  std::uint64_t number_ = 0;
  Random random_;
};

void produce(Worker& worker) {
  const Queue orders = worker.node().open_queue("orders").value();
  const Queue plain = worker.node().open_queue("plain").value();
  while (worker.go_on()) {
    if (worker.is_full()) {
      std::this_thread::sleep_for(2ms);
      continue;
    }
    const std::uint64_t dice = worker.random().below(100);
    if (dice < 50) {
      worker.send(orders);
    } else if (dice < 75) {
      worker.send(plain);
    } else if (dice < 85) {
      worker.send_batch(orders, 2 + worker.random().below(5), worker.random().chance(1, 2));
    } else if (dice < 93) {
      worker.send(plain, {.delay = std::chrono::milliseconds(worker.random().below(60'000))});
    } else {
      worker.send(orders, {.time_to_live = 40ms});
    }
  }
}

void produce_others(Worker& worker) {
  const Queue interval = worker.node().open_queue("interval").value();
  const Queue memory = worker.node().open_queue("memory").value();
  while (worker.go_on()) {
    if (!worker.is_full()) worker.send(worker.random().chance(4, 5) ? interval : memory);
    std::this_thread::sleep_for(std::chrono::microseconds(worker.random().below(2'000)));
  }
}

void consume(Worker& worker) {
  std::vector<Queue> queues;
  for (const char* name : {"orders", "orders", "orders", "plain", "orders.dead", "interval"}) {
    queues.push_back(worker.node().open_queue(name).value());
  }
  while (worker.go_on()) {
    const Queue& queue = queues[worker.random().below(queues.size())];
    const auto count = static_cast<std::uint32_t>(1 + worker.random().below(6));
    if (worker.random().chance(1, 12)) {
      worker.take(queue, {.max_messages = count});
      continue;
    }
    const auto wait = std::chrono::milliseconds(worker.random().chance(1, 3) ? 5 : 0);
    for (const auto& delivery : worker.receive(queue, {.max_messages = count, .wait = wait}))
      worker.settle(delivery);
  }
}

/// Queues that come and go.
void operate(Worker& worker, std::uint64_t session) {
  for (std::uint64_t round = 0; worker.go_on(); ++round) {
    const std::string name = fmt::format("temporary-{}-{}", session, round);
    auto created = worker.begin(Did::created_queue, name);
    auto queue = worker.node().create_queue(name, {.max_receives = 2});
    if (!worker.end(std::move(created), queue)) continue;
    for (std::uint64_t i = worker.random().below(4); i > 0; --i) worker.send(*queue);
    if (worker.random().chance(1, 3)) {
      auto updated = worker.node().update_queue(name, {.visibility_timeout = 7s, .max_receives = 2});
      if (queue->pause() && updated) (void)queue->resume();
    }
    if (worker.random().chance(1, 3)) {
      auto purged = worker.begin(Did::purged, name);
      worker.end(std::move(purged), queue->purge());
      worker.send(*queue);
    }
    if (worker.random().chance(3, 4)) {
      auto deleted = worker.begin(Did::deleted_queue, name);
      worker.end(std::move(deleted), worker.node().delete_queue(name));
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(worker.random().below(10)));
  }
}

void create_queues(Worker& worker) {
  const auto create = [&](const std::string& name, const QueueOptions& options) {
    auto entry = worker.begin(Did::created_queue, name);
    auto queue = worker.node().create_queue(name, options);
    if (!queue) throw std::runtime_error(queue.error().text());
    worker.end(std::move(entry), queue);
  };
  create("orders", {.visibility_timeout = 60ms, .max_receives = 3, .dead_letter_queue = "orders.dead"});
  create("plain", {.visibility_timeout = 10min, .retention = std::chrono::hours(24)});
  create("interval", {.durability = Durability::interval, .sync_interval = 10ms});
  create("memory", {.durability = Durability::memory, .max_messages = 20});
}

void run_session(Node& node, Journal& journal, const Task& task, std::uint64_t session,
                 std::atomic<std::int64_t>& backlog) {
  std::atomic<std::int64_t> calls_left(
      static_cast<std::int64_t>(task.number("calls") / task.number("sessions")));
  const std::uint64_t seed = task.number("seed") * 100 + session;
  const auto first = static_cast<std::uint32_t>(session * 10);
  Worker setup(node, journal, calls_left, backlog, first, seed);
  create_queues(setup);
  const std::vector<std::function<void(Worker&)>> roles = {produce, produce_others, consume, consume,
                                                           [&](Worker& worker) { operate(worker, session); }};
  std::vector<std::jthread> threads;
  for (std::uint32_t i = 0; i < roles.size(); ++i) {
    threads.emplace_back([&, i] {
      Worker worker(node, journal, calls_left, backlog, first + 1 + i, seed);
      roles[i](worker);
    });
  }
}

/// The session before may still let go of the directory, if it ended without a close.
Result<Node> open_unlocked(const NodeOptions& options) {
  for (int tries = 0;; ++tries) {
    auto node = Node::open(options);
    if (node || !(node.error() == errc::data_dir_locked) || tries == 500) return node;
    std::this_thread::sleep_for(20ms);
  }
}

}  // namespace

int run_record_task(const Task& task) {
  Journal journal;
  std::atomic<std::int64_t> backlog = 0;
  for (std::uint64_t session = 0; session < task.number("sessions"); ++session) {
    JournalEntry opened;
    opened.start = position();
    auto node = open_unlocked({.data_dir = task.at("store"), .memory_budget = limits::memory_budget_min});
    if (!node) throw std::runtime_error(node.error().text());
    opened.end = position();
    journal.add(opened);
    run_session(*node, journal, task, session, backlog);
    if (session % 3 == 2) continue;  // ends without a close
    if (auto closed = node->close(); !closed) throw std::runtime_error(closed.error().text());
  }
  journal.write(task.at("journal"));
  return 0;
}

void record(const std::string& directory, const WorkloadOptions& options) {
  const std::string disk = directory + "/disk";
  std::filesystem::create_directories(disk);
  Task task{"record",
            {{"store", directory + "/" + recorded_store},
             {"journal", directory + "/" + recorded_journal},
             {"seed", std::to_string(options.seed)},
             {"calls", std::to_string(options.calls)},
             {"sessions", std::to_string(options.sessions)}}};
  Launch launch{.preload = "record",
                .environment = {{"PEERQ_RECORD_DIRECTORY", disk},
                                {"PEERQ_RECORD_TRACE", directory + "/" + recorded_trace},
                                {"PEERQ_RECORD_SYNC_US", "400"}},
                .output = directory + "/output"};
  const Ended ended = wait_for(start(task, launch));
  if (ended.clean()) return;
  throw std::runtime_error(
      fmt::format("the recorded workload ended with {}: {}", ended.text(), test::read_file(launch.output)));
}

}  // namespace peerq::crash
