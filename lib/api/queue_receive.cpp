// Queue: receiving.

#include <algorithm>
#include <map>
#include <utility>

#include "api/arguments.hpp"
#include "api/deadline.hpp"
#include "api/receive.hpp"
#include "api/stoppable.hpp"
#include "peerq/engine/layout.hpp"

namespace peerq::detail {

namespace {

using node::ReceiveRequest;
using Deliveries = std::vector<Delivery>;

/// "For ever" cannot be added to anything; nobody waits longer than this.
Milliseconds longest(Milliseconds time) { return std::min(time, limits::expiry_max); }

/// Of the groups of FIFO queues in one receive.
using GroupLeases = std::map<std::pair<QueueId, std::string>, std::shared_ptr<GroupLease>>;

std::shared_ptr<GroupLease> lease_of(const QueueHandle& queue, const engine::Grant& grant,
                                     GroupLeases& leases) {
  auto& lease = leases[{queue.id, grant.group_id}];
  if (lease == nullptr) lease = std::make_shared<GroupLease>();
  return lease;
}

Result<Delivery> make_delivery(const HandlePointer& queue, const ReceiveRequest& request,
                               engine::Grant&& grant, std::uint32_t epoch, GroupLeases& leases) {
  auto view = queue->node->core().codec().read_message(grant.payload.bytes);
  if (!view) return Error(errc::corrupt, "message " + to_string(grant.id) + ": " + view.error().detail);
  auto state = std::make_shared<DeliveryState>();
  state->queue = plain(queue);
  state->message = std::move(grant.payload.bytes);
  state->body = view->body;
  state->id = grant.id;
  state->lease = grant.lease;
  state->epoch = epoch;
  state->receive_count = grant.receive_count;
  state->first_sent = grant.first_sent;
  if (queue->fifo && !request.erase) state->group_lease = lease_of(*queue, grant, leases);
  state->group_id = std::move(grant.group_id);
  state->priority = grant.priority;
  const SteadyTime deadline =
      request.stamped_at + std::chrono::nanoseconds(grant.deadline - request.stamped_lease);
  if (!request.erase) {
    state->set_deadline(deadline);
    state->lease_length = std::chrono::duration_cast<Milliseconds>(grant.deadline - request.stamped_lease);
  }
  engine::NoteRow note;
  if (!grant.note.empty() && engine::decode_row(as_bytes(grant.note), note))
    state->failure = failure_of(note);
  return Access::delivery(std::move(state));
}

Error check_session(const QueueHandle& queue, const ReceiveOptions& options, bool erase) {
  const bool in_session = queue.origin != engine::Origin{};
  if (in_session && options.request != RequestId{}) {
    return {errc::invalid_argument, "request is given, and the handle has one"};
  }
  if (!options.bind_to_session) return {};
  if (erase) return {errc::invalid_argument, "bind_to_session: receive_and_delete leaves no lease to bind"};
  if (in_session || options.request != RequestId{}) return {};
  return {errc::invalid_argument, "bind_to_session needs a request of a session (Queue::in)"};
}

Result<std::shared_ptr<ReceiveRequest>> make_request(const QueueHandle& queue, const ReceiveOptions& options,
                                                     bool erase) {
  Error error = erase ? check_receive_and_delete(options) : check_receive(options);
  if (error.code == errc::ok) error = check_session(queue, options, erase);
  if (error.code != errc::ok) return error;
  if (options.stop.stop_requested()) return errc::cancelled;
  auto request = std::make_shared<ReceiveRequest>();
  address_once(*request, queue);
  if (options.request != RequestId{}) request->origin = origin_of(options.request);
  request->max_messages = options.max_messages;
  request->max_bytes = options.max_bytes;
  request->visibility_ms = options.visibility_timeout ? options.visibility_timeout->count() : 0;
  request->erase = erase;
  request->bind_to_session = options.bind_to_session;
  request->attempt_id = options.attempt_id;
  request->wait_until = wait_until(*queue.node, options);
  return request;
}

Result<Deliveries> receive_blocking(const HandlePointer& queue, const ReceiveOptions& options, bool erase) {
  auto request = make_request(*queue, options, erase);
  if (!request) return std::move(request).error();
  call_receive(*queue->node, *request, options);
  return deliveries_of(**request, std::span(&queue, 1));
}

void receive_later(const HandlePointer& queue, const ReceiveOptions& options,
                   UniqueFunction<void(Result<Deliveries>)> answer, RunOn where, bool erase) {
  auto request = make_request(*queue, options, erase);
  if (!request) return queue->node->refuse(std::move(answer), std::move(request).error(), where);
  submit_receive(queue->node, *request, {queue}, options, std::move(answer), where);
}

}  // namespace

Milliseconds whole_timeout(const ReceiveOptions& options) {
  return longest(options.wait) + longest(options.timeout);
}

SteadyTime wait_until(const NodeState& node, const ReceiveOptions& options) {
  return deadline_after(node.core().clock().steady(), longest(options.wait));
}

Result<Deliveries> deliveries_of(ReceiveRequest& request, std::span<const HandlePointer> queues) {
  if (request.error.code != errc::ok) return request.error;
  Deliveries out;
  auto& grants = request.reply.grants;
  out.reserve(grants.size());
  GroupLeases leases;
  for (std::size_t i = 0; i < grants.size(); ++i) {
    const auto is_it = [&](const HandlePointer& queue) { return queue->id == grants[i].queue; };
    const auto queue = std::find_if(queues.begin(), queues.end(), is_it);
    PEERQ_ASSERT(queue != queues.end());
    auto delivery = make_delivery(*queue, request, std::move(grants[i]), request.epoch_of(i), leases);
    if (delivery) {
      out.push_back(std::move(*delivery));
      continue;
    }
    // A damaged message is never served, and its shard stops; what of the batch is whole is still good (S55).
    (*queue)->node->core().report_damage(request.shard, delivery.error());
    if (grants.size() == 1) return std::move(delivery).error();
  }
  return out;
}

void call_receive(NodeState& node, const std::shared_ptr<ReceiveRequest>& request,
                  const ReceiveOptions& options) {
  call(node, request, whole_timeout(options), options.stop);
}

void submit_receive(const std::shared_ptr<NodeState>& node, const std::shared_ptr<ReceiveRequest>& request,
                    std::vector<HandlePointer> queues, const ReceiveOptions& options,
                    UniqueFunction<void(Result<Deliveries>)> answer, RunOn where) {
  auto ended = [queues = std::move(queues), answer = std::move(answer)](ReceiveRequest& finished) mutable {
    answer(deliveries_of(finished, queues));
  };
  submit(node, request, whole_timeout(options), options.stop, where, std::move(ended));
}

}  // namespace peerq::detail

namespace peerq {

Result<std::vector<Delivery>> Queue::receive(const ReceiveOptions& options) const {
  return detail::receive_blocking(handle_, options, false);
}

Result<std::vector<Delivery>> Queue::receive_and_delete(const ReceiveOptions& options) const {
  return detail::receive_blocking(handle_, options, true);
}

void Queue::receive_async(const ReceiveOptions& options,
                          UniqueFunction<void(Result<std::vector<Delivery>>)> answer, RunOn where) const {
  detail::receive_later(handle_, options, std::move(answer), where, false);
}

void Queue::receive_and_delete_async(const ReceiveOptions& options,
                                     UniqueFunction<void(Result<std::vector<Delivery>>)> answer,
                                     RunOn where) const {
  detail::receive_later(handle_, options, std::move(answer), where, true);
}

}  // namespace peerq
