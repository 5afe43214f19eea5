// A work queue: several handlers at once, failures that are tried again, and a dead-letter queue for what
// never works. Usage: example_work_queue [DATA_DIRECTORY]

#include <fmt/format.h>

#include <peerq/peerq.hpp>
#include <stdexcept>
#include <thread>

namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t order_count = 12;

/// What each order does here: 3 is nonsense, 5 fails once, 7 fails every time, the others work.
peerq::Outcome ship(const peerq::Delivery& order, const std::stop_token& lease_lost) {
  if (order.body() == "order 3") return peerq::reject("there is no such product");
  if (order.body() == "order 5" && order.receive_count() == 1)
    return peerq::retry_in(50ms, "the printer is busy");
  if (order.body() == "order 7")
    throw std::runtime_error("the address is unknown");  // the same as retry("...")
  for (int step = 0; step < 5; ++step) {
    // Long work looks now and then: when the lease is lost, another worker may have the order already.
    if (lease_lost.stop_requested()) return peerq::release;
    std::this_thread::sleep_for(5ms);
  }
  return peerq::done;
}

bool is_empty(const peerq::Queue& queue) {
  const auto now = queue.statistics().value();
  return now.ready + now.delayed + now.in_flight == 0;
}

/// Shows and removes what could not be done; returns how many.
int take_dead_letters(const peerq::Queue& dead) {
  int count = 0;
  for (const auto& order : dead.receive({.max_messages = 100}).value()) {
    fmt::print("dead letter: {} after {} attempts: {}\n", order.body(), order.failure().attempts,
               order.failure().last_error);
    order.erase().value();
    ++count;
  }
  return count;
}

int run(const std::string& directory) {
  auto node = peerq::Node::open({.data_dir = directory}).value();
  auto orders = node.create_queue("orders", {.visibility_timeout = 30s,
                                             .max_receives = 3,
                                             .dead_letter_queue = "orders.dead",
                                             .retry = {.base = 20ms, .cap = 1s}})
                    .value();
  for (std::uint64_t number = 1; number <= order_count; ++number)
    orders.send(fmt::format("order {}", number)).value();

  peerq::Consumer worker(
      orders,
      {.concurrency = 4,
       .on_error = [](const peerq::Error& error) { fmt::print(stderr, "{}\n", error.text()); }},
      ship);
  while (!is_empty(orders)) {
    worker.status().value();  // throws what ended the consumer, if something did
    std::this_thread::sleep_for(10ms);
  }
  worker.stop();

  const int dead = take_dead_letters(node.open_queue("orders.dead").value());
  const auto [handled, failed, leases_lost] = worker.statistics();
  fmt::print("{} orders shipped, {} dead-lettered, {} failed attempts\n", handled - failed, dead, failed);
  node.close().value();
  return handled - failed == order_count - 2 && dead == 2 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc > 1 ? argv[1] : "work_queue.peerq");
  } catch (const peerq::BadResult& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 1;
  }
}
