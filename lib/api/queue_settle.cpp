// Queue and Delivery: delete, extend, nack, release, reject.

#include <algorithm>

#include "api/arguments.hpp"
#include "api/settle.hpp"

namespace peerq::detail {

namespace {

/// A reason is kept up to its limit, cut at a byte (S36).
std::string_view cut(std::string_view reason) { return reason.substr(0, limits::reason_size_max); }

engine::SettleItem item_of(engine::LeaseRef lease, const SettleWhat& what, const std::string& reason) {
  return {.lease = lease, .value_ms = what.value_ms, .reason = as_bytes(reason), .result = {}};
}

/// Extends move the local deadline: it counts from the entry's stamp, so it is never later than the log's.
void note_extended(DeliveryState& delivery, const node::Request& request, const engine::ItemReply& item) {
  if (item.code != errc::ok) return;
  delivery.set_deadline(request.stamped_at + Milliseconds(item.granted_ms));
}

}  // namespace

std::shared_ptr<node::SettleRequest> settle_request(const QueueHandle& queue, const SettleWhat& what) {
  auto request = std::make_shared<node::SettleRequest>();
  address_once(*request, queue);
  request->verb = what.verb;
  request->reason = cut(what.reason);
  return request;
}

void add_lease(node::SettleRequest& request, const SettleWhat& what, engine::LeaseRef lease,
               std::uint32_t epoch) {
  request.items.push_back(item_of(lease, what, request.reason));
  request.epochs.push_back(epoch);
}

Result<engine::ItemReply> settle_delivery(const Delivery& delivery, const SettleWhat& what) {
  const auto& state = Access::state(delivery);
  auto request = settle_request(*state->queue, what);
  add_lease(*request, what, state->lease, state->epoch);
  state->queue->node->call(request, limits::timeout_default);
  return settled(*state, what, *request);
}

Result<engine::ItemReply> settled(DeliveryState& delivery, const SettleWhat& what,
                                  const node::Request& request) {
  if (request.error.code != errc::ok) return request.error;
  const engine::ItemReply& item = request.reply.items.front();
  if (what.verb == engine::Verb::extend) note_extended(delivery, request, item);
  if (item.code != errc::ok) return Error(item.code);
  return item;
}

Result<std::shared_ptr<node::SettleRequest>> receipt_request(const QueueHandle& queue,
                                                             std::string_view receipt,
                                                             const SettleWhat& what) {
  const auto parts = queue.node->sealer().open(receipt);
  if (!parts) return errc::invalid_receipt;
  if (parts->queue != queue.id)
    return Error(errc::invalid_receipt, "it is of another queue, or of a deleted one");
  if (parts->principal != PrincipalId()) return errc::permission_denied;
  auto request = settle_request(queue, what);
  add_lease(*request, what, parts->lease, parts->epoch);
  return request;
}

Result<engine::ItemReply> settle_receipt(const QueueHandle& queue, std::string_view receipt,
                                         const SettleWhat& what) {
  auto request = receipt_request(queue, receipt, what);
  if (!request) return std::move(request).error();
  queue.node->call(*request, limits::timeout_default);
  if ((*request)->error.code != errc::ok) return (*request)->error;
  const engine::ItemReply& item = (*request)->reply.items.front();
  if (item.code != errc::ok) return Error(item.code);
  return item;
}

Result<std::shared_ptr<node::SettleRequest>> batch_request(const QueueHandle& queue,
                                                           std::span<const Delivery> deliveries,
                                                           const SettleWhat& what) {
  if (Error error = check_batch(deliveries.size(), "deliveries"); error.code != errc::ok) return error;
  auto request = settle_request(queue, what);
  request->items.reserve(deliveries.size());
  request->epochs.reserve(deliveries.size());
  for (const auto& delivery : deliveries) {
    const auto& state = Access::state(delivery);
    if (state->queue->id != queue.id) return Error(errc::invalid_receipt, "a delivery is of another queue");
    add_lease(*request, what, state->lease, state->epoch);
  }
  return request;
}

void note_extended(std::span<const Delivery> deliveries, const node::Request& request) {
  for (std::size_t i = 0; i < deliveries.size(); ++i) {
    note_extended(*Access::state(deliveries[i]), request, request.reply.items[i]);
  }
}

Deleted deleted_of(const engine::ItemReply& item) { return {.already_gone = item.already_gone}; }
Returned returned_of(const engine::ItemReply& item) { return {.already_returned = item.already_returned}; }
Extended extended_of(const engine::ItemReply& item) { return {.granted = Milliseconds(item.granted_ms)}; }

}  // namespace peerq::detail

namespace peerq {

namespace {

using namespace detail;

template <class T>
Result<T> mapped(const Result<engine::ItemReply>& item, T (*map)(const engine::ItemReply&)) {
  if (!item) return item.error();
  return map(*item);
}

template <class T>
Result<std::vector<Result<T>>> batch_result(const node::Request& request,
                                            T (*map)(const engine::ItemReply&)) {
  if (request.error.code != errc::ok) return request.error;
  std::vector<Result<T>> out;
  out.reserve(request.reply.items.size());
  for (const auto& item : request.reply.items) {
    if (item.code != errc::ok)
      out.emplace_back(item.code);
    else
      out.emplace_back(map(item));
  }
  return out;
}

template <class T>
Result<std::vector<Result<T>>> settle_batch(const QueueHandle& queue, std::span<const Delivery> deliveries,
                                            const SettleWhat& what, T (*map)(const engine::ItemReply&)) {
  auto request = batch_request(queue, deliveries, what);
  if (!request) return std::move(request).error();
  queue.node->call(*request, limits::timeout_default);
  if (what.verb == engine::Verb::extend && (*request)->error.code == errc::ok)
    note_extended(deliveries, **request);
  return batch_result(**request, map);
}

SettleWhat nack_what(const NackOptions& options) {
  return {engine::Verb::nack, options.delay ? options.delay->count() : -1, options.reason};
}

/// Longer than any lease may last is cut by the engine to what the queue allows (S35).
SettleWhat extend_what(Milliseconds duration) {
  return {engine::Verb::extend, std::min<Milliseconds>(duration, limits::max_lease_time_max).count(), {}};
}

/// Settles one delivery without blocking.
template <class T>
void settle_async(const Delivery& delivery, const SettleWhat& what, UniqueFunction<void(Result<T>)> answer,
                  RunOn where, T (*map)(const engine::ItemReply&)) {
  const auto& state = Access::state(delivery);
  auto request = settle_request(*state->queue, what);
  add_lease(*request, what, state->lease, state->epoch);
  // The reason is the request's own now; `verb` is all that the answer needs.
  const SettleWhat short_what{what.verb, what.value_ms, {}};
  request->on_done = [answer = std::move(answer), state, short_what, map](node::Request& r) mutable {
    answer(mapped(settled(*state, short_what, r), map));
  };
  state->queue->node->submit(std::move(request), limits::timeout_default, where);
}

template <class T>
void settle_batch_async(const QueueHandle& queue, std::span<const Delivery> deliveries,
                        const SettleWhat& what, UniqueFunction<void(Result<std::vector<Result<T>>>)> answer,
                        RunOn where, T (*map)(const engine::ItemReply&)) {
  auto request = batch_request(queue, deliveries, what);
  if (!request) return queue.node->refuse(std::move(answer), std::move(request).error(), where);
  std::vector<Delivery> extended;
  if (what.verb == engine::Verb::extend) extended.assign(deliveries.begin(), deliveries.end());
  (*request)->on_done = [answer = std::move(answer), extended = std::move(extended),
                         map](node::Request& r) mutable {
    if (r.error.code == errc::ok) note_extended(extended, r);
    answer(batch_result(r, map));
  };
  queue.node->submit(std::move(*request), limits::timeout_default, where);
}

}  // namespace

Result<Deleted> Delivery::erase() const {
  return mapped(settle_delivery(*this, {engine::Verb::erase, -1, {}}), deleted_of);
}

Result<Returned> Delivery::nack(const NackOptions& options) const {
  if (Error error = check_nack(options); error.code != errc::ok) return error;
  return mapped(settle_delivery(*this, nack_what(options)), returned_of);
}

Result<Returned> Delivery::release() const {
  return mapped(settle_delivery(*this, {engine::Verb::release, -1, {}}), returned_of);
}

Result<Deleted> Delivery::reject(std::string_view reason) const {
  return mapped(settle_delivery(*this, {engine::Verb::reject, -1, reason}), deleted_of);
}

Result<Extended> Delivery::extend(Milliseconds duration) const {
  if (Error error = check_extend(duration); error.code != errc::ok) return error;
  return mapped(settle_delivery(*this, extend_what(duration)), extended_of);
}

Result<std::vector<Result<Deleted>>> Queue::erase(std::span<const Delivery> deliveries) const {
  return settle_batch(*handle_, deliveries, {engine::Verb::erase, -1, {}}, deleted_of);
}

Result<std::vector<Result<Returned>>> Queue::nack(std::span<const Delivery> deliveries,
                                                  const NackOptions& options) const {
  if (Error error = check_nack(options); error.code != errc::ok) return error;
  return settle_batch(*handle_, deliveries, nack_what(options), returned_of);
}

Result<std::vector<Result<Returned>>> Queue::release(std::span<const Delivery> deliveries) const {
  return settle_batch(*handle_, deliveries, {engine::Verb::release, -1, {}}, returned_of);
}

Result<std::vector<Result<Deleted>>> Queue::reject(std::span<const Delivery> deliveries,
                                                   std::string_view reason) const {
  return settle_batch(*handle_, deliveries, {engine::Verb::reject, -1, reason}, deleted_of);
}

Result<std::vector<Result<Extended>>> Queue::extend(std::span<const Delivery> deliveries,
                                                    Milliseconds duration) const {
  if (Error error = check_extend(duration); error.code != errc::ok) return error;
  return settle_batch(*handle_, deliveries, extend_what(duration), extended_of);
}

Result<Deleted> Queue::erase(std::string_view receipt) const {
  return mapped(settle_receipt(*handle_, receipt, {engine::Verb::erase, -1, {}}), deleted_of);
}

Result<Returned> Queue::nack(std::string_view receipt, const NackOptions& options) const {
  if (Error error = check_nack(options); error.code != errc::ok) return error;
  return mapped(settle_receipt(*handle_, receipt, nack_what(options)), returned_of);
}

Result<Returned> Queue::release(std::string_view receipt) const {
  return mapped(settle_receipt(*handle_, receipt, {engine::Verb::release, -1, {}}), returned_of);
}

Result<Deleted> Queue::reject(std::string_view receipt, std::string_view reason) const {
  return mapped(settle_receipt(*handle_, receipt, {engine::Verb::reject, -1, reason}), deleted_of);
}

Result<Extended> Queue::extend(std::string_view receipt, Milliseconds duration) const {
  if (Error error = check_extend(duration); error.code != errc::ok) return error;
  return mapped(settle_receipt(*handle_, receipt, extend_what(duration)), extended_of);
}

void Queue::erase_async(const Delivery& delivery, UniqueFunction<void(Result<Deleted>)> answer,
                        RunOn where) const {
  settle_async(delivery, {engine::Verb::erase, -1, {}}, std::move(answer), where, deleted_of);
}

void Queue::nack_async(const Delivery& delivery, const NackOptions& options,
                       UniqueFunction<void(Result<Returned>)> answer, RunOn where) const {
  if (Error error = check_nack(options); error.code != errc::ok)
    return handle_->node->refuse(std::move(answer), std::move(error), where);
  settle_async(delivery, nack_what(options), std::move(answer), where, returned_of);
}

void Queue::release_async(const Delivery& delivery, UniqueFunction<void(Result<Returned>)> answer,
                          RunOn where) const {
  settle_async(delivery, {engine::Verb::release, -1, {}}, std::move(answer), where, returned_of);
}

void Queue::reject_async(const Delivery& delivery, std::string_view reason,
                         UniqueFunction<void(Result<Deleted>)> answer, RunOn where) const {
  settle_async(delivery, {engine::Verb::reject, -1, reason}, std::move(answer), where, deleted_of);
}

void Queue::extend_async(const Delivery& delivery, Milliseconds duration,
                         UniqueFunction<void(Result<Extended>)> answer, RunOn where) const {
  if (Error error = check_extend(duration); error.code != errc::ok)
    return handle_->node->refuse(std::move(answer), std::move(error), where);
  settle_async(delivery, extend_what(duration), std::move(answer), where, extended_of);
}

void Queue::erase_async(std::span<const Delivery> deliveries,
                        UniqueFunction<void(Result<std::vector<Result<Deleted>>>)> answer,
                        RunOn where) const {
  settle_batch_async(*handle_, deliveries, {engine::Verb::erase, -1, {}}, std::move(answer), where,
                     deleted_of);
}

void Queue::nack_async(std::span<const Delivery> deliveries, const NackOptions& options,
                       UniqueFunction<void(Result<std::vector<Result<Returned>>>)> answer,
                       RunOn where) const {
  if (Error error = check_nack(options); error.code != errc::ok)
    return handle_->node->refuse(std::move(answer), std::move(error), where);
  settle_batch_async(*handle_, deliveries, nack_what(options), std::move(answer), where, returned_of);
}

void Queue::release_async(std::span<const Delivery> deliveries,
                          UniqueFunction<void(Result<std::vector<Result<Returned>>>)> answer,
                          RunOn where) const {
  settle_batch_async(*handle_, deliveries, {engine::Verb::release, -1, {}}, std::move(answer), where,
                     returned_of);
}

void Queue::reject_async(std::span<const Delivery> deliveries, std::string_view reason,
                         UniqueFunction<void(Result<std::vector<Result<Deleted>>>)> answer,
                         RunOn where) const {
  settle_batch_async(*handle_, deliveries, {engine::Verb::reject, -1, reason}, std::move(answer), where,
                     deleted_of);
}

void Queue::extend_async(std::span<const Delivery> deliveries, Milliseconds duration,
                         UniqueFunction<void(Result<std::vector<Result<Extended>>>)> answer,
                         RunOn where) const {
  if (Error error = check_extend(duration); error.code != errc::ok)
    return handle_->node->refuse(std::move(answer), std::move(error), where);
  settle_batch_async(*handle_, deliveries, extend_what(duration), std::move(answer), where, extended_of);
}

}  // namespace peerq
