#pragma once
// How an asynchronous call becomes an operation of Asio's: what peerq/asio.hpp is made of.

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/system_executor.hpp>
#include <memory>
#include <stop_token>
#include <utility>
#include <vector>

#include "peerq/queue.hpp"

namespace peerq {

namespace detail {

/// Carries the outcome to the handler's executor, which is kept running until then; `before` runs there
/// first.
template <class T, class Handler, class Before>
auto complete_on_executor(Handler handler, Before before) {
  auto executor = boost::asio::get_associated_executor(handler);
  auto work = boost::asio::make_work_guard(executor);
  return [handler = std::move(handler), before = std::move(before), executor,
          work = std::move(work)](Result<T> result) mutable {
    boost::asio::post(executor, [handler = std::move(handler), before = std::move(before),
                                 result = std::move(result)]() mutable {
      before();
      std::move(handler)(std::move(result));
    });
    work.reset();
  };
}

/// `start` gets the answer that completes the token's operation with a `Result<T>`.
template <class T, class Start, class Token>
auto initiate(Start start, Token&& token) {
  return boost::asio::async_initiate<Token, void(Result<T>)>(
      [start = std::move(start)](auto handler) mutable {
        start(complete_on_executor<T>(std::move(handler), [] {}));
      },
      token);
}

/// Stopped by the caller's token or by a cancellation slot, whichever comes first.
class EitherStop {
 public:
  explicit EitherStop(std::stop_token callers) : forward_(std::move(callers), Forward{source_}) {}
  std::stop_token token() const { return source_.get_token(); }
  void stop() { source_.request_stop(); }

 private:
  struct Forward {
    std::stop_source source;
    void operator()() { source.request_stop(); }
  };
  std::stop_source source_;
  std::stop_callback<Forward> forward_;
};

/// `start` gets the options, with a stop token that obeys the handler's cancellation slot too, and the
/// answer.
template <class T, class Options, class Start, class Token>
auto initiate_stoppable(Options options, Start start, Token&& token) {
  return boost::asio::async_initiate<Token, void(Result<T>)>(
      [options = std::move(options), start = std::move(start)](auto handler) mutable {
        auto slot = boost::asio::get_associated_cancellation_slot(handler);
        std::shared_ptr<EitherStop> stop;
        if (slot.is_connected()) {
          stop = std::make_shared<EitherStop>(options.stop);
          options.stop = stop->token();
          slot.assign([stop](boost::asio::cancellation_type) { stop->stop(); });
        }
        auto before = [slot, stop]() mutable {
          if (stop != nullptr) slot.clear();
          stop.reset();
        };
        start(options, complete_on_executor<T>(std::move(handler), std::move(before)));
      },
      token);
}

}  // namespace detail

}  // namespace peerq
