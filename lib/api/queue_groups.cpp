// Queue: message groups as an operator works with them, and cancel.

#include "api/arguments.hpp"
#include "api/node_state.hpp"

namespace peerq {

namespace {

using detail::QueueHandle;

Result<void> change_group(const QueueHandle& queue, engine::GroupVerb verb, std::string_view group_id) {
  if (Error error = detail::check_group(group_id); error.code != errc::ok) return error;
  auto request = std::make_shared<node::ChangeGroupRequest>();
  detail::address_once(*request, queue);
  request->verb = verb;
  request->group_id = group_id;
  queue.node->call(request, limits::timeout_default);
  return request->error.code == errc::ok ? Result<void>() : Result<void>(request->error);
}

GroupSummary summary_of(engine::GroupInfo&& info) {
  GroupSummary out{.group_id = std::move(info.group_id),
                   .messages = info.live,
                   .ready = info.ready,
                   .in_flight = info.in_flight,
                   .open = info.open,
                   .paused = info.paused,
                   .parked = info.parked,
                   .held_until = {}};
  if (info.held_until.ms != 0) out.held_until = detail::to_time_point(info.held_until);
  return out;
}

Result<Deleted> cancelled_of(const engine::ItemReply& item) {
  if (item.code != errc::ok) return item.code;
  return Deleted{.already_gone = item.already_gone};
}

Result<std::vector<Result<Deleted>>> cancel_all(const QueueHandle& queue, std::span<const MessageId> ids) {
  if (Error error = detail::check_batch(ids.size(), "message ids"); error.code != errc::ok) return error;
  auto request = std::make_shared<node::CancelMessagesRequest>();
  detail::address_once(*request, queue);
  request->ids.assign(ids.begin(), ids.end());
  queue.node->call(request, limits::timeout_default);
  if (request->error.code != errc::ok) return request->error;
  std::vector<Result<Deleted>> out;
  out.reserve(request->reply.items.size());
  for (const auto& item : request->reply.items) out.push_back(cancelled_of(item));
  return out;
}

}  // namespace

Result<Deleted> Queue::cancel(const MessageId& id) const {
  auto results = cancel_all(*handle_, std::span(&id, 1));
  if (!results) return std::move(results).error();
  return std::move(results->front());
}

Result<std::vector<Result<Deleted>>> Queue::cancel(std::span<const MessageId> ids) const {
  return cancel_all(*handle_, ids);
}

Result<void> Queue::pause_group(std::string_view group_id) const {
  return change_group(*handle_, engine::GroupVerb::pause, group_id);
}

Result<void> Queue::resume_group(std::string_view group_id) const {
  return change_group(*handle_, engine::GroupVerb::resume, group_id);
}

Result<void> Queue::park_group(std::string_view group_id) const {
  return change_group(*handle_, engine::GroupVerb::park, group_id);
}

Result<void> Queue::resume_parked_group(std::string_view group_id) const {
  return change_group(*handle_, engine::GroupVerb::unpark, group_id);
}

Result<GroupPage> Queue::list_groups(const ListGroupsOptions& options) const {
  if (options.max_groups < 1 || options.max_groups > limits::page_max) {
    return Error(errc::invalid_argument, "max_groups is " + std::to_string(options.max_groups) +
                                             ", must be 1 to " + std::to_string(limits::page_max));
  }
  if (options.after.size() > limits::group_id_size_max) {
    return Error(errc::invalid_argument, "after has " + std::to_string(options.after.size()) +
                                             " bytes, a group id has at most " +
                                             std::to_string(limits::group_id_size_max));
  }
  const auto& clock = handle_->node->core().clock();
  const SteadyTime until = clock.steady() + limits::timeout_default;
  GroupPage out;
  std::string after = options.after;
  do {
    auto request = std::make_shared<node::QueryRequest>(node::Kind::groups);
    detail::address(*request, *handle_);
    request->after = after;
    request->max_groups = options.max_groups - out.groups.size();
    handle_->node->call(request, limits::timeout_default);
    if (request->error.code != errc::ok) return request->error;
    for (auto& info : request->groups.groups) out.groups.push_back(summary_of(std::move(info)));
    out.next = std::move(request->groups.next);
    if (out.next) after = *out.next;
  } while (out.next && out.groups.size() < options.max_groups && clock.steady() < until);
  return out;
}

}  // namespace peerq
