// Suite local: one process through the API, durable queues against bare LMDB on the same disk.
// Queues in memory and the comparison with SQLite are in local_memory.cpp and local_sqlite.cpp.

#include "local_suite.hpp"

#include <atomic>
#include <memory>
#include <semaphore>
#include <thread>
#include <vector>

#include "lmdb_floor.hpp"
#include "load.hpp"
#include "open_queue.hpp"
#include "session.hpp"
#include "sqlite_queue.hpp"

namespace peerq::bench {

namespace {

constexpr std::size_t kibibyte = 1024;

/// One thread sends and waits for each acknowledgement.
Latencies send_singly(const Queue& queue, std::size_t messages, const std::string& body) {
  Latencies out(messages);
  for (std::size_t i = 0; i < messages; ++i) {
    const auto begin = Clock::now();
    queue.send(body).value();
    out.add(Clock::now() - begin);
  }
  return out;
}

Latencies send_singly_to_sqlite(SqliteQueue& queue, std::size_t messages, const std::string& body) {
  Latencies out(messages);
  for (std::size_t i = 0; i < messages; ++i) {
    const auto begin = Clock::now();
    queue.send(body, 1);
    out.add(Clock::now() - begin);
  }
  return out;
}

void run_send_one(Session& session) {
  const Case of{.suite = "local",
                .name = "send/durable/1KiB/outstanding=1",
                .unit = "us (p50)",
                .floor = "lmdb/commit/1KiB",
                .target = 0.9};
  if (!session.begins(of.name)) return;
  const auto& settings = session.settings();
  OpenQueue open({.parent = settings.data, .name = "local"});
  const ScratchFolder folder(settings.data, "floor");
  LmdbFloor floor(folder / "lmdb");
  SqliteFile file{folder / "queue.sqlite"};
  SqliteQueue sqlite(file);
  const std::string body(kibibyte, 'b');
  const std::size_t messages = settings.scaled(800, 3'000);
  Rounds rounds(Kind::latency);
  std::vector<double> sqlite_p50;
  send_singly(open.queue(), 100, body);
  floor.append_singly(100, kibibyte);
  for (std::size_t round = 0; round < settings.rounds(); ++round) {
    Latencies ours = send_singly(open.queue(), messages, body);
    Latencies bare = floor.append_singly(messages, kibibyte);
    sqlite_p50.push_back(send_singly_to_sqlite(sqlite, messages, body).percentile_us(50));
    rounds.add(ours.percentile_us(50), bare.percentile_us(50));
    rounds.add_percentiles(ours);
    open.queue().purge().value();
    floor.clear();
  }
  session.report(of, rounds, {{"sqlite_p50_us", median(sqlite_p50)}});
}

/// Sends that are under way at once from several threads.
struct ManySends {
  std::size_t threads = 4;
  std::size_t outstanding = 256;
  std::size_t messages = 0;
};

/// One thread's part. Each completion notes how long its send took.
class Sender {
 public:
  Sender(const Queue& queue, std::size_t messages, std::size_t outstanding)
      : queue_(&queue),
        outstanding_(outstanding),
        took_(messages),
        slots_(std::make_shared<std::counting_semaphore<>>(static_cast<std::ptrdiff_t>(outstanding))) {}

  void run(const std::string& body) {
    for (Clock::duration& took : took_) {
      slots_->acquire();
      queue_->send_async(
          body, {},
          [this, slots = slots_, begin = Clock::now(), &took](const Result<Sent>& sent) {
            took = Clock::now() - begin;
            if (!sent) failed_ = true;
            slots->release();
          },
          RunOn::any_thread);
    }
    for (std::size_t i = 0; i < outstanding_; ++i) slots_->acquire();
  }

  /// **Errors** throws CannotMeasure when a send failed.
  void add_to(Latencies& latencies) const {
    if (failed_) throw CannotMeasure("a send failed");
    for (const Clock::duration took : took_) latencies.add(took);
  }

 private:
  const Queue* queue_;
  std::size_t outstanding_;
  std::vector<Clock::duration> took_;
  std::shared_ptr<std::counting_semaphore<>> slots_;
  std::atomic<bool> failed_{false};
};

/// Messages per second.
double send_many(const Queue& queue, const ManySends& many, Latencies& latencies) {
  const std::string body(kibibyte, 'b');
  std::vector<std::unique_ptr<Sender>> senders;
  for (std::size_t i = 0; i < many.threads; ++i) {
    senders.push_back(
        std::make_unique<Sender>(queue, many.messages / many.threads, many.outstanding / many.threads));
  }
  const auto begin = Clock::now();
  std::vector<std::thread> threads;
  for (auto& sender : senders) threads.emplace_back([&] { sender->run(body); });
  for (std::thread& thread : threads) thread.join();
  const double seconds = seconds_since(begin);
  for (const auto& sender : senders) sender->add_to(latencies);
  return static_cast<double>(many.messages) / seconds;
}

void run_send_many(Session& session) {
  const Case of{.suite = "local",
                .name = "send/durable/1KiB/outstanding=256/threads=4",
                .unit = "messages/s",
                .floor = "lmdb/append/same-bytes-and-commits",
                .target = 0.7};
  if (!session.begins(of.name)) return;
  const auto& settings = session.settings();
  OpenQueue open({.parent = settings.data, .name = "local"});
  const ScratchFolder folder(settings.data, "floor");
  LmdbFloor floor(folder / "lmdb");
  const ManySends many{.messages = settings.scaled(80'000, 240'000)};
  Rounds rounds(Kind::rate);
  std::vector<double> in_values;
  std::vector<double> batches;
  for (std::size_t round = 0; round <= settings.rounds(); ++round) {
    open.log().take();
    Latencies latencies(many.messages);
    const double value = send_many(open.queue(), many, latencies);
    const Commits commits = open.log().take();
    open.queue().purge().value();
    const auto messages = static_cast<double>(many.messages);
    const double bare = messages / floor.append(commits);
    floor.clear();
    const double bare_in_values = messages / floor.append_in_values(commits, kibibyte);
    floor.clear();
    if (round == 0) continue;  // warms up
    rounds.add(value, bare);
    rounds.add_percentiles(latencies);
    in_values.push_back(bare_in_values);
    batches.push_back(messages / static_cast<double>(commits.sizes.size()));
  }
  session.report(of, rounds,
                 {{"messages_per_commit", median(batches)}, {"floor_in_1KiB_values", median(in_values)}});
}

void run_lifecycle_durable(Session& session) {
  const Case of{.suite = "local",
                .name = "lifecycle/durable/1KiB/batch=32",
                .unit = "messages/s",
                .floor = "lmdb/append/same-bytes-and-commits",
                .target = 0.5};
  if (!session.begins(of.name)) return;
  const auto& settings = session.settings();
  OpenQueue open({.parent = settings.data, .name = "local"});
  const ScratchFolder folder(settings.data, "floor");
  LmdbFloor floor(folder / "lmdb");
  const Load load{.messages = settings.scaled(64'000, 256'000),
                  .body_bytes = kibibyte,
                  .batch = 32,
                  .producers = 2,
                  .consumers = 2,
                  .outstanding = 8};
  Rounds rounds(Kind::rate);
  std::vector<double> in_values;
  std::vector<double> batches;
  for (std::size_t round = 0; round <= settings.rounds(); ++round) {
    open.log().take();
    const auto messages = static_cast<double>(load.messages);
    const double value = messages / run_lifecycle(open.queue(), load);
    const Commits commits = open.log().take();
    const double bare = messages / floor.append(commits);
    floor.clear();
    const double bare_in_values = messages / floor.append_in_values(commits, kibibyte);
    floor.clear();
    if (round == 0) continue;  // warms up
    rounds.add(value, bare);
    in_values.push_back(bare_in_values);
    batches.push_back(messages / static_cast<double>(commits.sizes.size()));
  }
  session.report(of, rounds,
                 {{"messages_per_commit", median(batches)}, {"floor_in_1KiB_values", median(in_values)}});
}

}  // namespace

void run_local_suite(Session& session) {
  run_send_one(session);
  run_send_many(session);
  run_lifecycle_durable(session);
  run_lifecycle_against_sqlite(session);
  run_lifecycle_memory(session);
  run_handoff_memory(session);
  session.finish_suite();
}

}  // namespace peerq::bench
