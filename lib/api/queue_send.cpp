// Queue: sending.

#include <fmt/format.h>

#include "api/arguments.hpp"
#include "api/node_state.hpp"
#include "api/outgoing.hpp"

namespace peerq {

namespace {

using detail::QueueHandle;
using node::SendRequest;

std::shared_ptr<SendRequest> new_request(const QueueHandle& queue, std::size_t messages) {
  auto request = std::make_shared<SendRequest>();
  detail::reserve(*request, messages);
  detail::address_once(*request, queue);
  return request;
}

Result<std::shared_ptr<SendRequest>> make_single(const QueueHandle& queue, std::string_view body,
                                                 const SendOptions& options) {
  if (Error error = detail::check_timeout(options.timeout); error.code != errc::ok) return error;
  if (Error error = detail::check_message(queue, body, options); error.code != errc::ok) return error;
  auto request = new_request(queue, 1);
  detail::add_message(queue, body, options, *request);
  return request;
}

Result<std::shared_ptr<SendRequest>> make_batch(const QueueHandle& queue, std::span<const Message> messages,
                                                const BatchOptions& options) {
  if (Error error = detail::check_timeout(options.timeout); error.code != errc::ok) return error;
  if (Error error = detail::check_batch(messages.size(), "messages"); error.code != errc::ok) return error;
  std::size_t bytes = 0;
  for (const auto& message : messages) {
    if (Error error = detail::check_message(queue, message.body, message.options); error.code != errc::ok) {
      return Error(error.code, fmt::format("message {}: {}", &message - messages.data(), error.detail));
    }
    bytes += message.body.size();
    for (const auto& [key, value] : message.options.attributes) bytes += key.size() + value.size();
  }
  if (bytes > limits::send_bytes_max) {
    return Error(errc::batch_too_large, fmt::format("{} bytes, at most {}", bytes, limits::send_bytes_max));
  }
  auto request = new_request(queue, messages.size());
  request->atomic = options.atomic;
  for (const auto& message : messages) detail::add_message(queue, message.body, message.options, *request);
  return request;
}

/// The whole failed; atomic batches fail with the code of a message.
Error whole_error(const QueueHandle& queue, const node::Request& request) {
  if (request.error.code != errc::queue_full || !request.error.detail.empty()) return request.error;
  return detail::full_error(queue);
}

Result<Sent> single_result(const QueueHandle& queue, const node::Request& request) {
  const auto& send = static_cast<const SendRequest&>(request);
  detail::note_options(queue, send);
  if (request.error.code != errc::ok) return whole_error(queue, request);
  PEERQ_ASSERT(request.reply.items.size() == 1);
  return detail::sent_of(queue, send, 0, request.reply.items[0]);
}

Result<std::vector<Result<Sent>>> batch_result(const QueueHandle& queue, const node::Request& request) {
  const auto& send = static_cast<const SendRequest&>(request);
  detail::note_options(queue, send);
  if (request.error.code != errc::ok) return whole_error(queue, request);
  std::vector<Result<Sent>> out;
  out.reserve(request.reply.items.size());
  for (std::size_t i = 0; i < request.reply.items.size(); ++i) {
    out.push_back(detail::sent_of(queue, send, i, request.reply.items[i]));
  }
  return out;
}

}  // namespace

Result<Sent> Queue::send(std::string_view body, const SendOptions& options) const {
  auto request = make_single(*handle_, body, options);
  if (!request) return std::move(request).error();
  handle_->node->call(*request, options.timeout);
  return single_result(*handle_, **request);
}

Result<std::vector<Result<Sent>>> Queue::send(std::span<const Message> messages,
                                              const BatchOptions& options) const {
  auto request = make_batch(*handle_, messages, options);
  if (!request) return std::move(request).error();
  handle_->node->call(*request, options.timeout);
  return batch_result(*handle_, **request);
}

void Queue::send_async(std::string_view body, const SendOptions& options,
                       UniqueFunction<void(Result<Sent>)> answer, RunOn where) const {
  auto request = make_single(*handle_, body, options);
  if (!request) return handle_->node->refuse(std::move(answer), std::move(request).error(), where);
  (*request)->on_done = [queue = handle_, answer = std::move(answer)](node::Request& r) mutable {
    answer(single_result(*queue, r));
  };
  handle_->node->submit(std::move(*request), options.timeout, where);
}

void Queue::send_async(std::span<const Message> messages, const BatchOptions& options,
                       UniqueFunction<void(Result<std::vector<Result<Sent>>>)> answer, RunOn where) const {
  auto request = make_batch(*handle_, messages, options);
  if (!request) return handle_->node->refuse(std::move(answer), std::move(request).error(), where);
  (*request)->on_done = [queue = handle_, answer = std::move(answer)](node::Request& r) mutable {
    answer(batch_result(*queue, r));
  };
  handle_->node->submit(std::move(*request), options.timeout, where);
}

}  // namespace peerq
