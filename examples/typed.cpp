// A queue of values instead of bytes: a codec turns an Order into a body and back.
// Usage: example_typed [DATA_DIRECTORY]

#include <fmt/format.h>

#include <charconv>
#include <peerq/peerq.hpp>

namespace {

using namespace std::chrono_literals;

struct Order {
  int number = 0;
  std::string customer = {};
};

/// "7 Ada". A real program would use its own format here, JSON or Protocol Buffers for instance.
struct OrderCodec {
  static std::string encode(const Order& order) { return fmt::format("{} {}", order.number, order.customer); }

  /// None for bytes that are no order: such a message is dead-lettered, and no handler sees it.
  static std::optional<Order> decode(std::string_view body) {
    Order order;
    const auto [end, error] = std::from_chars(body.data(), body.data() + body.size(), order.number);
    if (error != std::errc() || end == body.data() + body.size() || *end != ' ') return std::nullopt;
    order.customer = std::string(end + 1, body.data() + body.size());
    return order;
  }
};

using Orders = peerq::TypedQueue<Order, OrderCodec>;

int run(const std::string& directory) {
  auto node = peerq::Node::open({.data_dir = directory}).value();
  const Orders orders(node.create_queue("orders", {.dead_letter_queue = "orders.dead"}).value());

  orders.send({.number = 7, .customer = "Ada"}).value();
  orders.send({.number = 8, .customer = "Grace"}, {.attributes = {{"urgent", "yes"}}}).value();
  orders.queue().send("not an order").value();  // the queue below takes any bytes

  int received = 0;
  for (const auto& [order, delivery] : orders.receive({.max_messages = 10, .wait = 1s}).value()) {
    fmt::print("order {} of {}{}\n", order.number, order.customer,
               delivery.attributes().contains("urgent") ? ", urgent" : "");
    delivery.erase().value();
    ++received;
  }

  auto dead = node.open_queue("orders.dead").value();
  for (const auto& delivery : dead.receive().value()) {
    fmt::print("dead letter \"{}\": {}\n", delivery.body(), delivery.failure().last_error);
    delivery.erase().value();
  }
  node.close().value();
  fmt::print("{} orders received\n", received);
  return received == 2 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc > 1 ? argv[1] : "typed.peerq");
  } catch (const peerq::BadResult& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 1;
  }
}
