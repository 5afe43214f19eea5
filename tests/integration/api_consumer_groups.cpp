// Consumers of FIFO queues: the order inside a group, whatever becomes of its messages (S42-S44).

#include <algorithm>
#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <future>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "eventually.hpp"
#include "opened.hpp"
#include "peerq/peerq.hpp"

namespace peerq::test {
namespace {

using namespace std::chrono_literals;

/// A FIFO queue, and what handlers of its messages saw.
struct Line : Opened {
  Queue queue;

  explicit Line(QueueOptions options = {}) : queue(create(node, std::move(options))) {}

  static Queue create(Node& node, QueueOptions options) {
    options.type = QueueType::fifo;
    return node.create_queue("line", options).value();
  }
  void send(int first, int last, const std::string& group = "g") const {
    for (int i = first; i <= last; ++i) REQUIRE(queue.send(std::to_string(i), {.group_id = group}));
  }
  bool deleted(std::uint64_t messages) const {
    return eventually([&] { return queue.statistics().value().deleted == messages; });
  }
};

/// Notes what is handled in each group, and whether handlers of one group met.
class Seen {
 public:
  struct Handling {
    Handling(Seen& all, const Delivery& delivery) : seen(all), group(delivery.group_id()) {
      const std::lock_guard lock(seen.mutex_);
      seen.bodies_[group].push_back(std::stoi(std::string(delivery.body())));
      seen.met_ = seen.met_ || ++seen.running_[group] > 1;
    }
    ~Handling() {
      const std::lock_guard lock(seen.mutex_);
      --seen.running_[group];
    }
    Seen& seen;
    const std::string group;
  };

  std::vector<int> of(const std::string& group = "g") const {
    const std::lock_guard lock(mutex_);
    const auto found = bodies_.find(group);
    return found == bodies_.end() ? std::vector<int>() : found->second;
  }
  bool met() const {
    const std::lock_guard lock(mutex_);
    return met_;
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::vector<int>> bodies_;
  std::map<std::string, int> running_;
  bool met_ = false;
};

TEST_CASE("api consumer: a group's messages are handled one at a time, in order (S42, S43)",
          "[api][consumer]") {
  const Line line;
  for (int i = 0; i < 20; ++i) {
    for (const char* group : {"a", "b", "c"}) line.send(i, i, group);
  }
  Seen seen;
  Consumer consumer(line.queue, {.concurrency = 4, .prefetch = 16}, [&](const Delivery& delivery) {
    const Seen::Handling handling(seen, delivery);
    std::this_thread::sleep_for(delivery.body().size() == 1 ? 3ms : 1ms);
  });
  REQUIRE(line.deleted(60));
  consumer.stop();
  CHECK_FALSE(seen.met());
  for (const char* group : {"a", "b", "c"}) {
    const auto bodies = seen.of(group);
    CHECK(bodies.size() == 20);
    CHECK(std::is_sorted(bodies.begin(), bodies.end()));
  }
}

TEST_CASE("api consumer: with a host's executor the order of a group is the same (S42)", "[api][consumer]") {
  const Line line;
  line.send(1, 30);
  Seen seen;
  std::mutex mutex;
  std::vector<std::thread> threads;
  const auto executor = [&](Task task) {
    const std::lock_guard lock(mutex);
    threads.emplace_back([task = std::make_shared<Task>(std::move(task))] { (*task)(); });
  };
  {
    const Consumer consumer(line.queue, {.concurrency = 3, .prefetch = 9, .executor = executor},
                            [&](const Delivery& delivery) { const Seen::Handling handling(seen, delivery); });
    REQUIRE(line.deleted(30));
  }
  for (auto& thread : threads) thread.join();
  CHECK_FALSE(seen.met());
  CHECK(seen.of().size() == 30);
  const auto bodies = seen.of();
  CHECK(std::is_sorted(bodies.begin(), bodies.end()));
}

TEST_CASE("api consumer: behind a message that is retried nothing of its group is handled (S44, S46)",
          "[api][consumer]") {
  const Line line;
  line.send(1, 9);
  Seen seen;
  Consumer consumer(line.queue, {.concurrency = 1, .prefetch = 9}, [&](const Delivery& delivery) {
    const Seen::Handling handling(seen, delivery);
    return delivery.body() == "3" && delivery.receive_count() == 1 ? retry_in(200ms) : done;
  });
  REQUIRE(line.deleted(9));
  consumer.stop();
  CHECK(seen.of() == std::vector{1, 2, 3, 3, 4, 5, 6, 7, 8, 9});
  CHECK(consumer.statistics().leases_lost == 0);
}

TEST_CASE("api consumer: a message that is released comes again before those behind it, uncounted (S44)",
          "[api][consumer]") {
  const Line line;
  line.send(1, 5);
  Seen seen;
  std::atomic<std::uint32_t> counted = 0;
  Consumer consumer(line.queue, {.concurrency = 2, .prefetch = 9}, [&](const Delivery& delivery) {
    const Seen::Handling handling(seen, delivery);
    counted = std::max<std::uint32_t>(counted, delivery.receive_count());
    return delivery.body() == "2" && delivery.attempt() == 1 ? release : done;
  });
  REQUIRE(line.deleted(5));
  consumer.stop();
  CHECK(seen.of() == std::vector{1, 2, 2, 3, 4, 5});
  CHECK(counted == 1);
}

TEST_CASE("api consumer: a message that is rejected leaves the later ones leased (S44)", "[api][consumer]") {
  const Line line({.dead_letter_queue = "dead"});
  line.send(1, 5);
  Seen seen;
  std::atomic<std::uint32_t> attempts = 0;
  Consumer consumer(line.queue, {.concurrency = 4, .prefetch = 9}, [&](const Delivery& delivery) {
    const Seen::Handling handling(seen, delivery);
    attempts = std::max<std::uint32_t>(attempts, delivery.attempt());
    return delivery.body() == "2" ? reject("no") : done;
  });
  REQUIRE(line.deleted(4));
  consumer.stop();
  CHECK(seen.of() == std::vector{1, 2, 3, 4, 5});
  CHECK_FALSE(seen.met());
  CHECK(attempts == 1);
}

TEST_CASE("api consumer: those behind a message whose lease is lost are not handled before it (S44, S65)",
          "[api][consumer]") {
  const Line line({.visibility_timeout = 500ms, .max_lease_time = 500ms});
  line.send(1, 4);
  Seen seen;
  std::atomic<bool> told = false;
  std::atomic<std::uint32_t> counted = 0;
  Consumer consumer(line.queue, {.concurrency = 3, .prefetch = 9},
                    [&](const Delivery& delivery, const std::stop_token& lease_lost) {
                      const Seen::Handling handling(seen, delivery);
                      if (delivery.body() == "2" && delivery.attempt() == 1) {
                        for (int i = 0; i < 2'000 && delivery.lease_left() > 0ms; ++i)
                          std::this_thread::sleep_for(1ms);
                        told = lease_lost.stop_requested();
                        std::this_thread::sleep_for(100ms);
                      }
                      if (delivery.body() > "2")
                        counted = std::max<std::uint32_t>(counted, delivery.receive_count());
                      return done;
                    });
  REQUIRE(line.deleted(4));
  consumer.stop();
  CHECK(told);
  CHECK_FALSE(seen.met());
  CHECK(seen.of() == std::vector{1, 2, 2, 3, 4});
  CHECK(counted == 1);
}

TEST_CASE("api consumer: while one of a group is handled the leases of all behind it are extended (S35, S44)",
          "[api][consumer]") {
  const Line line({.visibility_timeout = 600ms});
  line.send(1, 4);
  Seen seen;
  std::atomic<std::uint32_t> attempts = 0;
  Consumer consumer(line.queue, {.concurrency = 1, .prefetch = 9}, [&](const Delivery& delivery) {
    const Seen::Handling handling(seen, delivery);
    attempts = std::max<std::uint32_t>(attempts, delivery.attempt());
    std::this_thread::sleep_for(500ms);
  });
  REQUIRE(line.deleted(4));
  consumer.stop();
  CHECK(seen.of() == std::vector{1, 2, 3, 4});
  CHECK(attempts == 1);
  CHECK(consumer.statistics().leases_lost == 0);
}

TEST_CASE("api consumer: a long group leaves handlers to the others", "[api][consumer]") {
  const Line line;
  line.send(1, 50, "long");
  line.send(1, 1, "other");
  std::promise<void> other;
  const auto handled = other.get_future().share();
  std::atomic<bool> in_time = false;
  const auto prefetch = GENERATE(0U, 3U);
  Consumer consumer(line.queue, {.concurrency = 2, .prefetch = prefetch}, [&](const Delivery& delivery) {
    if (delivery.group_id() == "other") return other.set_value();
    if (delivery.body() == "1") in_time = handled.wait_for(10s) == std::future_status::ready;
  });
  REQUIRE(line.deleted(51));
  CHECK(in_time);
}

TEST_CASE("api consumer: a delete that fails leaves those behind it for later (S44)", "[api][consumer]") {
  const Line line({.visibility_timeout = 1s});
  line.send(1, 3);
  Seen seen;
  std::atomic<int> errors = 0;
  const auto count = [&](const Error& error) { errors += error == errc::message_too_large ? 1 : 0; };
  Consumer consumer(line.queue, {.concurrency = 2, .prefetch = 9, .on_error = count},
                    [&](const Delivery& delivery) {
                      const Seen::Handling handling(seen, delivery);
                      const bool fails = delivery.body() == "1" && delivery.attempt() == 1;
                      return fails ? done_with(std::string(limits::send_bytes_max + 1, 'x')) : done;
                    });
  REQUIRE(line.deleted(3));
  CHECK(seen.of() == std::vector{1, 1, 2, 3});
  CHECK(errors == 1);
}

TEST_CASE("api consumer: a handler that deletes its message itself goes on in order", "[api][consumer]") {
  const Line line;
  line.send(1, 5);
  Seen seen;
  std::atomic<std::uint32_t> attempts = 0;
  Consumer consumer(line.queue, {.concurrency = 2, .prefetch = 9}, [&](const Delivery& delivery) {
    const Seen::Handling handling(seen, delivery);
    attempts = std::max<std::uint32_t>(attempts, delivery.attempt());
    CHECK(delivery.erase());
  });
  REQUIRE(line.deleted(5));
  CHECK(seen.of() == std::vector{1, 2, 3, 4, 5});
  CHECK(attempts == 1);
}

TEST_CASE("api consumer: a stopped consumer gives back what waits behind its handler, uncounted (S44, S56)",
          "[api][consumer]") {
  const Line line;
  line.send(1, 9);
  std::promise<void> begun;
  std::atomic<int> calls = 0;
  Consumer consumer(line.queue, {.concurrency = 3, .prefetch = 9}, [&](const Delivery&) {
    if (++calls == 1) begun.set_value();
    std::this_thread::sleep_for(100ms);
  });
  begun.get_future().wait();
  consumer.stop(5s);
  CHECK(calls == 1);
  CHECK(line.queue.statistics().value().in_flight == 0);
  const auto rest = line.queue.receive({.max_messages = 10}).value();
  REQUIRE(rest.size() == 8);
  CHECK(rest.front().body() == "2");
  for (const auto& delivery : rest) CHECK(delivery.receive_count() == 1);
}

TEST_CASE("api consumer: several consumers keep the order of a group, whatever fails (S42-S44)",
          "[api][consumer]") {
  const Line line({.visibility_timeout = 5s});
  for (int i = 1; i <= 25; ++i) {
    for (const char* group : {"a", "b", "c"}) line.send(i, i, group);
  }
  std::mutex mutex;
  std::map<std::string, int> last;
  std::atomic<int> wrong = 0;
  const auto handle = [&](const Delivery& delivery) -> Outcome {
    const int number = std::stoi(std::string(delivery.body()));
    {
      const std::lock_guard lock(mutex);
      int& before = last[std::string(delivery.group_id())];
      wrong += number == before || number == before + 1 ? 0 : 1;
      before = number;
    }
    if (delivery.receive_count() > 1) return done;
    return number % 7 == 3 ? retry_in(5ms) : number % 7 == 5 && delivery.attempt() == 1 ? release : done;
  };
  const Consumer first(line.queue, {.concurrency = 2, .prefetch = 5}, handle);
  const Consumer second(line.queue, {.concurrency = 3, .prefetch = 0}, handle);
  REQUIRE(line.deleted(75));
  CHECK(wrong == 0);
}

}  // namespace
}  // namespace peerq::test
