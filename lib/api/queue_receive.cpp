// Queue: receiving.

#include "api/arguments.hpp"
#include "api/deadline.hpp"
#include "api/node_state.hpp"
#include "peerq/engine/layout.hpp"

namespace peerq {

namespace {

using detail::DeliveryState;
using detail::QueueHandle;
using node::ReceiveRequest;

/// "For ever" cannot be added to anything; nobody waits longer than this.
Milliseconds longest(Milliseconds time) { return std::min(time, limits::expiry_max); }

Milliseconds whole_timeout(const ReceiveOptions& options) {
  return longest(options.wait) + longest(options.timeout);
}

Result<std::shared_ptr<ReceiveRequest>> make_request(const QueueHandle& queue, const ReceiveOptions& options,
                                                     bool erase) {
  Error error = erase ? detail::check_receive_and_delete(options) : detail::check_receive(options);
  if (error.code != errc::ok) return error;
  if (options.stop.stop_requested()) return errc::cancelled;
  auto request = std::make_shared<ReceiveRequest>();
  request->queue = queue.id;
  request->shard = queue.shard;
  request->max_messages = options.max_messages;
  request->max_bytes = options.max_bytes;
  request->visibility_ms = options.visibility_timeout ? options.visibility_timeout->count() : 0;
  request->erase = erase;
  request->attempt_id = options.attempt_id;
  request->wait_until = detail::deadline_after(queue.node->core().clock().steady(), longest(options.wait));
  return request;
}

Result<Delivery> make_delivery(const std::shared_ptr<const QueueHandle>& queue, const ReceiveRequest& request,
                               engine::Grant&& grant) {
  auto view = queue->node->core().codec().read_message(grant.payload.bytes);
  if (!view) return Error(errc::corrupt, "message " + to_string(grant.id) + ": " + view.error().detail);
  auto state = std::make_shared<DeliveryState>();
  state->queue = queue;
  state->message = std::move(grant.payload.bytes);
  state->body = view->body;
  state->id = grant.id;
  state->lease = grant.lease;
  state->epoch = request.epoch;
  state->receive_count = grant.receive_count;
  state->first_sent = grant.first_sent;
  state->group_id = std::move(grant.group_id);
  const SteadyTime deadline =
      request.stamped_at + std::chrono::nanoseconds(grant.deadline - request.stamped_lease);
  state->deadline_ns = request.erase ? 0 : deadline.ns;
  if (!request.erase)
    state->lease_length = std::chrono::duration_cast<Milliseconds>(grant.deadline - request.stamped_lease);
  engine::NoteRow note;
  if (!grant.note.empty() && engine::decode_row(as_bytes(grant.note), note))
    state->failure = detail::failure_of(note);
  return detail::Access::delivery(std::move(state));
}

Result<std::vector<Delivery>> result_of(const std::shared_ptr<const QueueHandle>& queue,
                                        ReceiveRequest& request) {
  if (request.error.code != errc::ok) return request.error;
  std::vector<Delivery> out;
  out.reserve(request.reply.grants.size());
  for (auto& grant : request.reply.grants) {
    auto delivery = make_delivery(queue, request, std::move(grant));
    if (delivery) {
      out.push_back(std::move(*delivery));
      continue;
    }
    // A damaged message is never served, and its shard stops; what of the batch is whole is still good (S55).
    queue->node->core().report_damage(request.shard, delivery.error());
    if (request.reply.grants.size() == 1) return std::move(delivery).error();
  }
  return out;
}

Result<std::vector<Delivery>> receive_blocking(const std::shared_ptr<const QueueHandle>& queue,
                                               const ReceiveOptions& options, bool erase) {
  auto made = make_request(*queue, options, erase);
  if (!made) return std::move(made).error();
  const auto& request = *made;
  const auto cancel = [&] { queue->node->cancel(request); };
  const std::stop_callback on_stop(options.stop, cancel);
  queue->node->call(request, whole_timeout(options));
  return result_of(queue, *request);
}

using Deliveries = std::vector<Delivery>;

void receive_later(const std::shared_ptr<const QueueHandle>& queue, const ReceiveOptions& options,
                   UniqueFunction<void(Result<Deliveries>)> answer, RunOn where, bool erase) {
  auto made = make_request(*queue, options, erase);
  if (!made) return queue->node->refuse(std::move(answer), std::move(made).error(), where);
  const auto request = *made;
  const auto cancel = [node = queue->node, weak = std::weak_ptr(request)] {
    if (auto target = weak.lock()) node->cancel(std::move(target));
  };
  using OnStop = std::stop_callback<std::decay_t<decltype(cancel)>>;
  // Registered before the request is under way: a stop that comes earlier is seen as a cancel that comes
  // first.
  auto on_stop = std::make_shared<std::optional<OnStop>>();
  request->on_done = [queue, answer = std::move(answer), on_stop](node::Request& finished) mutable {
    on_stop->reset();
    answer(result_of(queue, static_cast<ReceiveRequest&>(finished)));
  };
  if (options.stop.stop_possible()) on_stop->emplace(options.stop, cancel);
  queue->node->submit(request, whole_timeout(options), where);
}

}  // namespace

Result<std::vector<Delivery>> Queue::receive(const ReceiveOptions& options) const {
  return receive_blocking(handle_, options, false);
}

Result<std::vector<Delivery>> Queue::receive_and_delete(const ReceiveOptions& options) const {
  return receive_blocking(handle_, options, true);
}

void Queue::receive_async(const ReceiveOptions& options,
                          UniqueFunction<void(Result<std::vector<Delivery>>)> answer, RunOn where) const {
  receive_later(handle_, options, std::move(answer), where, false);
}

void Queue::receive_and_delete_async(const ReceiveOptions& options,
                                     UniqueFunction<void(Result<std::vector<Delivery>>)> answer,
                                     RunOn where) const {
  receive_later(handle_, options, std::move(answer), where, true);
}

}  // namespace peerq
