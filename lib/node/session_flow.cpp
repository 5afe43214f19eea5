// Sessions as the core sees them (S18): which request was answered before, and keeping a session alive on the
// shards that its requests do not touch.

#include <algorithm>

#include "node/core.hpp"

namespace peerq::node {

namespace {

/// So often a shard hears of a session that is used on another.
constexpr auto touch_interval = limits::session_idle / 10;

std::size_t items_of(const TransactRequest& request) {
  std::size_t items = 0;
  for (const auto& part : request.parts) items += part.erases.size() + part.sends.items.size();
  return items;
}

/// How many answers the request must get.
std::size_t items_of(const Request& request) {
  switch (request.kind) {
    case Kind::send: return static_cast<const SendRequest&>(request).items.size();
    case Kind::settle: return static_cast<const SettleRequest&>(request).items.size();
    case Kind::cancel_messages: return static_cast<const CancelMessagesRequest&>(request).ids.size();
    case Kind::transact: return items_of(static_cast<const TransactRequest&>(request));
    default: return 0;
  }
}

/// Whether the messages are of the queues that the request named; only a receive named any.
bool are_asked_for(const Request& request, const std::vector<engine::Grant>& grants) {
  if (grants.empty()) return true;
  if (request.kind != Kind::receive) return false;
  const auto asked = [&](const engine::Grant& grant) {
    bool found = false;
    static_cast<const ReceiveRequest&>(request).visit_queues(
        [&](QueueId queue) { found = found || queue == grant.queue; });
    return found;
  };
  return std::all_of(grants.begin(), grants.end(), asked);
}

}  // namespace

/// Its outcome is known: it must be proposed at once and changes nothing, whatever is full or empty (S60).
bool Core::was_answered(const Shard& shard, const Request& request) {
  return request.origin.session.value != 0 && shard.queues->remembers(request.origin);
}

/// A request that came again under the number of another has that one's reply, which may make no sense here.
Error Core::check_repeated(const Request& request) {
  if (request.origin.session.value == 0 || request.reply.code != errc::ok) return {};
  if (request.reply.items.size() == items_of(request) && are_asked_for(request, request.reply.grants))
    return {};
  return {errc::invalid_argument, "request " + std::to_string(request.origin.sequence) +
                                      " of this session was another one; take a new number"};
}

void Core::admit_session(const std::shared_ptr<Request>& request, Shard& shard) {
  auto& wanted = static_cast<SessionRequest&>(*request);
  if (wanted.verb == SessionRequest::Verb::close) {
    sessions_.erase(wanted.session);
    return push_pending(shard, request, command_bytes);
  }
  // The memory shard begins without sessions: one that this process has not seen yet was never there.
  const auto found = sessions_.find(wanted.session);
  const bool known = found != sessions_.end() && (found->second.open >> shard.id.value & 1U) != 0;
  if (wanted.verb == SessionRequest::Verb::keep && shard.keep == Keep::memory && !known) {
    wanted.verb = SessionRequest::Verb::open;
  }
  if (wanted.verb == SessionRequest::Verb::open) {
    if (Error error = check_room(shard, 0); error.code != errc::ok) return finish(request, std::move(error));
  }
  push_pending(shard, request, command_bytes);
}

/// The session is open on this shard. Of too many, those that have ended by now are forgotten.
void Core::note_session(const Shard& shard, SessionId session) {
  if (sessions_.size() >= limits::sessions_max && !sessions_.contains(session)) {
    const auto has_ended = [this](const auto& entry) {
      const auto& touched = entry.second.touched;
      return std::all_of(touched.begin(), touched.end(),
                         [this](SteadyTime at) { return at + limits::session_idle < now_; });
    };
    std::erase_if(sessions_, has_ended);
  }
  SessionUse& use = sessions_[session];
  use.open |= 1U << shard.id.value;
  use.touched[shard.id.value] = now_;
}

/// What `keep` is answered by a shard that has the session is that it does not know this request.
void Core::session_applied(const Shard& shard, const std::shared_ptr<SessionRequest>& request) {
  using Verb = SessionRequest::Verb;
  const errc code = request->reply.code;
  const bool kept = request->verb == Verb::keep && code == errc::outcome_unknown;
  if (code != errc::ok && !kept) return finish(request, Error(code, request->reply.detail));
  if (request->verb != Verb::close) note_session(shard, request->session);
  finish(request);
}

/// A request keeps its session alive on its own shard; on the others that takes an entry now and then.
void Core::touch_session(const Request& request) {
  const auto found = sessions_.find(request.origin.session);
  if (found == sessions_.end()) return;
  SessionUse& use = found->second;
  use.touched[request.shard.value] = now_;
  for (const ShardId id : {data_shard, interval_shard, memory_shard}) {
    const bool open = (use.open >> id.value & 1U) != 0;
    if (!open || id == request.shard || use.touched[id.value] + touch_interval > now_) continue;
    use.touched[id.value] = now_;
    Shard& other = shard(id);
    if (other.is_stopped()) continue;
    auto keep = std::make_shared<SessionRequest>();
    keep->shard = id;
    keep->session = request.origin.session;
    keep->verb = SessionRequest::Verb::keep;
    push_pending(other, std::move(keep), command_bytes);
  }
}

}  // namespace peerq::node
