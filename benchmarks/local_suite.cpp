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
  Rounds rounds(Kind::latency);
  std::vector<double> sqlite_p50;
  send_singly(open.queue(), 100, body);
  Latencies first = floor.append_singly(100, kibibyte);
  const std::size_t messages = settings.count_for(1e6 / first.percentile_us(50), 100, 200);
  for (std::size_t round = 0; round < settings.rounds(); ++round) {
    Latencies ours = send_singly(open.queue(), messages, body);
    Latencies bare = floor.append_singly(messages, kibibyte);
    sqlite_p50.push_back(send_singly_to_sqlite(sqlite, messages, body).percentile_us(50));
    rounds.add(ours.percentile_us(50), bare.percentile_us(50));
    rounds.add_percentiles(ours);
    open.queue().purge().value();
    floor.start_anew();
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

/// Sends that many, then removes them. Messages per second.
double send_many(const Queue& queue, const ManySends& many, Latencies& latencies) {
  const std::string body(kibibyte, 'b');
  std::vector<std::unique_ptr<Sender>> senders;
  for (std::size_t i = 0; i < many.threads; ++i) {
    senders.push_back(
        std::make_unique<Sender>(queue, many.messages / many.threads, many.outstanding / many.threads));
  }
  const auto begin = Clock::now();
  std::vector<std::thread> threads;
  threads.reserve(senders.size());
  for (auto& sender : senders) threads.emplace_back([&] { sender->run(body); });
  for (std::thread& thread : threads) thread.join();
  const double seconds = seconds_since(begin);
  for (const auto& sender : senders) sender->add_to(latencies);
  queue.purge().value();
  return static_cast<double>(many.messages) / seconds;
}

/// The rounds of a case whose floor repeats the commits that our log made in the same round.
class AgainstCommits {
 public:
  AgainstCommits(LmdbFloor& floor, std::size_t messages)
      : floor_(&floor), messages_(static_cast<double>(messages)) {}

  void add(double value, const Commits& commits) {
    rounds_.add(value, messages_ / floor_->append(commits));
    floor_->start_anew();
    in_values_.push_back(messages_ / floor_->append_in_values(commits, kibibyte));
    floor_->start_anew();
    batches_.push_back(messages_ / static_cast<double>(commits.sizes.size()));
    bytes_.push_back(static_cast<double>(commits.bytes()) / messages_);
  }

  Rounds& rounds() noexcept { return rounds_; }
  std::vector<std::pair<std::string, double>> beside() const {
    return {{"messages_per_commit", median(batches_)},
            {"log_bytes_per_message", median(bytes_)},
            {"floor_in_1KiB_values", median(in_values_)}};
  }

 private:
  LmdbFloor* floor_;
  double messages_;
  Rounds rounds_{Kind::rate};
  std::vector<double> in_values_;
  std::vector<double> batches_;
  std::vector<double> bytes_;
};

void run_send_many(Session& session) {
  const Case of{.suite = "local",
                .name = "send/durable/1KiB/outstanding=256",
                .unit = "messages/s",
                .floor = "lmdb/append/same-bytes",
                .target = 0.7};
  if (!session.begins(of.name)) return;
  const auto& settings = session.settings();
  OpenQueue open({.parent = settings.data, .name = "local"});
  const ScratchFolder folder(settings.data, "floor");
  LmdbFloor floor(folder / "lmdb");
  ManySends many{.messages = 16'000};
  Latencies first(many.messages);
  many.messages = settings.count_for(send_many(open.queue(), many, first), many.threads, many.messages);
  AgainstCommits against(floor, many.messages);
  for (std::size_t round = 0; round < settings.rounds(); ++round) {
    open.log().take();
    Latencies latencies(many.messages);
    const double value = send_many(open.queue(), many, latencies);
    against.add(value, open.log().take());
    against.rounds().add_percentiles(latencies);
  }
  session.report(of, against.rounds(), against.beside());
}

void run_lifecycle_durable(Session& session) {
  const Case of{.suite = "local",
                .name = "lifecycle/durable/1KiB/batch=32",
                .unit = "messages/s",
                .floor = "lmdb/append/same-bytes",
                .target = 0.5};
  if (!session.begins(of.name)) return;
  const auto& settings = session.settings();
  OpenQueue open({.parent = settings.data, .name = "local"});
  const ScratchFolder folder(settings.data, "floor");
  LmdbFloor floor(folder / "lmdb");
  Load load{.messages = 6'400,
            .body_bytes = kibibyte,
            .batch = 32,
            .producers = 2,
            .consumers = 2,
            .outstanding = 8};
  load.messages = settings.count_for(lifecycle_rate(open.queue(), load), load.batch, load.messages);
  AgainstCommits against(floor, load.messages);
  for (std::size_t round = 0; round < settings.rounds(); ++round) {
    open.log().take();
    const double value = lifecycle_rate(open.queue(), load);
    against.add(value, open.log().take());
  }
  session.report(of, against.rounds(), against.beside());
}

}  // namespace

void run_local_suite(Session& session) {
  run_send_one(session);
  run_send_many(session);
  run_lifecycle_durable(session);
  run_lifecycle_against_sqlite(session);
  run_lifecycle_memory(session);
  run_handoff_memory(session);
  run_local_features(session);
  session.finish_suite();
}

}  // namespace peerq::bench
