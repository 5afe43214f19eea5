// Batches: many messages in one call, which costs about as much as one. Each message of a batch has its own
// result, or with `atomic` all of them are sent or none. Usage: example_batch [DATA_DIRECTORY]

#include <fmt/format.h>

#include <chrono>
#include <peerq/peerq.hpp>

namespace {

using namespace std::chrono_literals;

constexpr std::size_t message_count = 500;

/// How long the work takes, in milliseconds.
template <class Work>
double milliseconds(Work work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count();
}

std::vector<peerq::Message> make_messages() {
  std::vector<peerq::Message> messages;
  for (std::size_t i = 0; i < message_count; ++i) messages.push_back({.body = fmt::format("message {}", i)});
  return messages;
}

void send_one_by_one(const peerq::Queue& queue, const std::vector<peerq::Message>& messages) {
  for (const auto& message : messages) queue.send(message.body, message.options).value();
}

/// The call can succeed while a message fails: look at both.
void send_batch(const peerq::Queue& queue, const std::vector<peerq::Message>& messages) {
  for (const auto& sent : queue.send(messages).value()) sent.value();
}

std::size_t receive_and_erase_all(const peerq::Queue& queue) {
  std::size_t count = 0;
  for (;;) {
    const auto deliveries = queue.receive({.max_messages = 1'000}).value();
    if (deliveries.empty()) return count;
    for (const auto& deleted : queue.erase(deliveries).value()) deleted.value();
    count += deliveries.size();
  }
}

/// The second message is larger than the queue takes.
void show_partial_failure(peerq::Node& node) {
  auto small = node.create_queue("small", {.max_message_size = 10}).value();
  const std::vector<peerq::Message> messages{
      {.body = "fits"}, {.body = "does not fit"}, {.body = "fits too"}};
  for (const auto& sent : small.send(messages).value()) {
    fmt::print("  {}\n", sent ? "sent as " + to_string(sent->id) : sent.error().text());
  }
  const auto all_or_nothing = small.send(messages, {.atomic = true});
  fmt::print("  atomic: {}\n", all_or_nothing ? "sent" : all_or_nothing.error().text());
  receive_and_erase_all(small);
}

int run(const std::string& directory) {
  auto node = peerq::Node::open({.data_dir = directory}).value();
  auto queue = node.create_queue("numbers").value();
  const auto messages = make_messages();
  const double single = milliseconds([&] { send_one_by_one(queue, messages); });
  const double batch = milliseconds([&] { send_batch(queue, messages); });
  fmt::print("{} messages: one by one {:.1f} ms, as one batch {:.1f} ms\n", message_count, single, batch);
  const std::size_t count = receive_and_erase_all(queue);
  show_partial_failure(node);
  node.close().value();
  fmt::print("{} messages received and deleted\n", count);
  return count == 2 * message_count ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc > 1 ? argv[1] : "batch.peerq");
  } catch (const peerq::BadResult& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 1;
  }
}
