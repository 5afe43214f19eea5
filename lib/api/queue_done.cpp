// Queue and Delivery: the worker's side of request and reply (S77): a delete with a result.

#include "api/arguments.hpp"
#include "api/settle.hpp"

namespace peerq {

namespace {

using detail::QueueHandle;
using Made = Result<std::shared_ptr<node::SettleRequest>>;

constexpr detail::SettleWhat what{engine::Verb::erase, -1, {}};

/// Adds the result's bytes to the delete of one lease.
Made with_result(const QueueHandle& queue, std::shared_ptr<node::SettleRequest> request,
                 std::string_view result, const Attributes& attributes) {
  SendOptions carried;
  carried.attributes = attributes;
  const auto& core = queue.node->core();
  if (Error error = detail::check_message(result, carried, core.clock().wall()); error.code != errc::ok) {
    return error;
  }
  std::vector<port::AttributeView> views;
  for (const auto& [key, value] : attributes) views.push_back({key, as_bytes(value)});
  request->results.push_back(core.codec().make_message(
      {.body = as_bytes(result), .attributes = views, .reply_to = {}, .correlation_id = {}}));
  request->items.front().result = request->results.front().bytes();
  return request;
}

Made make_done(const Delivery& delivery, std::string_view result, const Attributes& attributes) {
  const auto& state = detail::Access::state(delivery);
  auto request = detail::settle_request(*state->queue, what);
  detail::add_lease(*request, what, state->lease, state->epoch);
  return with_result(*state->queue, std::move(request), result, attributes);
}

Made make_done(const QueueHandle& queue, std::string_view receipt, std::string_view result,
               const Attributes& attributes) {
  auto request = detail::receipt_request(queue, receipt, what);
  if (!request) return request;
  return with_result(queue, std::move(*request), result, attributes);
}

Result<Deleted> answer_of(const node::SettleRequest& request) {
  if (request.error.code != errc::ok) return request.error;
  const auto& item = request.reply.items.front();
  if (item.code != errc::ok) return Error(item.code);
  return Deleted{.already_gone = item.already_gone, .requester_gone = item.requester_gone};
}

void submit(const QueueHandle& queue, Made request, UniqueFunction<void(Result<Deleted>)> answer,
            RunOn where) {
  if (!request) return queue.node->refuse(std::move(answer), std::move(request).error(), where);
  (*request)->on_done = [answer = std::move(answer)](node::Request& ended) mutable {
    answer(answer_of(static_cast<const node::SettleRequest&>(ended)));
  };
  queue.node->submit(std::move(*request), limits::timeout_default, where);
}

}  // namespace

Result<Deleted> Delivery::done(std::string_view result, const Attributes& attributes) const {
  auto request = make_done(*this, result, attributes);
  if (!request) return std::move(request).error();
  state_->queue->node->call(*request, limits::timeout_default);
  return answer_of(**request);
}

Result<Deleted> Queue::done(std::string_view receipt, std::string_view result,
                            const Attributes& attributes) const {
  auto request = make_done(*handle_, receipt, result, attributes);
  if (!request) return std::move(request).error();
  handle_->node->call(*request, limits::timeout_default);
  return answer_of(**request);
}

void Queue::done_async(const Delivery& delivery, std::string_view result, const Attributes& attributes,
                       UniqueFunction<void(Result<Deleted>)> answer, RunOn where) const {
  submit(*handle_, make_done(delivery, result, attributes), std::move(answer), where);
}

void Queue::done_async(std::string_view receipt, std::string_view result, const Attributes& attributes,
                       UniqueFunction<void(Result<Deleted>)> answer, RunOn where) const {
  submit(*handle_, make_done(*handle_, receipt, result, attributes), std::move(answer), where);
}

}  // namespace peerq
