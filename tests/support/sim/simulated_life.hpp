#pragma once
// A producer and a consumer on a simulated node, living through crashes, power cuts and clock jumps; and the
// proof at the end that nothing acknowledged was lost, nothing deleted came back, and no lease was given
// twice at once.

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "peerq/peerq.hpp"
#include "peerq/testkit/node.hpp"

namespace peerq::test {

/// What is known of one message.
enum class Fate : std::uint8_t { sending, acknowledged, deleting, deleted };

/// One life of a simulated machine. **Thread** one.
class SimulatedLife {
 public:
  explicit SimulatedLife(std::uint64_t seed);

  /// Lets things happen for this virtual time.
  void run(std::chrono::nanoseconds duration);
  /// Waits out every lease and delay and drains; then `violations` is final.
  void prove();

  /// Sends that were tried, those of them that were acknowledged, and deliveries.
  std::size_t sent() const noexcept { return fates_.size(); }
  std::size_t acknowledged() const noexcept { return acknowledged_; }
  std::size_t deliveries() const noexcept { return deliveries_; }
  /// Most sends were acknowledged and were delivered: a life in which little happened proves little.
  bool worked() const noexcept {
    return acknowledged_ > 0 && acknowledged_ * 2 >= fates_.size() && deliveries_ * 2 >= acknowledged_;
  }
  std::size_t crashes() const noexcept { return crashes_; }
  /// What went wrong, in words.
  const std::vector<std::string>& violations() const noexcept { return violations_; }
  testkit::Simulation& simulation() noexcept { return simulation_; }

 private:
  void open();
  void send();
  std::size_t receive();
  void take(const Delivery& delivery);
  void delay(const std::string& body, SteadyTime from, Milliseconds delay);
  void check_delay(const std::string& body);
  void jump();
  void crash(bool power);
  std::set<std::string> dead_lettered();
  void check_counters();

  testkit::Simulation simulation_;
  std::optional<Node> node_;
  std::optional<Queue> queue_;
  std::optional<Queue> dead_;
  std::map<std::string, Fate> fates_;
  std::map<std::string, SteadyTime> leased_until_;
  /// When a delay ends, and how often the calendar had jumped when it began: a jump may end it early.
  std::map<std::string, std::pair<SteadyTime, std::uint64_t>> delayed_until_;
  std::uint64_t jumps_ = 0;
  std::vector<std::string> violations_;
  bool healing_ = false;
  std::size_t acknowledged_ = 0;
  std::size_t deliveries_ = 0;
  std::size_t crashes_ = 0;
};

}  // namespace peerq::test
