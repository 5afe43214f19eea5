// Who is woken, in virtual time: as many receivers as can get something (S22).

#include <catch2/catch_test_macros.hpp>
#include <random>
#include <string>
#include <vector>

#include "peerq/peerq.hpp"
#include "peerq/testkit/node.hpp"

namespace peerq::testkit {
namespace {

using namespace std::chrono_literals;
using Deliveries = Result<std::vector<Delivery>>;

/// Receivers that ask again as soon as they were served, and delete what they got.
struct Receivers {
  std::uint64_t got = 0;
  bool open = true;
  const Queue& queue;

  Receivers(const Queue& from, std::size_t count) : queue(from) {
    for (std::size_t i = 0; i < count; ++i) ask();
  }
  void ask() {
    queue.receive_async({.wait = 1h}, [this](const Deliveries& deliveries) {
      if (!open || !deliveries || deliveries->empty()) return;
      got += deliveries->size();
      for (const auto& delivery : *deliveries) queue.erase_async(delivery, [](const auto&) {});
      ask();
    });
  }
};

TEST_CASE("a FIFO group that can be given to one receiver does not wake all of them (S22, S43)") {
  Simulation sim;
  auto node = open_node(sim).value();
  const auto queue = node.create_queue("q", {.type = QueueType::fifo}).value();
  std::vector<Message> messages(500);
  for (auto& message : messages) message = {"x", {.group_id = "g"}};
  queue.send(messages).value();
  Receivers receivers(queue, 200);
  const auto before = sim.observer()->counter("log.bytes");
  sim.run_for(60s);
  CHECK(receivers.got == 500);
  CHECK((sim.observer()->counter("log.bytes") - before) / 500 < 1'500);
  receivers.open = false;
}

TEST_CASE("as many receivers get a message in one entry as there are groups that give one (S22, S43)") {
  Simulation sim;
  std::size_t served = 0;
  auto node = open_node(sim).value();
  const auto queue = node.create_queue("q", {.type = QueueType::fifo}).value();
  for (int i = 0; i < 100; ++i) {
    queue.receive_async({.wait = 1h}, [&](const Deliveries& deliveries) {
      if (deliveries && !deliveries->empty()) ++served;
    });
  }
  sim.run_for(1s);
  std::vector<Message> messages(150);
  for (std::size_t i = 0; i < messages.size(); ++i) {
    messages[i] = {"x", {.group_id = std::to_string(i % 50)}};
  }
  const auto before = sim.disk().facts().commits;
  queue.send(messages).value();
  sim.run_for(1s);
  CHECK(served == 50);
  CHECK(sim.disk().facts().commits - before <= 8);
}

TEST_CASE("receivers that take out at once are all served from one group, in one entry (S22, S69)") {
  Simulation sim;
  std::size_t served = 0;
  auto node = open_node(sim).value();
  const auto queue = node.create_queue("q", {.type = QueueType::fifo}).value();
  for (int i = 0; i < 100; ++i) {
    queue.receive_and_delete_async({.wait = 1h}, [&](const Deliveries& deliveries) {
      if (deliveries) served += deliveries->size();
    });
  }
  sim.run_for(1s);
  std::vector<Message> messages(100);
  for (auto& message : messages) message = {"x", {.group_id = "g"}};
  const auto before = sim.disk().facts().commits;
  queue.send(messages).value();
  sim.run_for(1s);
  CHECK(served == 100);
  CHECK(sim.disk().facts().commits - before <= 4);
}

/// Receivers of every kind on a FIFO queue.
struct MixedReceivers {
  std::minstd_rand dice;
  Simulation sim;
  Node node = open_node(sim).value();
  QueueOptions fifo{.type = QueueType::fifo, .visibility_timeout = 1s};
  Queue queue = node.create_queue("q", fifo).value();
  Queue other = node.create_queue("other", fifo).value();
  bool open = true;

  explicit MixedReceivers(std::uint64_t seed) : dice(static_cast<unsigned>(seed)), sim({.seed = seed}) {
    for (int i = 0; i < 30; ++i) ask(i);
  }
  ~MixedReceivers() { open = false; }
  void ask(int who) {
    const auto most = static_cast<std::uint32_t>(who % 3 == 0 ? 5 : 1);
    auto done = [this, who](const Deliveries& deliveries) {
      if (!open || !deliveries) return;
      for (const auto& delivery : *deliveries) settle(delivery, who);
      ask(who);
    };
    const auto wait = std::chrono::milliseconds(500 + dice() % 3'000);
    if (who % 5 == 0) return queue.receive_and_delete_async({.max_messages = most, .wait = wait}, done);
    if (who % 7 == 0) {
      const std::vector<WeightedQueue> both{{queue, 1}, {other, 1}};
      return node.receive_from_async(both, {.max_messages = most, .wait = wait}, done);
    }
    queue.receive_async({.max_messages = most, .wait = wait}, done);
  }
  void settle(const Delivery& delivery, int who) {
    if (who % 5 == 0) return;
    if (dice() % 10 == 0) {
      delivery.nack({.delay = std::chrono::milliseconds(dice() % 100)}).value();
    } else if (dice() % 20 != 0) {
      const Queue& from = delivery.queue_name() == "q" ? queue : other;
      from.erase_async(delivery, [](const auto&) {});
    }
  }
};

TEST_CASE("whoever waits on a FIFO queue is woken as long as it has something to give (S22)") {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    INFO("seed " << seed);
    MixedReceivers life(seed);
    for (int i = 0; i < 300; ++i) {
      std::vector<Message> messages(1 + life.dice() % 5);
      for (auto& message : messages) message = {"x", {.group_id = std::to_string(life.dice() % 4)}};
      (life.dice() % 4 == 0 ? life.other : life.queue).send(messages).value();
      life.sim.run_for(std::chrono::microseconds(life.dice() % 5'000));
    }
    const auto left = [&](const Queue& queue) {
      const auto now = queue.statistics().value();
      return now.ready - now.held;
    };
    // Whatever is lost on the way comes back when its lease ends: then all is served at once.
    for (int i = 0; i < 200; ++i) {
      life.sim.run_for(1s);
      CHECK(left(life.queue) == 0);
    }
    CHECK(life.queue.statistics().value().ready == 0);
    CHECK(life.other.statistics().value().ready == 0);
  }
}

}  // namespace
}  // namespace peerq::testkit
