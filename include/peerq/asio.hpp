#pragma once
// Asio's completion tokens for queues: callbacks, `use_future`, `use_awaitable`, deferred. Header only; needs
// Boost.
//
//   auto sent = co_await peerq::async_send(queue, "hello", {}, boost::asio::use_awaitable);
//
// (With g++ 12 give names to the options of a `co_await` expression: it destroys such temporaries twice, GCC
// bug 99576.) Each completes with one `Result<...>`, on the handler's associated executor. A receive that
// waits obeys the handler's cancellation slot: it then completes with `cancelled`.

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/system_executor.hpp>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "peerq/host_executor.hpp"
#include "peerq/queue.hpp"

namespace peerq {

namespace detail {

/// Carries the outcome to the handler's executor, which is kept running until then.
template <class T, class Handler>
auto complete_on_executor(Handler handler) {
  auto executor = boost::asio::get_associated_executor(handler);
  auto work = boost::asio::make_work_guard(executor);
  return [handler = std::move(handler), executor, work = std::move(work)](Result<T> result) mutable {
    boost::asio::post(executor, [handler = std::move(handler), result = std::move(result)]() mutable {
      std::move(handler)(std::move(result));
    });
    work.reset();
  };
}

template <class T, class Start, class Token>
auto initiate(Start start, Token&& token) {
  return boost::asio::async_initiate<Token, void(Result<T>)>(
      [start = std::move(start)](auto handler) mutable { start(std::move(handler)); }, token);
}

}  // namespace detail

/// `Queue::send`. **Thread** any.
template <class Token>
auto async_send(const Queue& queue, std::string body, SendOptions options, Token&& token) {
  return detail::initiate<Sent>(
      [queue, body = std::move(body), options = std::move(options)](auto handler) {
        queue.send_async(body, options, detail::complete_on_executor<Sent>(std::move(handler)),
                         RunOn::any_thread);
      },
      std::forward<Token>(token));
}

/// `Queue::send` of a batch.
template <class Token>
auto async_send(const Queue& queue, std::vector<Message> messages, BatchOptions options, Token&& token) {
  using Sents = std::vector<Result<Sent>>;
  return detail::initiate<Sents>(
      [queue, messages = std::move(messages), options](auto handler) {
        queue.send_async(std::span<const Message>(messages), options,
                         detail::complete_on_executor<Sents>(std::move(handler)), RunOn::any_thread);
      },
      std::forward<Token>(token));
}

/// `Queue::receive`; the handler's cancellation slot ends it with `cancelled`.
template <class Token>
auto async_receive(const Queue& queue, ReceiveOptions options, Token&& token) {
  using Deliveries = std::vector<Delivery>;
  return detail::initiate<Deliveries>(
      [queue, options = std::move(options)](auto handler) mutable {
        auto slot = boost::asio::get_associated_cancellation_slot(handler);
        if (slot.is_connected()) {
          std::stop_source stop;
          options.stop = stop.get_token();
          slot.assign([stop](boost::asio::cancellation_type) mutable { stop.request_stop(); });
        }
        queue.receive_async(options, detail::complete_on_executor<Deliveries>(std::move(handler)),
                            RunOn::any_thread);
      },
      std::forward<Token>(token));
}

/// `Delivery::erase`.
template <class Token>
auto async_erase(const Queue& queue, const Delivery& delivery, Token&& token) {
  return detail::initiate<Deleted>(
      [queue, delivery](auto handler) {
        queue.erase_async(delivery, detail::complete_on_executor<Deleted>(std::move(handler)),
                          RunOn::any_thread);
      },
      std::forward<Token>(token));
}

/// `Delivery::nack`.
template <class Token>
auto async_nack(const Queue& queue, const Delivery& delivery, NackOptions options, Token&& token) {
  return detail::initiate<Returned>(
      [queue, delivery, options = std::move(options)](auto handler) {
        queue.nack_async(delivery, options, detail::complete_on_executor<Returned>(std::move(handler)),
                         RunOn::any_thread);
      },
      std::forward<Token>(token));
}

/// `Delivery::extend`.
template <class Token>
auto async_extend(const Queue& queue, const Delivery& delivery, Milliseconds duration, Token&& token) {
  return detail::initiate<Extended>(
      [queue, delivery, duration](auto handler) {
        queue.extend_async(delivery, duration, detail::complete_on_executor<Extended>(std::move(handler)),
                           RunOn::any_thread);
      },
      std::forward<Token>(token));
}

/// Runs a node's work on Asio executors: `quick` for what never blocks (an io_context), `blocking` for what
/// waits for the disk (a thread_pool). Both must outlive the node. **Thread** any.
template <class Quick, class Blocking>
class AsioExecutor final : public HostExecutor {
 public:
  AsioExecutor(Quick quick, Blocking blocking) : quick_(std::move(quick)), blocking_(std::move(blocking)) {}

  void post(Task task) override { boost::asio::post(quick_, Run(std::move(task))); }
  void post_blocking(Task task) override { boost::asio::post(blocking_, Run(std::move(task))); }
  void post_after(std::chrono::nanoseconds delay, Task task) override {
    auto timer = std::make_shared<boost::asio::steady_timer>(quick_, delay);
    timer->async_wait([timer, run = Run(std::move(task))](const boost::system::error_code& error) mutable {
      if (!error) run();
    });
  }

 private:
  struct Run {
    explicit Run(Task t) : task(std::make_shared<Task>(std::move(t))) {}
    void operator()() { (*task)(); }
    std::shared_ptr<Task> task;
  };

  Quick quick_;
  Blocking blocking_;
};

template <class Quick, class Blocking>
std::shared_ptr<HostExecutor> make_asio_executor(Quick quick, Blocking blocking) {
  return std::make_shared<AsioExecutor<Quick, Blocking>>(std::move(quick), std::move(blocking));
}

}  // namespace peerq
