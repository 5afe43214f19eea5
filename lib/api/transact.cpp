// Node: deletes and sends that happen together or not at all (S76).

#include <fmt/format.h>

#include "api/arguments.hpp"
#include "api/node_state.hpp"
#include "api/outgoing.hpp"

namespace peerq {

namespace {

using detail::Access;
using detail::NodeState;
using detail::QueueHandle;
using node::TransactRequest;
using HandlePointer = std::shared_ptr<const QueueHandle>;
using Sents = std::vector<Sent>;

/// The request, and whose answers its messages get.
struct Made {
  std::shared_ptr<TransactRequest> request;
  /// One for each part of the request.
  std::vector<HandlePointer> queues;
};

Error check_size(const Transaction& transaction) {
  if (transaction.size() == 0) return {errc::invalid_argument, "a transaction without deletes and sends"};
  if (transaction.size() > limits::batch_max) {
    return {errc::batch_too_large, fmt::format("{} deletes and sends in a transaction, at most {}",
                                               transaction.size(), limits::batch_max)};
  }
  std::size_t bytes = 0;
  for (const auto& send : Access::sends(transaction)) {
    bytes += send.message.body.size();
    for (const auto& [key, value] : send.message.options.attributes) bytes += key.size() + value.size();
  }
  if (bytes <= limits::send_bytes_max) return {};
  return {errc::batch_too_large, fmt::format("{} bytes, at most {}", bytes, limits::send_bytes_max)};
}

/// Every queue must be of this node, and all on one shard: an entry belongs to one log.
Error check_queue(const NodeState& node, const QueueHandle& queue, const Made& made) {
  if (queue.node.get() != &node) {
    return {errc::invalid_argument, fmt::format("queue {} is of another node", queue.name)};
  }
  if (made.queues.empty() || made.queues.front()->shard == queue.shard) return {};
  return {errc::cross_shard,
          fmt::format("queues {} and {} have different durability", made.queues.front()->name, queue.name)};
}

/// The part of the request for this queue; parts are few.
Result<std::size_t> part_of(const NodeState& node, const HandlePointer& queue, Made& made) {
  auto& parts = made.request->parts;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (parts[i].queue == queue->id) return i;
  }
  if (Error error = check_queue(node, *queue, made); error.code != errc::ok) return error;
  auto& part = parts.emplace_back();
  part.queue = queue->id;
  part.name = queue->name;
  made.queues.push_back(queue);
  return parts.size() - 1;
}

Error add_erases(const NodeState& node, const Transaction& transaction, Made& made) {
  for (const auto& delivery : Access::erases(transaction)) {
    const auto& state = *Access::state(delivery);
    const auto index = part_of(node, state.queue, made);
    if (!index) return index.error();
    auto& part = made.request->parts[*index];
    part.erases.push_back({.lease = state.lease, .value_ms = -1, .reason = {}, .result = {}});
    part.epochs.push_back(state.epoch);
  }
  return {};
}

/// Counts first: what the items point into must not move.
Error add_sends(const NodeState& node, const Transaction& transaction, Made& made) {
  const auto& sends = Access::sends(transaction);
  std::vector<std::size_t> part_of_send;
  for (std::size_t i = 0; i < sends.size(); ++i) {
    const auto& message = sends[i].message;
    const detail::HandlePointer& queue = Access::handle(sends[i].queue);
    if (Error error = detail::check_message(*queue, message.body, message.options); error.code != errc::ok) {
      return {error.code, fmt::format("send {}: {}", i, error.detail)};
    }
    const auto index = part_of(node, queue, made);
    if (!index) return index.error();
    part_of_send.push_back(*index);
    made.request->parts[*index].places.push_back(i);
  }
  for (auto& part : made.request->parts) detail::reserve(part.sends, part.places.size());
  for (std::size_t i = 0; i < sends.size(); ++i) {
    const std::size_t part = part_of_send[i];
    const auto& message = sends[i].message;
    detail::add_message(*made.queues[part], message.body, message.options, made.request->parts[part].sends);
  }
  return {};
}

Result<Made> make(const NodeState& node, const Transaction& transaction, const TransactOptions& options) {
  if (Error error = detail::check_timeout(options.timeout); error.code != errc::ok) return error;
  if (Error error = check_size(transaction); error.code != errc::ok) return error;
  for (const auto& send : Access::sends(transaction)) {
    if (Access::handle(send.queue)->origin == engine::Origin{}) continue;
    return Error(errc::invalid_argument,
                 "a queue of a session's request in a transaction; give the request in its options");
  }
  Made made{.request = std::make_shared<TransactRequest>(), .queues = {}};
  if (Error error = add_erases(node, transaction, made); error.code != errc::ok) return error;
  if (Error error = add_sends(node, transaction, made); error.code != errc::ok) return error;
  made.request->queue = made.queues.front()->id;
  made.request->shard = made.queues.front()->shard;
  made.request->origin = detail::origin_of(options.request);
  return made;
}

/// The reply has the deletes of all parts, then the sends of all parts.
Result<Sents> result_of(const Made& made) {
  const TransactRequest& request = *made.request;
  std::size_t sends = 0;
  std::size_t next = 0;
  for (std::size_t i = 0; i < request.parts.size(); ++i) {
    detail::note_options(*made.queues[i], request.parts[i].sends);
    next += request.parts[i].erases.size();
    sends += request.parts[i].places.size();
  }
  if (request.error.code != errc::ok) return request.error;
  PEERQ_ASSERT(request.reply.items.size() == next + sends);
  Sents out(sends);
  for (std::size_t i = 0; i < request.parts.size(); ++i) {
    const auto& part = request.parts[i];
    for (std::size_t j = 0; j < part.places.size(); ++j) {
      auto sent = detail::sent_of(*made.queues[i], part.sends, j, request.reply.items[next++]);
      if (!sent) return std::move(sent).error();
      out[part.places[j]] = *sent;
    }
  }
  return out;
}

}  // namespace

Result<Sents> Node::transact(const Transaction& transaction, const TransactOptions& options) {
  auto made = make(*state_, transaction, options);
  if (!made) return std::move(made).error();
  state_->call(made->request, options.timeout);
  return result_of(*made);
}

void Node::transact_async(const Transaction& transaction, const TransactOptions& options,
                          UniqueFunction<void(Result<Sents>)> answer, RunOn where) {
  auto made = make(*state_, transaction, options);
  if (!made) return state_->refuse(std::move(answer), std::move(made).error(), where);
  auto request = made->request;
  request->on_done = [queues = std::move(made->queues),
                      answer = std::move(answer)](node::Request& r) mutable {
    // The request is alive while it calls; a pointer of its own would keep it for ever.
    const std::shared_ptr<TransactRequest> same(std::shared_ptr<void>(), static_cast<TransactRequest*>(&r));
    answer(result_of({.request = same, .queues = std::move(queues)}));
  };
  state_->submit(std::move(request), options.timeout, where);
}

}  // namespace peerq
