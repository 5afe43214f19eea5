// Queue: the requester's side of request and reply (S77); the worker's is in queue_done.cpp.

#include <fmt/format.h>

#include <algorithm>

#include "api/arguments.hpp"
#include "api/deadline.hpp"
#include "api/outgoing.hpp"
#include "api/stoppable.hpp"

namespace peerq {

namespace {

using detail::QueueHandle;
using node::OutcomeRequest;
using node::SendRequest;
using Handle = std::shared_ptr<const QueueHandle>;

Error check(const QueueHandle& queue, std::string_view body, const RequestOptions& options) {
  if (Error error = detail::check_timeout(options.timeout); error.code != errc::ok) return error;
  if (options.timeout > limits::request_timeout_max) {
    return {errc::invalid_argument,
            fmt::format("timeout is {} ms, must be at most {} ms", options.timeout.count(),
                        limits::request_timeout_max.count())};
  }
  return detail::check_message(queue, body, options.message);
}

/// The message of a request: nobody works on it when nobody waits any longer.
std::shared_ptr<SendRequest> make_send(const QueueHandle& queue, std::string_view body,
                                       const RequestOptions& options) {
  auto request = std::make_shared<SendRequest>();
  detail::address_once(*request, queue);
  SendOptions message = options.message;
  message.time_to_live = std::min(message.time_to_live.value_or(options.timeout), options.timeout);
  detail::reserve(*request, 1);
  detail::add_message(queue, body, message, *request);
  request->items.front().outcome_until = WallTime{-options.timeout.count()};
  return request;
}

std::shared_ptr<OutcomeRequest> make_wait(const QueueHandle& queue, const MessageId& id) {
  auto request = std::make_shared<OutcomeRequest>();
  detail::address(*request, queue);
  request->id = id;
  return request;
}

Milliseconds time_left(const QueueHandle& queue, SteadyTime until) {
  const auto left = until - queue.node->core().clock().steady();
  return std::max(std::chrono::duration_cast<Milliseconds>(left), limits::timeout_min);
}

/// What became of the send. Whoever stopped a send that waited for room is not told about the room.
Result<Sent> sent_by(const QueueHandle& queue, const SendRequest& request, const std::stop_token& stop) {
  const bool gave_up = request.error.code == errc::queue_full && stop.stop_requested();
  if (gave_up) return errc::cancelled;
  if (request.error.code != errc::ok) return request.error;
  detail::note_options(queue, request);
  return detail::sent_of(queue, request, 0, request.reply.items.front());
}

OutcomeKind kind_of(engine::Fate fate) {
  switch (fate) {
    case engine::Fate::failed: return OutcomeKind::failed;
    case engine::Fate::expired: return OutcomeKind::expired;
    case engine::Fate::cancelled: return OutcomeKind::cancelled;
    case engine::Fate::open:
    case engine::Fate::done: break;
  }
  return OutcomeKind::done;
}

Result<RequestOutcome> outcome_of(const QueueHandle& queue, OutcomeRequest& request) {
  if (request.error.code != errc::ok) return request.error;
  auto& row = request.outcome;
  RequestOutcome out{.id = request.id,
                     .kind = kind_of(row.fate),
                     .result = {},
                     .attributes = {},
                     .cause = static_cast<FailureCause>(row.cause),
                     .error = std::move(row.error)};
  if (row.result.empty()) return out;
  const SharedBytes bytes = SharedBytes::copy(as_bytes(row.result));
  auto view = queue.node->core().codec().read_message(bytes);
  if (!view) return Error(errc::corrupt, "outcome of " + to_string(request.id) + ": " + view.error().detail);
  out.result = as_text(view->body);
  for (const auto& attribute : view->attributes)
    out.attributes.emplace(attribute.key, as_text(attribute.value));
  return out;
}

/// The message was sent, so a wait that ends early leaves its outcome open (S57).
Result<RequestOutcome> requested(const QueueHandle& queue, OutcomeRequest& request) {
  const auto open = [&](std::string_view why) {
    return Error(errc::outcome_unknown, fmt::format("{}; message {} is sent: ask for its outcome again", why,
                                                    to_string(request.id)));
  };
  switch (request.error.code) {
    case errc::timeout: return open("no outcome yet");
    case errc::cancelled: return open("the call was stopped");
    case errc::closed: return open("the node was closed");
    case errc::limit_exceeded: return open(request.error.detail);
    case errc::message_not_found: return open("its outcome is not kept any longer");
    default: return outcome_of(queue, request);
  }
}

}  // namespace

Result<RequestOutcome> Queue::request(std::string_view body, const RequestOptions& options) const {
  if (Error error = check(*handle_, body, options); error.code != errc::ok) return error;
  const SteadyTime until = detail::deadline_after(handle_->node->core().clock().steady(), options.timeout);
  const auto send = make_send(*handle_, body, options);
  detail::call(*handle_->node, send, options.timeout, options.stop);
  auto sent = sent_by(*handle_, *send, options.stop);
  if (!sent) return std::move(sent).error();
  const auto wait = make_wait(*handle_, sent->id);
  detail::call(*handle_->node, wait, time_left(*handle_, until), options.stop);
  return requested(*handle_, *wait);
}

Result<Sent> Queue::send_request(std::string_view body, const RequestOptions& options) const {
  if (Error error = check(*handle_, body, options); error.code != errc::ok) return error;
  const auto send = make_send(*handle_, body, options);
  detail::call(*handle_->node, send, options.timeout, options.stop);
  return sent_by(*handle_, *send, options.stop);
}

Result<RequestOutcome> Queue::outcome(const MessageId& id, const OutcomeOptions& options) const {
  if (Error error = detail::check_timeout(options.timeout); error.code != errc::ok) return error;
  const auto wait = make_wait(*handle_, id);
  detail::call(*handle_->node, wait, options.timeout, options.stop);
  return outcome_of(*handle_, *wait);
}

void Queue::request_async(std::string_view body, const RequestOptions& options,
                          UniqueFunction<void(Result<RequestOutcome>)> answer, RunOn where) const {
  if (Error error = check(*handle_, body, options); error.code != errc::ok) {
    return handle_->node->refuse(std::move(answer), std::move(error), where);
  }
  const SteadyTime until = detail::deadline_after(handle_->node->core().clock().steady(), options.timeout);
  auto sent = [queue = handle_, stop = options.stop, answer = std::move(answer), where,
               until](SendRequest& send) mutable {
    auto id = sent_by(*queue, send, stop);
    if (!id) return answer(std::move(id).error());
    auto ended = [queue, answer = std::move(answer)](OutcomeRequest& wait) mutable {
      answer(requested(*queue, wait));
    };
    detail::submit(queue->node, make_wait(*queue, id->id), time_left(*queue, until), stop, where,
                   std::move(ended));
  };
  detail::submit(handle_->node, make_send(*handle_, body, options), options.timeout, options.stop, where,
                 std::move(sent));
}

void Queue::send_request_async(std::string_view body, const RequestOptions& options,
                               UniqueFunction<void(Result<Sent>)> answer, RunOn where) const {
  if (Error error = check(*handle_, body, options); error.code != errc::ok) {
    return handle_->node->refuse(std::move(answer), std::move(error), where);
  }
  auto sent = [queue = handle_, stop = options.stop, answer = std::move(answer)](SendRequest& send) mutable {
    answer(sent_by(*queue, send, stop));
  };
  detail::submit(handle_->node, make_send(*handle_, body, options), options.timeout, options.stop, where,
                 std::move(sent));
}

void Queue::outcome_async(const MessageId& id, const OutcomeOptions& options,
                          UniqueFunction<void(Result<RequestOutcome>)> answer, RunOn where) const {
  if (Error error = detail::check_timeout(options.timeout); error.code != errc::ok) {
    return handle_->node->refuse(std::move(answer), std::move(error), where);
  }
  auto ended = [queue = handle_, answer = std::move(answer)](OutcomeRequest& wait) mutable {
    answer(outcome_of(*queue, wait));
  };
  detail::submit(handle_->node, make_wait(*handle_, id), options.timeout, options.stop, where,
                 std::move(ended));
}

}  // namespace peerq
