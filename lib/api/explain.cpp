// Queue: why a message is not handed out now, for programs and for people.

#include "peerq/explain.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>

#include "api/node_state.hpp"

namespace peerq {

namespace {

using TimePoint = std::chrono::system_clock::time_point;

HoldKind kind_of(engine::HoldKind kind) noexcept {
  switch (kind) {
    case engine::HoldKind::paused: return HoldKind::queue_paused;
    case engine::HoldKind::window_closed: return HoldKind::window_closed;
    case engine::HoldKind::in_flight_cap: return HoldKind::in_flight_cap;
    case engine::HoldKind::rate: return HoldKind::rate;
    case engine::HoldKind::delayed: return HoldKind::delayed;
    case engine::HoldKind::in_flight: return HoldKind::in_flight;
    case engine::HoldKind::parked: return HoldKind::parked;
    case engine::HoldKind::expired: return HoldKind::expired;
    case engine::HoldKind::group_leased: return HoldKind::group_leased;
    case engine::HoldKind::group_delayed: return HoldKind::group_delayed;
    case engine::HoldKind::group_cap: return HoldKind::group_cap;
    case engine::HoldKind::group_rate: return HoldKind::group_rate;
    case engine::HoldKind::group_paused: return HoldKind::group_paused;
    case engine::HoldKind::group_parked: return HoldKind::group_parked;
    case engine::HoldKind::group_order: return HoldKind::group_order;
  }
  return HoldKind::expired;
}

/// What lease time says is left is told by the calendar, as it stands now.
Hold hold_of(const detail::QueueHandle& queue, const engine::Hold& hold, std::uint32_t epoch, WallTime now) {
  Hold out{.kind = kind_of(hold.kind), .until = {}, .receipt = {}};
  if (out.kind == HoldKind::in_flight || out.kind == HoldKind::group_leased) {
    out.receipt =
        queue.node->sealer().seal({.queue = queue.id, .lease = hold.lease, .epoch = epoch, .principal = {}});
  }
  if (hold.until.ms != 0) out.until = detail::to_time_point(hold.until);
  if (hold.left_ms != 0) out.until = detail::to_time_point(now + Milliseconds(hold.left_ms));
  return out;
}

/// Bytes that are no printable ASCII are shown as hex.
std::string shown(std::string_view group) {
  std::string out;
  for (const char c : group) {
    if (c >= ' ' && c <= '~' && c != '\\')
      out.push_back(c);
    else
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
  }
  return out;
}

std::string what_of(HoldKind kind, const std::string& group) {
  switch (kind) {
    case HoldKind::queue_paused: return "the queue is paused";
    case HoldKind::window_closed: return "the queue's delivery window is closed";
    case HoldKind::in_flight_cap: return "the queue has as many messages in flight as max_in_flight allows";
    case HoldKind::rate: return "the queue's rate is used up";
    case HoldKind::delayed: return "delayed";
    case HoldKind::in_flight: return "in flight";
    case HoldKind::parked: return "parked until it is kicked";
    case HoldKind::expired: return "past its time, it is about to go";
    case HoldKind::group_leased: return fmt::format("its group '{}' is leased", group);
    case HoldKind::group_delayed: return fmt::format("its group '{}' waits for a retry", group);
    case HoldKind::group_cap:
      return fmt::format("its group '{}' has as many messages in flight as max_in_flight_per_group allows",
                         group);
    case HoldKind::group_rate: return fmt::format("the rate of its group '{}' is used up", group);
    case HoldKind::group_paused: return fmt::format("its group '{}' is paused", group);
    case HoldKind::group_parked: return fmt::format("its group '{}' is parked", group);
    case HoldKind::group_order: return fmt::format("others of its group '{}' come first", group);
  }
  return "held";
}

std::string shown(TimePoint time) {
  const auto ms = std::chrono::duration_cast<Milliseconds>(time.time_since_epoch());
  const auto seconds = std::chrono::floor<std::chrono::seconds>(ms);
  const std::time_t whole = seconds.count();
  return fmt::format("{:%Y-%m-%d %H:%M:%S}.{:03}", fmt::gmtime(whole), (ms - seconds).count());
}

}  // namespace

std::string to_string(const Explanation& explanation) {
  const std::string group = shown(std::string_view(explanation.group_id));
  std::string out;
  for (const Hold& hold : explanation.holds) {
    if (!out.empty()) out += "; ";
    out += what_of(hold.kind, group);
    if (hold.until) out += " until " + shown(*hold.until);
    if (!hold.receipt.empty()) out += " under receipt " + hold.receipt;
  }
  return out.empty() ? "ready: handed out after those before it" : out;
}

Result<Explanation> Queue::explain(const MessageId& id) const {
  auto request = std::make_shared<node::QueryRequest>(node::Kind::explain);
  detail::address(*request, *handle_);
  request->id = id;
  handle_->node->call(request, limits::timeout_default);
  if (request->error.code != errc::ok) return request->error;
  engine::Explanation& found = request->explanation;
  Explanation out{
      .status = detail::status_of(found.state), .group_id = std::move(found.group_id), .holds = {}};
  const WallTime now = handle_->node->core().clock().wall();
  for (const engine::Hold& hold : found.holds)
    out.holds.push_back(hold_of(*handle_, hold, request->epoch, now));
  return out;
}

}  // namespace peerq
