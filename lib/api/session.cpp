// Node and Session: opening, keeping and closing sessions (S18).
//
// A session is kept by every shard of queues for itself. It is opened on all of them at once: a shard that
// does not know a session could otherwise not tell one that it never saw from one that has ended there, whose
// requests may have been made.

#include "peerq/session.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>

#include "api/node_state.hpp"

namespace peerq {

namespace {

using detail::NodeState;
using node::SessionRequest;
using Verb = SessionRequest::Verb;

/// The one whose word counts first: it forgets nothing that was acknowledged.
constexpr ShardId home = data_shard;
constexpr std::array shards{data_shard, interval_shard, memory_shard};

Error ask(NodeState& node, SessionId session, ShardId shard, Verb verb) {
  auto request = std::make_shared<SessionRequest>();
  request->shard = shard;
  request->session = session;
  request->verb = verb;
  node.call(request, limits::timeout_default);
  return request->error;
}

/// A shard that stopped says so to every request; sessions of the others go on without it.
bool has_stopped(const Error& error) { return error == errc::corrupt || error == errc::version_mismatch; }

Error open_everywhere(NodeState& node, SessionId session) {
  for (const ShardId shard : shards) {
    Error error = ask(node, session, shard, Verb::open);
    if (error.code != errc::ok && (shard == home || !has_stopped(error))) return error;
  }
  return {};
}

/// Where it has ended, or was lost, its requests are refused: that is no reason to refuse it here.
Error keep_everywhere(NodeState& node, SessionId session) {
  for (const ShardId shard : shards) {
    Error error = ask(node, session, shard, Verb::keep);
    if (shard == home && error.code != errc::ok) return error;
  }
  return {};
}

}  // namespace

Result<Session> Node::open_session(std::optional<SessionId> id) {
  const SessionId session = id ? *id : state_->new_session_id();
  Error error = id ? keep_everywhere(*state_, session) : open_everywhere(*state_, session);
  if (error == errc::session_expired) error.detail = to_string(session);
  if (error.code != errc::ok) return error;
  return detail::Access::session(state_, session);
}

Result<void> Session::keep_alive() const {
  Error error = keep_everywhere(*node_, id_);
  return error.code == errc::ok ? Result<void>() : Result<void>(std::move(error));
}

Result<void> Session::close() const {
  Error first;
  for (const ShardId shard : shards) {
    Error error = ask(*node_, id_, shard, Verb::close);
    if (error.code != errc::ok && !has_stopped(error) && first.code == errc::ok) first = std::move(error);
  }
  return first.code == errc::ok ? Result<void>() : Result<void>(std::move(first));
}

Queue Queue::in(const RequestId& request) const {
  return detail::Access::queue(
      std::make_shared<detail::QueueHandle>(*handle_, request, detail::plain(handle_)));
}

std::string to_string(SessionId id) { return fmt::format("{:016x}", id.value); }

Result<SessionId> parse_session_id(std::string_view text) {
  SessionId id;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id.value, 16);
  if (text.size() != 16 || error != std::errc() || end != text.data() + text.size()) {
    return Error(errc::invalid_argument, "a session id has 16 hex digits");
  }
  return id;
}

}  // namespace peerq
