#include "load.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <semaphore>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "session.hpp"

namespace peerq::bench {

namespace {

using Slots = std::counting_semaphore<>;

std::size_t share(std::size_t outstanding, std::size_t threads) {
  return std::max<std::size_t>(outstanding / threads, 1);
}

template <class T>
void check_items(const Result<std::vector<Result<T>>>& result, Flow& flow) {
  if (!result) return flow.fail(result.error().text());
  for (const auto& item : *result) {
    if (!item) return flow.fail(item.error().text());
    if constexpr (std::is_same_v<T, Sent>) {
      if (item->deduplicated) return flow.fail("a message was taken for another one");
    }
  }
}

/// One producer thread: keeps its share of batches under way.
void produce(std::span<const Queue> queues, const Load& load, Flow& flow) {
  const std::size_t at_once = share(load.outstanding, load.producers);
  std::vector<Message> batch(load.batch, Message{.body = std::string(load.body_bytes, 'b')});
  const auto slots = std::make_shared<Slots>(static_cast<std::ptrdiff_t>(at_once));
  std::size_t turn = 0;
  for (Claim claim; (claim = flow.claim()).count > 0;) {
    const Queue& queue = queues[turn++ % queues.size()];
    const std::span<const Message> messages(batch.data(), claim.count);
    for (std::size_t i = 0; load.vary && i < claim.count; ++i) {
      load.vary(claim.first_number + i, batch[i].options);
    }
    if (at_once == 1) {
      check_items(queue.send(messages), flow);
      continue;
    }
    slots->acquire();
    queue.send_async(
        messages, {},
        [slots, &flow](const Result<std::vector<Result<Sent>>>& result) {
          check_items(result, flow);
          slots->release();
        },
        RunOn::any_thread);
  }
  for (std::size_t i = 0; i < at_once; ++i) slots->acquire();
}

/// What finished for a consumer thread.
struct Arrival {
  std::vector<Delivery> received = {};
  /// Else a delete or an empty receive finished.
  std::size_t deleted = 0;
};

/// Hands what finished on any thread to the consumer's own.
class Inbox {
 public:
  void put(Arrival arrival) {
    const std::lock_guard lock(mutex_);
    arrivals_.push_back(std::move(arrival));
    filled_.notify_one();
  }
  std::vector<Arrival> take() {
    std::unique_lock lock(mutex_);
    filled_.wait(lock, [this] { return !arrivals_.empty(); });
    return std::exchange(arrivals_, {});
  }

 private:
  std::mutex mutex_;
  std::condition_variable filled_;
  std::vector<Arrival> arrivals_;
};

std::size_t bytes_of(std::span<const Delivery> deliveries) {
  std::size_t sum = 0;
  for (const Delivery& delivery : deliveries) sum += delivery.body().size();
  return sum;
}

ReceiveOptions receive_options(const Load& load, const Flow& flow) {
  return {.max_messages = static_cast<std::uint32_t>(load.batch),
          .wait = std::chrono::seconds(10),
          .stop = flow.over_token()};
}

void start_receive(const Queue& queue, const ReceiveOptions& options, const std::shared_ptr<Inbox>& inbox,
                   Flow& flow) {
  queue.receive_async(
      options,
      [inbox, &flow](Result<std::vector<Delivery>> result) {
        if (!result && !(result.error() == errc::cancelled)) flow.fail(result.error().text());
        inbox->put({.received = result ? std::move(*result) : std::vector<Delivery>()});
      },
      RunOn::any_thread);
}

void start_erase(const Queue& queue, std::span<const Delivery> deliveries,
                 const std::shared_ptr<Inbox>& inbox, Flow& flow) {
  queue.erase_async(
      deliveries,
      [inbox, &flow](const Result<std::vector<Result<Deleted>>>& result) {
        check_items(result, flow);
        inbox->put({.deleted = result ? result->size() : 0});
      },
      RunOn::any_thread);
}

/// One consumer thread: each of its batches is received, then deleted, then the next one is received.
void consume(const Queue& queue, const Load& load, Flow& flow) {
  const ReceiveOptions options = receive_options(load, flow);
  const auto inbox = std::make_shared<Inbox>();
  std::size_t open = share(load.outstanding, load.consumers);
  for (std::size_t i = 0; i < open; ++i) start_receive(queue, options, inbox, flow);
  while (open > 0) {
    for (const Arrival& arrival : inbox->take()) {
      if (!arrival.received.empty()) {
        flow.count_received(arrival.received.size(), bytes_of(arrival.received));
        start_erase(queue, arrival.received, inbox, flow);
        continue;
      }
      flow.count_deleted(arrival.deleted);
      if (flow.over()) {
        --open;
      } else {
        start_receive(queue, options, inbox, flow);
      }
    }
  }
}

/// The same with blocking calls, one batch at a time.
void consume_blocking(const Queue& queue, const Load& load, Flow& flow) {
  const ReceiveOptions options = receive_options(load, flow);
  while (!flow.over()) {
    const auto received = queue.receive(options);
    if (!received) {
      if (!(received.error() == errc::cancelled)) flow.fail(received.error().text());
      return;
    }
    if (received->empty()) continue;
    flow.count_received(received->size(), bytes_of(*received));
    check_items(queue.erase(*received), flow);
    flow.count_deleted(received->size());
  }
}

void run_consumer(const Queue& queue, const Load& load, Flow& flow) {
  if (share(load.outstanding, load.consumers) == 1) {
    consume_blocking(queue, load, flow);
  } else {
    consume(queue, load, flow);
  }
}

}  // namespace

Claim Flow::claim() {
  std::unique_lock lock(mutex_);
  const std::uint64_t count = std::min<std::uint64_t>(load_.batch, load_.messages - claimed_);
  const std::uint64_t first_number = load_.first_number + claimed_;
  claimed_ += count;
  const std::uint64_t end = claimed_;
  room_.wait(lock, [&] { return load_.consumers == 0 || over() || end - deleted_ <= load_.window; });
  return {first_number, failure_.empty() ? static_cast<std::size_t>(count) : 0};
}

void Flow::count_received(std::size_t messages, std::size_t bytes) {
  const std::lock_guard lock(mutex_);
  received_ += messages;
  received_bytes_ += bytes;
}

void Flow::count_deleted(std::size_t messages) {
  if (messages == 0) return;
  {
    const std::lock_guard lock(mutex_);
    deleted_ += messages;
    room_.notify_all();
    if (deleted_ < load_.messages) return;
    seconds_ = seconds_since(begin_);
  }
  over_.request_stop();
}

void Flow::fail(const std::string& why) {
  {
    const std::lock_guard lock(mutex_);
    if (failure_.empty()) failure_ = why;
  }
  over_.request_stop();
  room_.notify_all();
}

double Flow::finish() {
  const std::lock_guard lock(mutex_);
  if (!failure_.empty()) throw CannotMeasure(failure_);
  if (load_.consumers == 0) return seconds_since(begin_);
  if (received_ != load_.messages || received_bytes_ != load_.messages * load_.body_bytes ||
      deleted_ != received_) {
    throw CannotMeasure(
        fmt::format("of {} messages {} were received and {} deleted", load_.messages, received_, deleted_));
  }
  return seconds_;
}

double fill(std::span<const Queue> queues, const Load& load) {
  Load alone = load;
  alone.consumers = 0;
  Flow flow(alone);
  produce(queues, alone, flow);
  return flow.finish();
}

double drain(const Queue& queue, const Load& load) {
  Flow flow(load);
  run_consumer(queue, load, flow);
  return flow.finish();
}

double run_lifecycle(const Queue& queue, const Load& load) {
  Flow flow(load);
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < load.producers; ++i) {
    threads.emplace_back([&] { produce(std::span(&queue, 1), load, flow); });
  }
  for (std::size_t i = 0; i < load.consumers; ++i)
    threads.emplace_back([&] { run_consumer(queue, load, flow); });
  for (std::thread& thread : threads) thread.join();
  return flow.finish();
}

}  // namespace peerq::bench
