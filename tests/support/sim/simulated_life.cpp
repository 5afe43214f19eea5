#include "support/sim/simulated_life.hpp"

namespace peerq::test {

using namespace std::chrono_literals;

SimulatedLife::SimulatedLife(std::uint64_t seed) : simulation_({.seed = seed}) { open(); }

void SimulatedLife::open() {
  const QueueOptions options{.visibility_timeout = 30s, .max_receives = 20, .dead_letter_queue = "dead"};
  node_.emplace(testkit::open_node(simulation_).value());
  queue_.emplace(node_->create_queue("work", options).value());
  dead_.emplace(node_->open_queue("dead").value());
}

void SimulatedLife::run(std::chrono::nanoseconds duration) {
  auto& scheduler = simulation_.scheduler();
  const SteadyTime end = scheduler.now() + duration;
  while (scheduler.now() < end) {
    const auto dice = scheduler.below(1'000);
    if (dice < 450) {
      send();
    } else if (dice < 900) {
      receive();
    } else if (dice < 985) {
      simulation_.run_for(Milliseconds(1 + scheduler.below(20'000)));
    } else if (dice < 990) {
      check_counters();
    } else if (dice < 995) {
      jump();
    } else {
      crash(dice % 2 == 0);
    }
  }
}

void SimulatedLife::prove() {
  healing_ = true;
  simulation_.run_for(4h);  // wall time runs at half speed while the calendar, set back, is behind it
  for (int empty = 0; empty < 3;) empty = receive() == 0 ? empty + 1 : 0;
  check_counters();
  const auto dead = dead_lettered();
  for (const auto& [body, fate] : fates_) {
    if (fate == Fate::acknowledged && !dead.contains(body)) violations_.push_back("lost: " + body);
  }
}

void SimulatedLife::send() {
  const std::string body = "m" + std::to_string(fates_.size());
  fates_[body] = Fate::sending;
  SendOptions options;
  if (simulation_.scheduler().once_in(4)) {
    options.delay = Milliseconds(simulation_.scheduler().below(60'000));
    delay(body, simulation_.scheduler().now(), *options.delay);
  }
  // What expires goes to the dead-letter queue, so that it is not lost either.
  if (simulation_.scheduler().once_in(8)) {
    options.time_to_live = Milliseconds(1 + simulation_.scheduler().below(120'000));
  }
  if (!queue_->send(body, options)) return;
  fates_[body] = Fate::acknowledged;
  ++acknowledged_;
}

std::size_t SimulatedLife::receive() {
  const auto deliveries = queue_->receive({.max_messages = 10, .wait = 1s});
  if (!deliveries) return 0;
  for (const auto& delivery : *deliveries) take(delivery);
  return deliveries->size();
}

void SimulatedLife::take(const Delivery& delivery) {
  auto& scheduler = simulation_.scheduler();
  const std::string body(delivery.body());
  ++deliveries_;
  const auto fate = fates_.find(body);
  if (fate == fates_.end()) return violations_.push_back("from nowhere: " + body);
  if (fate->second == Fate::deleted) violations_.push_back("came back after its delete: " + body);
  check_delay(body);
  auto& until = leased_until_[body];
  if (until > scheduler.now()) violations_.push_back("leased twice at once: " + body);
  until = scheduler.now() + delivery.lease_left();
  if (!healing_ && scheduler.once_in(5)) return;  // left to lapse
  if (!healing_ && scheduler.once_in(5)) {
    const Milliseconds pause(scheduler.below(5'000));
    const SteadyTime from = scheduler.now();
    if (delivery.nack({.delay = pause, .reason = "again"})) {
      until = scheduler.now();
      delay(body, from, pause);
    }
    return;
  }
  fate->second = Fate::deleting;
  if (delivery.erase()) fate->second = Fate::deleted;
}

void SimulatedLife::delay(const std::string& body, SteadyTime from, Milliseconds delay) {
  delayed_until_[body] = {from + delay, jumps_};
}

/// Stamps of the calendar are whole milliseconds; while it does not jump they are never faster than time.
void SimulatedLife::check_delay(const std::string& body) {
  const auto delayed = delayed_until_.find(body);
  if (delayed == delayed_until_.end() || delayed->second.second != jumps_) return;
  const bool early = simulation_.scheduler().now() + 2ms < delayed->second.first;
  if (early) violations_.push_back("handed out before its delay was over: " + body);
}

void SimulatedLife::jump() {
  ++jumps_;
  const auto hours = static_cast<std::int64_t>(simulation_.scheduler().below(7'200'000)) - 3'600'000;
  simulation_.clock()->jump_wall(Milliseconds(hours));
}

/// The end of the process comes at a random moment, maybe in the middle of a commit or checkpoint.
void SimulatedLife::crash(bool power) {
  ++crashes_;
  bool gone = false;
  simulation_.scheduler().after(std::chrono::microseconds(simulation_.scheduler().below(3'000)), [&] {
    if (power) {
      simulation_.cut_power();
    } else {
      simulation_.kill();
    }
    gone = true;
  });
  if (simulation_.scheduler().once_in(2)) send();
  while (!gone) simulation_.run_for(1ms);
  queue_.reset();
  dead_.reset();
  node_.reset();
  simulation_.boot();
  open();
}

void SimulatedLife::check_counters() {
  const auto counters = queue_->statistics();
  if (!counters) return;
  const auto live = counters->ready + counters->delayed + counters->in_flight + counters->parked;
  const auto gone = counters->deleted + counters->expired + counters->dead_lettered + counters->purged;
  if (counters->sent + counters->arrived != live + gone) violations_.push_back("the counters do not add up");
}

std::set<std::string> SimulatedLife::dead_lettered() {
  std::set<std::string> out;
  for (std::uint64_t after = 0;;) {
    const auto page = dead_->list({.after = after, .max_messages = 1'000}).value();
    for (const auto& message : page.messages) out.insert(message.body);
    if (!page.next) return out;
    after = *page.next;
  }
}

}  // namespace peerq::test
