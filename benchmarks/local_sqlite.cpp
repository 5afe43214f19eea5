// Suite local: the lifecycle against SQLite, the usual embedded answer, with the same batches and threads.

#include <thread>

#include "load.hpp"
#include "local_suite.hpp"
#include "open_queue.hpp"
#include "session.hpp"
#include "sqlite_queue.hpp"

namespace peerq::bench {

namespace {

/// Runs the body of a thread; what it throws makes the run fail.
template <class Body>
std::thread guarded_thread(Flow& flow, Body body) {
  return std::thread([&flow, body] {
    try {
      body();
    } catch (const std::exception& error) {
      flow.fail(error.what());
    }
  });
}

void produce(SqliteFile& file, const Load& load, Flow& flow) {
  SqliteQueue queue(file);
  const std::string body(load.body_bytes, 'b');
  while (const std::size_t count = flow.claim().count) queue.send(body, count);
}

void consume(SqliteFile& file, const Load& load, Flow& flow) {
  SqliteQueue queue(file);
  while (!flow.over()) {
    const auto received = queue.receive(load.batch);
    if (received.empty()) {
      std::this_thread::sleep_for(std::chrono::microseconds(200));
      continue;
    }
    std::size_t bytes = 0;
    for (const auto& message : received) bytes += message.body.size();
    flow.count_received(received.size(), bytes);
    queue.erase(received);
    flow.count_deleted(received.size());
  }
}

/// Messages per second.
double lifecycle_rate(SqliteFile& file, const Load& load) {
  Flow flow(load);
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < load.producers; ++i) {
    threads.push_back(guarded_thread(flow, [&] { produce(file, load, flow); }));
  }
  for (std::size_t i = 0; i < load.consumers; ++i) {
    threads.push_back(guarded_thread(flow, [&] { consume(file, load, flow); }));
  }
  for (std::thread& thread : threads) thread.join();
  return static_cast<double>(load.messages) / flow.finish();
}

}  // namespace

void run_lifecycle_against_sqlite(Session& session) {
  const Case of{.suite = "local",
                .name = "lifecycle/durable/1KiB/batch=64/against-sqlite",
                .unit = "messages/s",
                .floor = "sqlite/wal/full/lease-table",
                .target = 4};
  if (!session.begins(of.name)) return;
  const auto& settings = session.settings();
  OpenQueue open({.parent = settings.data, .name = "local"});
  const ScratchFolder folder(settings.data, "floor");
  SqliteFile file{folder / "queue.sqlite"};
  Load load{
      .messages = 6'400, .body_bytes = 1024, .batch = 64, .producers = 2, .consumers = 2, .outstanding = 8};
  Load sqlite_load = load;
  load.messages = settings.count_for(lifecycle_rate(open.queue(), load), load.batch, load.messages);
  sqlite_load.messages = settings.count_for(lifecycle_rate(file, sqlite_load), load.batch, 6'400);
  Rounds rounds(Kind::rate);
  for (std::size_t round = 0; round < settings.rounds(); ++round) {
    const double value = lifecycle_rate(open.queue(), load);
    rounds.add(value, lifecycle_rate(file, sqlite_load));
  }
  session.report(of, rounds);
}

}  // namespace peerq::bench
