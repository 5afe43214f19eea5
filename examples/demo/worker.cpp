// Producers send records and note each acknowledgement; consumers do the work, note it, and delete the
// message. At any point the process may be killed: whatever is noted as acknowledged is on disk in the queue
// by then.

#include "worker.hpp"

#include <fmt/format.h>
#include <signal.h>
#include <sys/prctl.h>

#include <atomic>
#include <charconv>
#include <future>
#include <peerq/peerq.hpp>
#include <thread>

#include "digest.hpp"
#include "journal.hpp"
#include "plan.hpp"
#include "records.hpp"

namespace demo {

namespace {

using namespace std::chrono_literals;

peerq::QueueOptions queue_options() {
  return {.max_messages = waiting_max,
          .visibility_timeout = visibility_timeout,
          .max_receives = attempts_max,
          .dead_letter_queue = dead_letter_queue_name};
}

/// The message carries the file's name as its body and the record's number beside it.
peerq::Message message_of(RecordNumber number, const std::string& name) {
  return {.body = name, .options = {.correlation_id = std::to_string(number)}};
}

RecordNumber number_of(const peerq::Delivery& delivery) {
  const std::string text = delivery.correlation_id();
  RecordNumber out = 0;
  std::from_chars(text.data(), text.data() + text.size(), out);
  return out;
}

/// Sends what no earlier worker got an acknowledgement for. **Thread** any.
class Producer {
 public:
  Producer(const peerq::Queue& queue, const Workplace& place)
      : queue_(queue),
        names_(read_records(place.records())),
        acknowledged_(place.acknowledged(), number_line_size) {
    std::vector<bool> done(names_.size());
    for (const auto number : read_numbers(place.acknowledged())) done.at(number) = true;
    for (RecordNumber number = 0; number < names_.size(); ++number) {
      if (!done[number]) unsent_.push_back(number);
    }
  }

  /// Sends batches until none is left.
  void run() {
    for (;;) {
      const std::size_t begin = next_.fetch_add(batch_size);
      if (begin >= unsent_.size()) return;
      const std::size_t count = std::min(batch_size, unsent_.size() - begin);
      send(std::span(unsent_).subspan(begin, count));
    }
  }

 private:
  void send(std::span<const RecordNumber> numbers) {
    std::vector<peerq::Message> messages;
    std::string lines;
    for (const auto number : numbers) {
      messages.push_back(message_of(number, names_[number]));
      lines += number_line(number);
    }
    auto sent = queue_.send(messages, {.atomic = true});
    while (!sent && sent.error() == peerq::errc::queue_full) {
      std::this_thread::sleep_for(25ms);
      sent = queue_.send(messages, {.atomic = true});
    }
    sent.value();                 // throws any other error
    acknowledged_.append(lines);  // only now: the messages are on disk
  }

  peerq::Queue queue_;
  std::vector<std::string> names_;
  std::vector<RecordNumber> unsent_;
  std::atomic<std::size_t> next_ = 0;
  Journal acknowledged_;
};

/// What happens to a received message. Returning `done` deletes it. **Thread** any.
class Handler {
 public:
  explicit Handler(const Workplace& place) : processed_(place.processed(), digested_line_size) {}

  peerq::Outcome operator()(const peerq::Delivery& delivery) const {
    const RecordNumber number = number_of(delivery);
    if (fails_always(number)) return peerq::retry_in(retry_delay, "fails on purpose, every time");
    if (fails_once(number) && delivery.receive_count() == 1) {
      return peerq::retry_in(retry_delay, "fails on purpose, the first time");
    }
    processed_.append(digested_line(digest_record(number, std::string(delivery.body()))));
    return peerq::done;  // a kill before the delete means: delivered again, done twice
  }

 private:
  Journal processed_;
};

bool is_empty(const peerq::Queue& queue) {
  const auto now = queue.statistics().value();
  return now.ready + now.delayed + now.in_flight + now.parked == 0;
}

void wait_until_empty(const peerq::Queue& queue, const peerq::Consumer& consumer) {
  while (!is_empty(queue)) {
    consumer.status().value();  // throws what ended the consumer
    std::this_thread::sleep_for(20ms);
  }
}

/// Notes what is in the dead-letter queue and deletes it. An operator would look at it, and at `failure()`.
void take_dead_letters(const peerq::Queue& dead, const Workplace& place) {
  const Journal dead_lettered(place.dead_lettered(), number_line_size);
  while (!is_empty(dead)) {
    const auto deliveries = dead.receive({.max_messages = 100, .wait = 1s}).value();
    if (deliveries.empty()) continue;
    std::string lines;
    for (const auto& delivery : deliveries) lines += number_line(number_of(delivery));
    dead_lettered.append(lines);
    for (const auto& deleted : dead.erase(deliveries).value()) deleted.value();
  }
}

void work(const Workplace& place) {
  auto node = peerq::Node::open({.data_dir = place.queues()}).value();
  auto queue = node.create_queue(queue_name, queue_options()).value();
  auto dead = node.open_queue(dead_letter_queue_name).value();

  Producer producer(queue, place);
  peerq::Consumer consumer(queue, {.concurrency = consumers, .prefetch = 2 * consumers},
                           [handler = std::make_shared<Handler>(place)](const peerq::Delivery& delivery) {
                             return (*handler)(delivery);
                           });
  std::vector<std::future<void>> running;
  for (std::size_t i = 0; i < producers; ++i) {
    running.push_back(std::async(std::launch::async, [&] { producer.run(); }));
  }
  for (auto& thread : running) thread.get();
  wait_until_empty(queue, consumer);
  consumer.stop();
  take_dead_letters(dead, place);
  node.close().value();
}

}  // namespace

int run_worker(const Workplace& place) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // nobody is left behind when the supervisor goes
  try {
    work(place);
    return 0;
  } catch (const std::exception& error) {
    fmt::print(stderr, "worker: {}\n", error.what());
    return 1;
  }
}

}  // namespace demo
