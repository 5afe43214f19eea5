// Queue: sending.

#include <fmt/format.h>

#include "api/arguments.hpp"
#include "api/node_state.hpp"

namespace peerq {

namespace {

using detail::QueueHandle;
using node::SendRequest;

/// See engine::SendItem::due.
WallTime due_of(const SendOptions& options) {
  if (options.deliver_at) {
    const auto at = std::chrono::duration_cast<Milliseconds>(options.deliver_at->time_since_epoch());
    return {std::max<std::int64_t>(at.count(), 1)};
  }
  if (!options.delay) return {0};
  return options.delay->count() == 0 ? WallTime{1} : WallTime{-options.delay->count()};
}

/// Makes the message's bytes, once, and adds them to the request.
void add_message(const port::Codec& codec, std::string_view body, const SendOptions& options,
                 SendRequest& request) {
  std::vector<port::AttributeView> attributes;
  attributes.reserve(options.attributes.size());
  for (const auto& [key, value] : options.attributes) attributes.push_back({key, as_bytes(value)});
  const port::MessageParts parts{.body = as_bytes(body),
                                 .attributes = attributes,
                                 .reply_to = options.reply_to,
                                 .correlation_id = as_bytes(options.correlation_id)};
  SharedBytes bytes = codec.make_message(parts);
  request.payload_bytes += bytes.size();
  PEERQ_ASSERT(request.payloads.size() < request.payloads.capacity());  // the items point into it
  const SharedBytes& own = request.payloads.emplace_back(std::move(bytes));
  request.items.push_back({.payload = own.bytes(),
                           .own = &own,
                           .counted_bytes = static_cast<std::uint32_t>(counted_size(parts)),
                           .priority = options.priority,
                           .due = due_of(options),
                           .time_to_live_ms = options.time_to_live ? options.time_to_live->count() : 0,
                           .group_id = {},
                           .deduplication_id = {}});
}

std::shared_ptr<SendRequest> new_request(const QueueHandle& queue, std::size_t messages) {
  auto request = std::make_shared<SendRequest>();
  request->items.reserve(messages);
  request->payloads.reserve(messages);
  request->queue = queue.id;
  request->shard = queue.shard;
  return request;
}

WallTime wall_of(const QueueHandle& queue) { return queue.node->core().clock().wall(); }

Result<std::shared_ptr<SendRequest>> make_single(const QueueHandle& queue, std::string_view body,
                                                 const SendOptions& options) {
  if (Error error = detail::check_timeout(options.timeout); error.code != errc::ok) return error;
  if (Error error = detail::check_message(body, options, wall_of(queue)); error.code != errc::ok)
    return error;
  auto request = new_request(queue, 1);
  add_message(queue.node->core().codec(), body, options, *request);
  return request;
}

Result<std::shared_ptr<SendRequest>> make_batch(const QueueHandle& queue, std::span<const Message> messages,
                                                const BatchOptions& options) {
  if (Error error = detail::check_timeout(options.timeout); error.code != errc::ok) return error;
  if (Error error = detail::check_batch(messages.size(), "messages"); error.code != errc::ok) return error;
  const WallTime now = wall_of(queue);
  std::size_t bytes = 0;
  for (const auto& message : messages) {
    if (Error error = detail::check_message(message.body, message.options, now); error.code != errc::ok) {
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
  const auto& codec = queue.node->core().codec();
  for (const auto& message : messages) add_message(codec, message.body, message.options, *request);
  return request;
}

/// The engine answers for a message with a code alone; what the handle knows of the queue says the rest. An
/// update since the handle was made may have changed the limits, so only those that explain it are named.
Error error_of(const QueueHandle& queue, errc code, std::uint64_t size) {
  std::string detail;
  if (code == errc::message_too_large) {
    detail = fmt::format("{} bytes", size);
    if (size > queue.max_message_size)
      detail += fmt::format(", max_message_size is {}", queue.max_message_size);
  } else if (code == errc::queue_full) {
    detail = queue.name;
    if (queue.max_messages) detail += fmt::format(", max_messages {}", *queue.max_messages);
    if (queue.max_bytes) detail += fmt::format(", max_bytes {}", *queue.max_bytes);
  }
  return {code, std::move(detail)};
}

Result<Sent> sent_of(const QueueHandle& queue, const SendRequest& request, std::size_t index) {
  const engine::ItemReply& item = request.reply.items[index];
  if (item.code != errc::ok) return error_of(queue, item.code, request.items[index].counted_bytes);
  return Sent{.id = item.id, .deduplicated = item.deduplicated};
}

/// The whole failed; atomic batches fail with the code of a message.
Error whole_error(const QueueHandle& queue, const node::Request& request) {
  if (request.error.code != errc::queue_full || !request.error.detail.empty()) return request.error;
  return error_of(queue, errc::queue_full, 0);
}

Result<Sent> single_result(const QueueHandle& queue, const node::Request& request) {
  if (request.error.code != errc::ok) return whole_error(queue, request);
  PEERQ_ASSERT(request.reply.items.size() == 1);
  return sent_of(queue, static_cast<const SendRequest&>(request), 0);
}

Result<std::vector<Result<Sent>>> batch_result(const QueueHandle& queue, const node::Request& request) {
  if (request.error.code != errc::ok) return whole_error(queue, request);
  std::vector<Result<Sent>> out;
  out.reserve(request.reply.items.size());
  for (std::size_t i = 0; i < request.reply.items.size(); ++i) {
    out.push_back(sent_of(queue, static_cast<const SendRequest&>(request), i));
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
