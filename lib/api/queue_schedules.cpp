// Queue: recurring schedules.

#include "api/arguments.hpp"
#include "api/outgoing.hpp"
#include "peerq/engine/validate.hpp"

namespace peerq {

namespace {

using detail::QueueHandle;
using node::ScheduleRequest;

Error check(const QueueHandle& queue, std::string_view name, const ScheduleOptions& options) {
  if (Error error = engine::validate_name(name); error.code != errc::ok) return error;
  if (options.message.delay || options.message.deliver_at) {
    return {errc::invalid_argument, "message.delay, deliver_at: the schedule says when"};
  }
  if (!options.message.deduplication_id.empty()) {
    return {errc::invalid_argument, "message.deduplication_id: every run is a message of its own"};
  }
  const auto& core = queue.node->core();
  if (Error error = detail::check_message(queue, options.body, options.message); error.code != errc::ok) {
    return error;
  }
  auto checked = core.calendar().check_schedule(options.specification, options.zone);
  return checked ? Error() : std::move(checked).error();
}

ScheduleSummary summary_of(engine::ScheduleInfo&& info) {
  auto& row = info.row;
  ScheduleSummary out{.name = std::move(info.name),
                      .specification = std::move(row.specification),
                      .zone = std::move(row.zone),
                      .missed = row.missed,
                      .next = {},
                      .sent = row.sent,
                      .lost = row.lost,
                      .missed_runs = row.missed_runs};
  if (!row.runs.empty()) out.next = detail::to_time_point(row.runs.front());
  return out;
}

}  // namespace

Result<void> Queue::put_schedule(std::string_view name, const ScheduleOptions& options) const {
  if (Error error = check(*handle_, name, options); error.code != errc::ok) return error;
  auto request = std::make_shared<ScheduleRequest>(node::Kind::put_schedule);
  detail::address_once(*request, *handle_);
  request->name = name;
  request->specification = options.specification;
  request->zone = options.zone;
  request->missed = options.missed;
  detail::reserve(*request, 1);
  detail::add_message(*handle_, options.body, options.message, *request);
  handle_->node->call(request, limits::timeout_default);
  return request->error.code == errc::ok ? Result<void>() : Result<void>(request->error);
}

Result<std::vector<ScheduleSummary>> Queue::schedules() const {
  std::vector<ScheduleSummary> out;
  for (std::string after;;) {
    auto request = std::make_shared<node::QueryRequest>(node::Kind::schedules);
    request->queue = handle_->id;
    request->shard = handle_->shard;
    request->after = after;
    handle_->node->call(request, limits::timeout_default);
    if (request->error.code != errc::ok) return request->error;
    if (request->schedules.empty()) return out;
    for (auto& info : request->schedules) out.push_back(summary_of(std::move(info)));
    after = out.back().name;
  }
}

Result<bool> Queue::remove_schedule(std::string_view name) const {
  if (Error error = engine::validate_name(name); error.code != errc::ok) return error;
  auto request = std::make_shared<ScheduleRequest>(node::Kind::remove_schedule);
  detail::address_once(*request, *handle_);
  request->name = name;
  handle_->node->call(request, limits::timeout_default);
  if (request->error.code != errc::ok) return request->error;
  return request->reply.count > 0;
}

}  // namespace peerq
