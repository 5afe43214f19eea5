#pragma once
// Asio's completion tokens for queues: callbacks, `use_future`, `use_awaitable`, deferred. Header only; needs
// Boost.
//
//   auto sent = co_await peerq::async_send(queue, "hello", {}, boost::asio::use_awaitable);
//
// (With g++ 12 give names to the options of a `co_await` expression: it destroys such temporaries twice, GCC
// bug 99576.) Each completes with one `Result<...>`, on the handler's associated executor. A receive that
// waits, and a request, obey the handler's cancellation slot as they do a stop token.

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "peerq/asio.ipp"
#include "peerq/host_executor.hpp"
#include "peerq/node.hpp"
#include "peerq/queue.hpp"

namespace peerq {

/// `Queue::send`. **Thread** any.
template <class Token>
auto async_send(const Queue& queue, std::string body, SendOptions options, Token&& token) {
  return detail::initiate<Sent>(
      [queue, body = std::move(body), options = std::move(options)](auto answer) {
        queue.send_async(body, options, std::move(answer), RunOn::any_thread);
      },
      std::forward<Token>(token));
}

/// `Queue::send` of a batch.
template <class Token>
auto async_send(const Queue& queue, std::vector<Message> messages, BatchOptions options, Token&& token) {
  return detail::initiate<std::vector<Result<Sent>>>(
      [queue, messages = std::move(messages), options](auto answer) {
        queue.send_async(messages, options, std::move(answer), RunOn::any_thread);
      },
      std::forward<Token>(token));
}

/// `Queue::receive`; the handler's cancellation slot ends it with `cancelled`, as `options.stop` does.
template <class Token>
auto async_receive(const Queue& queue, ReceiveOptions options, Token&& token) {
  return detail::initiate_stoppable<std::vector<Delivery>>(
      std::move(options),
      [queue](const ReceiveOptions& all, auto answer) {
        queue.receive_async(all, std::move(answer), RunOn::any_thread);
      },
      std::forward<Token>(token));
}

/// `Queue::receive_and_delete`; cancelled as `async_receive`.
template <class Token>
auto async_receive_and_delete(const Queue& queue, ReceiveOptions options, Token&& token) {
  return detail::initiate_stoppable<std::vector<Delivery>>(
      std::move(options),
      [queue](const ReceiveOptions& all, auto answer) {
        queue.receive_and_delete_async(all, std::move(answer), RunOn::any_thread);
      },
      std::forward<Token>(token));
}

/// `Node::receive_from`; cancelled as `async_receive`. The node must be there until the operation was
/// started.
template <class Token>
auto async_receive_from(Node& node, std::vector<WeightedQueue> queues, ReceiveOptions options,
                        Token&& token) {
  return detail::initiate_stoppable<std::vector<Delivery>>(
      std::move(options),
      [&node, queues = std::move(queues)](const ReceiveOptions& all, auto answer) {
        node.receive_from_async(queues, all, std::move(answer), RunOn::any_thread);
      },
      std::forward<Token>(token));
}

/// `Node::transact`. The node must be there until the operation was started.
template <class Token>
auto async_transact(Node& node, Transaction transaction, TransactOptions options, Token&& token) {
  return detail::initiate<std::vector<Sent>>(
      [&node, transaction = std::move(transaction), options](auto answer) {
        node.transact_async(transaction, options, std::move(answer), RunOn::any_thread);
      },
      std::forward<Token>(token));
}

/// `Queue::request`; the handler's cancellation slot ends it as `options.stop` does.
template <class Token>
auto async_request(const Queue& queue, std::string body, RequestOptions options, Token&& token) {
  return detail::initiate_stoppable<RequestOutcome>(
      std::move(options),
      [queue, body = std::move(body)](const RequestOptions& all, auto answer) {
        queue.request_async(body, all, std::move(answer), RunOn::any_thread);
      },
      std::forward<Token>(token));
}

/// `Queue::send_request`; cancelled as `async_request`.
template <class Token>
auto async_send_request(const Queue& queue, std::string body, RequestOptions options, Token&& token) {
  return detail::initiate_stoppable<Sent>(
      std::move(options),
      [queue, body = std::move(body)](const RequestOptions& all, auto answer) {
        queue.send_request_async(body, all, std::move(answer), RunOn::any_thread);
      },
      std::forward<Token>(token));
}

/// `Queue::outcome`; the handler's cancellation slot ends it with `cancelled`.
template <class Token>
auto async_outcome(const Queue& queue, MessageId id, OutcomeOptions options, Token&& token) {
  return detail::initiate_stoppable<RequestOutcome>(
      std::move(options),
      [queue, id](const OutcomeOptions& all, auto answer) {
        queue.outcome_async(id, all, std::move(answer), RunOn::any_thread);
      },
      std::forward<Token>(token));
}

/// `Delivery::done`.
template <class Token>
auto async_done(const Queue& queue, Delivery delivery, std::string result, Attributes attributes,
                Token&& token) {
  return detail::initiate<Deleted>(
      [queue, delivery = std::move(delivery), result = std::move(result),
       attributes = std::move(attributes)](auto answer) {
        queue.done_async(delivery, result, attributes, std::move(answer), RunOn::any_thread);
      },
      std::forward<Token>(token));
}

/// `Queue::done` by receipt.
template <class Token>
auto async_done(const Queue& queue, std::string receipt, std::string result, Attributes attributes,
                Token&& token) {
  return detail::initiate<Deleted>(
      [queue, receipt = std::move(receipt), result = std::move(result),
       attributes = std::move(attributes)](auto answer) {
        queue.done_async(receipt, result, attributes, std::move(answer), RunOn::any_thread);
      },
      std::forward<Token>(token));
}

// Settling: `which` is a Delivery, or a std::vector<Delivery>, which gives a result each.

namespace detail {

template <class T, class Which>
using Settled = std::conditional_t<std::is_same_v<Which, Delivery>, T, std::vector<Result<T>>>;

template <class Which>
concept Deliveries = std::is_same_v<Which, Delivery> || std::is_same_v<Which, std::vector<Delivery>>;

}  // namespace detail

/// `Delivery::erase`, `Queue::erase`.
template <detail::Deliveries Which, class Token>
auto async_erase(const Queue& queue, Which which, Token&& token) {
  return detail::initiate<detail::Settled<Deleted, Which>>(
      [queue, which = std::move(which)](auto answer) {
        queue.erase_async(which, std::move(answer), RunOn::any_thread);
      },
      std::forward<Token>(token));
}

/// `Delivery::nack`, `Queue::nack`.
template <detail::Deliveries Which, class Token>
auto async_nack(const Queue& queue, Which which, NackOptions options, Token&& token) {
  return detail::initiate<detail::Settled<Returned, Which>>(
      [queue, which = std::move(which), options = std::move(options)](auto answer) {
        queue.nack_async(which, options, std::move(answer), RunOn::any_thread);
      },
      std::forward<Token>(token));
}

/// `Delivery::release`, `Queue::release`.
template <detail::Deliveries Which, class Token>
auto async_release(const Queue& queue, Which which, Token&& token) {
  return detail::initiate<detail::Settled<Returned, Which>>(
      [queue, which = std::move(which)](auto answer) {
        queue.release_async(which, std::move(answer), RunOn::any_thread);
      },
      std::forward<Token>(token));
}

/// `Delivery::reject`, `Queue::reject`.
template <detail::Deliveries Which, class Token>
auto async_reject(const Queue& queue, Which which, std::string reason, Token&& token) {
  return detail::initiate<detail::Settled<Deleted, Which>>(
      [queue, which = std::move(which), reason = std::move(reason)](auto answer) {
        queue.reject_async(which, reason, std::move(answer), RunOn::any_thread);
      },
      std::forward<Token>(token));
}

/// `Delivery::extend`, `Queue::extend`.
template <detail::Deliveries Which, class Token>
auto async_extend(const Queue& queue, Which which, Milliseconds duration, Token&& token) {
  return detail::initiate<detail::Settled<Extended, Which>>(
      [queue, which = std::move(which), duration](auto answer) {
        queue.extend_async(which, duration, std::move(answer), RunOn::any_thread);
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
