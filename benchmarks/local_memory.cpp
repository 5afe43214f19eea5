// Suite local: queues in memory against what a program does with a mutex and a condition variable.

#include <condition_variable>
#include <deque>
#include <mutex>
#include <string>
#include <thread>

#include "load.hpp"
#include "local_suite.hpp"
#include "open_queue.hpp"
#include "session.hpp"

namespace peerq::bench {

namespace {

/// A bounded deque under a mutex: the floor of the lifecycle in memory.
class BoundedDeque {
 public:
  explicit BoundedDeque(std::size_t room) : room_(room) {}

  void push(std::string body) {
    std::unique_lock lock(mutex_);
    not_full_.wait(lock, [this] { return bodies_.size() < room_; });
    bodies_.push_back(std::move(body));
    not_empty_.notify_one();
  }
  std::string pop() {
    std::unique_lock lock(mutex_);
    not_empty_.wait(lock, [this] { return !bodies_.empty(); });
    std::string body = std::move(bodies_.front());
    bodies_.pop_front();
    not_full_.notify_one();
    return body;
  }

 private:
  std::size_t room_;
  std::mutex mutex_;
  std::condition_variable not_full_;
  std::condition_variable not_empty_;
  std::deque<std::string> bodies_;
};

constexpr std::size_t bound = 1'024;
constexpr std::size_t body_bytes = 100;

/// One message after the other from one thread to another. Messages per second.
double deque_rate(std::size_t messages) {
  BoundedDeque queue(bound);
  const std::string body(body_bytes, 'b');
  const auto begin = Clock::now();
  std::size_t bytes = 0;
  std::thread consumer([&] {
    for (std::size_t i = 0; i < messages; ++i) bytes += queue.pop().size();
  });
  for (std::size_t i = 0; i < messages; ++i) queue.push(body);
  consumer.join();
  const double seconds = seconds_since(begin);
  if (bytes != messages * body_bytes) throw CannotMeasure("the deque lost something");
  return static_cast<double>(messages) / seconds;
}

/// Hands a message over to a thread that waits for it: how long until it has it.
class Handoff {
 public:
  virtual ~Handoff() = default;
  virtual void send() = 0;
  /// Blocks until there is a message.
  virtual void receive() = 0;
  /// After the receiver noted the time.
  virtual void settle() {}
};

/// The floor: a flag under a mutex.
class FlagHandoff final : public Handoff {
 public:
  void send() override {
    {
      const std::lock_guard lock(mutex_);
      set_ = true;
    }
    changed_.notify_one();
  }
  void receive() override {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return set_; });
    set_ = false;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool set_ = false;
};

class QueueHandoff final : public Handoff {
 public:
  explicit QueueHandoff(const Queue& queue) : queue_(queue) {}

  void send() override { queue_.send(body_).value(); }
  void receive() override {
    received_ = queue_.receive({.wait = std::chrono::seconds(30)}).value();
    if (received_.size() != 1) throw CannotMeasure("nothing arrived");
  }
  void settle() override { received_.front().erase().value(); }

 private:
  Queue queue_;
  std::string body_ = std::string(body_bytes, 'b');
  std::vector<Delivery> received_;
};

/// The receiver is given time to fall asleep before each message, on both sides alike.
Latencies hand_over(Handoff& handoff, std::size_t messages) {
  Latencies out(messages);
  Clock::time_point sent_at;
  FlagHandoff ready;
  std::thread receiver([&] {
    for (std::size_t i = 0; i < messages; ++i) {
      handoff.receive();
      out.add(Clock::now() - sent_at);
      handoff.settle();
      ready.send();
    }
  });
  for (std::size_t i = 0; i < messages; ++i) {
    std::this_thread::sleep_for(std::chrono::microseconds(150));
    sent_at = Clock::now();
    handoff.send();
    ready.receive();
  }
  receiver.join();
  return out;
}

}  // namespace

void run_lifecycle_memory(Session& session) {
  const Case of{.suite = "local",
                .name = "lifecycle/memory/100B/batch=32",
                .unit = "messages/s",
                .floor = "mutex+condition-variable+bounded-deque",
                .target = 0.25};
  if (!session.begins(of.name)) return;
  const auto& settings = session.settings();
  OpenQueue open({.parent = settings.data, .name = "local", .durability = Durability::memory});
  Load load{.messages = 64'000, .body_bytes = body_bytes, .batch = 32, .outstanding = 1, .window = bound};
  load.messages = settings.count_for(lifecycle_rate(open.queue(), load), load.batch, load.messages);
  const std::size_t deque_messages = settings.count_for(deque_rate(100'000), 1, 100'000);
  Rounds rounds(Kind::rate);
  for (std::size_t round = 0; round < settings.rounds(); ++round) {
    const double value = lifecycle_rate(open.queue(), load);
    rounds.add(value, deque_rate(deque_messages));
  }
  session.report(of, rounds);
}

void run_handoff_memory(Session& session) {
  const Case of{.suite = "local",
                .name = "handoff/memory",
                .unit = "us (p50)",
                .floor = "condition-variable",
                .target = 0.8};
  if (!session.begins(of.name)) return;
  const auto& settings = session.settings();
  OpenQueue open({.parent = settings.data, .name = "local", .durability = Durability::memory});
  QueueHandoff ours(open.queue());
  FlagHandoff bare;
  const std::size_t messages = settings.scaled(2'000, 10'000);
  hand_over(ours, 200);
  Rounds rounds(Kind::latency);
  for (std::size_t round = 0; round < settings.rounds(); ++round) {
    Latencies value = hand_over(ours, messages);
    Latencies floor = hand_over(bare, messages);
    rounds.add(value.percentile_us(50), floor.percentile_us(50));
    rounds.add_percentiles(value);
  }
  session.report(of, rounds);
}

}  // namespace peerq::bench
