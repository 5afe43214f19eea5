// The whole node in virtual time: the public API over production classes, a simulated clock, executor and disk.

#include "peerq/testkit/node.hpp"

#include <catch2/catch_test_macros.hpp>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "peerq/peerq.hpp"

namespace peerq::testkit {
namespace {

using namespace std::chrono_literals;

/// What the test knows of one message.
enum class Fate { sending, acknowledged, deleting, deleted };

/// A producer and a consumer that live through crashes, and the proof at the end.
class Hour {
 public:
  explicit Hour(std::uint64_t seed) : simulation_({.seed = seed}) { open(); }

  void run(std::chrono::nanoseconds duration) {
    const SteadyTime end = simulation_.scheduler().now() + duration;
    while (simulation_.scheduler().now() < end) {
      const auto dice = simulation_.scheduler().below(1'000);
      if (dice < 450) send();
      else if (dice < 900) receive();
      else if (dice < 990) simulation_.run_for(Milliseconds(1 + simulation_.scheduler().below(20'000)));
      else if (dice < 995) jump();
      else crash(dice % 2 == 0);
    }
  }

  /// Waits out every lease and delay, drains, and checks that nothing is lost and nothing comes from nowhere.
  void prove() {
    healing_ = true;
    simulation_.run_for(4h);  // wall time runs at half speed while the calendar, set back, is behind it
    for (int empty = 0; empty < 3;) empty = receive() == 0 ? empty + 1 : 0;
    const auto dead_lettered = dead();
    for (const auto& [body, fate] : fates_) {
      INFO(body);
      if (fate == Fate::acknowledged) CHECK(dead_lettered.contains(body));
    }
  }

  std::size_t sent() const { return fates_.size(); }
  int crashes() const { return crashes_; }
  Simulation& simulation() { return simulation_; }
  int parallel_leases() const { return parallel_leases_; }
  int resurrected() const { return resurrected_; }

 private:
  void open() {
    node_.emplace(open_node(simulation_).value());
    queue_.emplace(node_->create_queue("work", {.visibility_timeout = 30s, .max_receives = 20, .dead_letter_queue = "dead"})
                       .value());
    dead_.emplace(node_->open_queue("dead").value());
  }

  void send() {
    const std::string body = "m" + std::to_string(fates_.size());
    fates_[body] = Fate::sending;
    SendOptions options;
    if (simulation_.scheduler().once_in(4)) options.delay = Milliseconds(simulation_.scheduler().below(60'000));
    if (queue_->send(body, options)) fates_[body] = Fate::acknowledged;
  }

  std::size_t receive() {
    const auto deliveries = queue_->receive({.max_messages = 10, .wait = 1s});
    if (!deliveries) return 0;
    for (const auto& delivery : *deliveries) take(delivery);
    return deliveries->size();
  }

  void take(const Delivery& delivery) {
    const std::string body(delivery.body());
    REQUIRE(fates_.contains(body));
    if (fates_[body] == Fate::deleted) ++resurrected_;
    auto& until = leased_until_[body];
    const SteadyTime now = simulation_.scheduler().now();
    if (until > now) ++parallel_leases_;
    until = now + delivery.lease_left();
    if (!healing_ && simulation_.scheduler().once_in(5)) return;  // left to lapse
    if (!healing_ && simulation_.scheduler().once_in(5)) {
      if (delivery.nack({.delay = Milliseconds(simulation_.scheduler().below(5'000)), .reason = "again"})) until = now;
      return;
    }
    fates_[body] = Fate::deleting;
    if (delivery.erase()) fates_[body] = Fate::deleted;
  }

  void jump() {
    simulation_.clock()->jump_wall(Milliseconds(static_cast<std::int64_t>(simulation_.scheduler().below(7'200'000)) - 3'600'000));
  }

  void crash(bool power) {
    ++crashes_;
    const auto in = std::chrono::microseconds(simulation_.scheduler().below(3'000));
    bool gone = false;
    simulation_.scheduler().after(in, [this, power, &gone] {
      if (power) simulation_.cut_power();
      else simulation_.kill();
      gone = true;
    });
    while (!gone) simulation_.run_for(1ms);
    queue_.reset();
    dead_.reset();
    node_.reset();
    simulation_.boot();
    open();
  }

  std::set<std::string> dead() {
    std::set<std::string> out;
    for (std::uint64_t after = 0;;) {
      const auto page = dead_->list({.after = after, .max_messages = 1'000}).value();
      for (const auto& message : page.messages) out.insert(message.body);
      if (!page.next) return out;
      after = *page.next;
    }
  }

  Simulation simulation_;
  std::optional<Node> node_;
  std::optional<Queue> queue_;
  std::optional<Queue> dead_;
  std::map<std::string, Fate> fates_;
  std::map<std::string, SteadyTime> leased_until_;
  bool healing_ = false;
  int crashes_ = 0;
  int parallel_leases_ = 0;
  int resurrected_ = 0;
};

TEST_CASE("a node runs a seeded hour of virtual time through crashes and clock jumps and loses nothing") {
  for (const std::uint64_t seed : {1U, 2U, 3U}) {
    INFO("seed " << seed);
    Hour hour(seed);
    hour.run(1h);
    hour.prove();
    CHECK(hour.sent() > 50);
    CHECK(hour.crashes() > 0);
    CHECK(hour.parallel_leases() == 0);
    CHECK(hour.resurrected() == 0);
  }
}

TEST_CASE("the same seed gives the same hour") {
  const auto steps = [](std::uint64_t seed) {
    Hour hour(seed);
    hour.run(10min);
    return std::pair(hour.simulation().scheduler().steps(), hour.sent());
  };
  CHECK(steps(7) == steps(7));
  CHECK(steps(7) != steps(8));
}

TEST_CASE("a disk that lies about its syncs is found out") {
  std::uint64_t lost = 0;
  for (std::uint64_t seed = 1; seed <= 20 && lost == 0; ++seed) {
    Simulation simulation({.seed = seed, .disk = {.lie_about_sync = true}});
    {
      auto node = open_node(simulation).value();
      auto queue = node.create_queue("work").value();
      REQUIRE(queue.send("acknowledged"));
      simulation.cut_power();
    }
    simulation.boot();
    auto node = open_node(simulation).value();
    const auto queue = node.open_queue("work");
    if (!queue || queue->receive().value().empty()) ++lost;
  }
  CHECK(lost > 0);
}

}  // namespace
}  // namespace peerq::testkit
