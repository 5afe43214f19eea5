// Queue: looking at it without touching it, and operating it.

#include "api/arguments.hpp"
#include "api/node_state.hpp"

namespace peerq {

namespace {

using detail::QueueHandle;
using node::CatalogRequest;
using node::Kind;
using node::QueryRequest;

using detail::address;
using detail::address_once;

/// Both states of a ready message are one to the user.
std::optional<engine::MessageState> state_of(std::optional<MessageStatus> status) {
  if (!status) return std::nullopt;
  switch (*status) {
    case MessageStatus::delayed: return engine::MessageState::delayed;
    case MessageStatus::in_flight: return engine::MessageState::in_flight;
    case MessageStatus::parked: return engine::MessageState::parked;
    case MessageStatus::ready: return engine::MessageState::ready;
  }
  return std::nullopt;
}

using detail::status_of;

Result<MessageSummary> summary_of(const port::Codec& codec, const engine::MessageInfo& info, bool with_body) {
  MessageSummary out{.id = info.id,
                     .status = status_of(info.state),
                     .body = {},
                     .attributes = {},
                     .size = info.counted_bytes,
                     .attempt = info.attempt,
                     .receive_count = info.receive_count,
                     .priority = info.priority,
                     .group_id = info.group_id,
                     .sent_at = detail::to_time_point(info.first_sent),
                     .due_at = {},
                     .expires_at = {},
                     .lease_left = Milliseconds(info.lease_left_ms),
                     .failure = detail::failure_of(info.note)};
  if (info.state == engine::MessageState::delayed) out.due_at = detail::to_time_point(info.due);
  if (info.expires.ms != 0) out.expires_at = detail::to_time_point(info.expires);
  if (!with_body) return out;
  auto view = codec.read_message(info.payload.bytes);
  if (!view) return Error(errc::corrupt, "message " + to_string(info.id));
  out.body = as_text(view->body);
  for (const auto& attribute : view->attributes)
    out.attributes.emplace(attribute.key, as_text(attribute.value));
  return out;
}

/// One page of the engine's may be short: it looks at so many rows and no more. Reads on until `wanted` is
/// filled, or for as long as a call may take.
Result<ListPage> read_pages(const QueueHandle& queue, engine::PageRequest wanted) {
  const auto& core = queue.node->core();
  const SteadyTime until = core.clock().steady() + limits::timeout_default;
  const std::size_t most = wanted.max_messages;
  ListPage out;
  do {
    auto request = std::make_shared<QueryRequest>(Kind::page);
    address(*request, queue);
    request->page_request = wanted;
    queue.node->call(request, limits::timeout_default);
    if (request->error.code != errc::ok) return request->error;
    for (const auto& info : request->page.messages) {
      auto summary = summary_of(core.codec(), info, wanted.with_payload);
      if (!summary) return std::move(summary).error();
      out.messages.push_back(std::move(*summary));
    }
    out.next.reset();
    if (!request->page.next) break;
    out.next = request->page.next->value;
    wanted.after = *request->page.next;
    wanted.max_messages = most - out.messages.size();
  } while (wanted.max_messages != 0 && core.clock().steady() < until);
  return out;
}

Error check_page(std::size_t max_messages) {
  if (max_messages >= 1 && max_messages <= limits::page_max) return {};
  return {errc::invalid_argument, "max_messages must be 1 to " + std::to_string(limits::page_max)};
}

Result<void> set_paused(const QueueHandle& queue, bool paused) {
  auto request = std::make_shared<CatalogRequest>(Kind::pause_queue);
  request->name = queue.name;
  request->queue = queue.id;
  request->flag = paused;
  queue.node->call(request, limits::timeout_default);
  if (request->error.code == errc::queue_not_found) return errc::queue_deleted;
  return request->error.code == errc::ok ? Result<void>() : Result<void>(request->error);
}

Result<std::uint64_t> counted(const node::Request& request) {
  if (request.error.code != errc::ok) return request.error;
  return request.reply.count;
}

QueueStatistics statistics_of(const engine::QueueFacts& facts, WallTime now) {
  const engine::QueueRow& row = facts.counters;
  QueueStatistics out{.ready = row.ready,
                      .delayed = row.delayed,
                      .in_flight = row.in_flight,
                      .parked = row.parked,
                      .held = row.held,
                      .moving = row.moving,
                      .bytes = row.bytes + row.moving_bytes,
                      .sent = row.sent,
                      .arrived = row.arrived,
                      .received = row.received,
                      .redelivered = row.redelivered,
                      .deleted = row.deleted,
                      .expired = row.expired,
                      .dead_lettered = row.dead_lettered,
                      .purged = row.purged,
                      .cancelled = row.cancelled,
                      .dropped = row.dropped,
                      .redriven = row.redriven,
                      .oldest_age = {},
                      .paused = facts.paused,
                      .at_in_flight_cap = facts.at_in_flight_cap,
                      .window_closed = facts.window_closed,
                      .at_rate_limit = facts.at_rate};
  if (facts.oldest) out.oldest_age = std::max(now - *facts.oldest, Milliseconds(0));
  return out;
}

}  // namespace

const std::string& Queue::name() const noexcept { return handle_->name; }

Result<QueueOptions> Queue::options() const {
  auto request = std::make_shared<CatalogRequest>(Kind::find_queue);
  request->name = handle_->name;
  handle_->node->call(request, limits::timeout_default);
  if (request->error.code == errc::queue_not_found) return errc::queue_deleted;
  if (request->error.code != errc::ok) return request->error;
  if (request->configs.front().id != handle_->id) return errc::queue_deleted;
  return request->configs.front().options;
}

Result<QueueStatistics> Queue::statistics() const {
  auto request = std::make_shared<QueryRequest>(Kind::facts);
  address(*request, *handle_);
  handle_->node->call(request, limits::timeout_default);
  if (request->error.code != errc::ok) return request->error;
  return statistics_of(request->facts, handle_->node->core().clock().wall());
}

Result<std::vector<MessageSummary>> Queue::peek(std::size_t max_messages) const {
  if (Error error = check_page(max_messages); error.code != errc::ok) return error;
  engine::PageRequest wanted;
  wanted.deliverable_only = true;
  wanted.max_messages = max_messages;
  auto page = read_pages(*handle_, std::move(wanted));
  if (!page) return std::move(page).error();
  return std::move(page->messages);
}

Result<ListPage> Queue::list(const ListOptions& options) const {
  if (Error error = check_page(options.max_messages); error.code != errc::ok) return error;
  engine::PageRequest wanted;
  wanted.state = state_of(options.status);
  wanted.after = Sequence{options.after};
  wanted.max_messages = options.max_messages;
  wanted.with_payload = options.with_body;
  return read_pages(*handle_, std::move(wanted));
}

Result<MessageSummary> Queue::get(const MessageId& id) const {
  auto request = std::make_shared<QueryRequest>(Kind::get);
  address(*request, *handle_);
  request->id = id;
  handle_->node->call(request, limits::timeout_default);
  if (request->error.code != errc::ok) return request->error;
  return summary_of(handle_->node->core().codec(), request->page.messages.front(), true);
}

Result<std::uint64_t> Queue::purge() const {
  auto request = std::make_shared<node::PurgeRequest>();
  address_once(*request, *handle_);
  handle_->node->call(request, limits::timeout_default);
  return counted(*request);
}

Result<void> Queue::pause() const { return set_paused(*handle_, true); }
Result<void> Queue::resume() const { return set_paused(*handle_, false); }

Result<std::uint64_t> Queue::kick(std::span<const MessageId> ids) const {
  if (Error error = detail::check_batch(ids.size(), "message ids"); error.code != errc::ok) return error;
  auto request = std::make_shared<node::KickRequest>();
  address_once(*request, *handle_);
  request->ids.assign(ids.begin(), ids.end());
  handle_->node->call(request, limits::timeout_default);
  return counted(*request);
}

Result<std::uint64_t> Queue::kick_all(std::uint32_t max_messages) const {
  if (Error error = check_page(max_messages); error.code != errc::ok) return error;
  auto request = std::make_shared<node::KickRequest>();
  address_once(*request, *handle_);
  request->max_messages = max_messages;
  handle_->node->call(request, limits::timeout_default);
  return counted(*request);
}

}  // namespace peerq
