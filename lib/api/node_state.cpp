#include "api/node_state.hpp"

#include <unistd.h>

#include <algorithm>
#include <future>
#include <new>
#include <system_error>
#include <thread>

#include "api/consumer_state.hpp"
#include "api/deadline.hpp"

namespace peerq::detail {

namespace {

constexpr auto abandon_time = std::chrono::milliseconds(80);

}  // namespace

NodeState::NodeState(NodeParts parts) : parts_(std::move(parts)), owner_(::getpid()) {}

NodeState::~NodeState() {
  // A fork has neither the threads nor the locks of its parent: what cannot be ended is left alone.
  if (forked()) new (std::nothrow) NodeParts(std::move(parts_));
}

bool NodeState::forked() const noexcept { return ::getpid() != owner_; }

void NodeState::call(const std::shared_ptr<node::Request>& request, Milliseconds timeout) {
  request->error = refused(*request);
  if (request->error.code != errc::ok) return;
  request->deadline = deadline_after(core().clock().steady(), timeout);
  core().call(request);
}

void NodeState::submit(std::shared_ptr<node::Request> request, Milliseconds timeout, RunOn where) {
  request->inline_done = where == RunOn::any_thread;
  request->error = refused(*request);
  if (request->error == errc::forked) return request->on_done(*request);
  if (request->error.code != errc::ok) {
    auto answer = [request](node::Request&) {
      auto on_done = std::move(request->on_done);
      on_done(*request);
    };
    return call_at(SteadyTime{}, std::move(answer), where);
  }
  request->deadline = deadline_after(core().clock().steady(), timeout);
  core().submit(std::move(request));
}

/// What no request may be: a call in a fork, or one under a number that no session has.
Error NodeState::refused(const node::Request& request) const {
  if (forked()) return errc::forked;
  const auto& origin = request.origin;
  if (origin == engine::Origin{}) return {};
  if (origin.session.value == 0) return {errc::invalid_argument, "a request number without a session"};
  if (origin.sequence >= 1 && origin.sequence <= limits::session_request_max) return {};
  return {errc::invalid_argument, "the number of a session's request is " + std::to_string(origin.sequence) +
                                      ", must be 1 to " + std::to_string(limits::session_request_max)};
}

SessionId NodeState::new_session_id() {
  const std::lock_guard lock(mutex_);
  std::uint64_t id = 0;
  while (id == 0 || id == ~std::uint64_t{0}) id = parts_.entropy->number();
  return SessionId(id);
}

void NodeState::cancel(std::shared_ptr<node::Request> request) {
  if (!forked()) core().cancel(std::move(request));
}

void NodeState::call_at(SteadyTime at, UniqueFunction<void(node::Request&)> task, RunOn where) {
  auto request = std::make_shared<node::CallAtRequest>();
  request->at = at;
  request->on_done = std::move(task);
  submit(std::move(request), Milliseconds::max(), where);
}

void NodeState::confirm_clock() {
  if (!forked()) core().confirm_clock();
}

void NodeState::add(const std::shared_ptr<ConsumerState>& consumer) {
  const std::lock_guard lock(mutex_);
  std::erase_if(consumers_, [](const auto& weak) { return weak.expired(); });
  consumers_.push_back(consumer);
}

void NodeState::stop_consumers(SteadyTime until) {
  std::vector<std::weak_ptr<ConsumerState>> consumers;
  {
    const std::lock_guard lock(mutex_);
    consumers.swap(consumers_);
  }
  for (const auto& weak : consumers) {
    if (const auto consumer = weak.lock()) consumer->begin_stop();
  }
  for (const auto& weak : consumers) {
    if (const auto consumer = weak.lock()) consumer->end_for_node(until);
  }
}

Result<void> NodeState::close(std::chrono::milliseconds timeout) {
  if (forked()) return errc::forked;
  if (parts_.executor->runs_caller()) {
    return Error(errc::invalid_argument,
                 "close() from a completion handler of this node would wait for itself");
  }
  if (ended_.exchange(true)) return errc::closed;
  const SteadyTime now = core().clock().steady();
  const SteadyTime until = deadline_after(now, timeout);
  stop_consumers(deadline_after(now, timeout - timeout / 4));
  auto closed = core().close(until);
  if (!closed && closed.error() == errc::timeout) {
    core().abandon();
    closed = Error(errc::timeout, "the node is closed; what was under way at the deadline ended as unknown");
  }
  const bool ended = end(std::max(until, core().clock().steady() + abandon_time));
  if (closed && !ended) {
    return Error(
        errc::timeout,
        "the node is closed; its directory is free when a completion handler returns that still runs");
  }
  return closed;
}

/// After `close` or `abandon` of the core. False when that takes longer: it then goes on by itself.
bool NodeState::end(SteadyTime until) noexcept {
  const bool quiet = core().quiet(until);
  if (quiet && !parts_.real_time) {
    shut();
    return true;
  }
  try {
    return end_elsewhere(until);
  } catch (const std::system_error&) {
    end_here();
    return true;
  }
}

/// On a thread of its own: the disk may be slow, a lane in a handler that blocks, or the very one that calls.
/// **Errors** as std::thread.
bool NodeState::end_elsewhere(SteadyTime until) {
  std::promise<void> promise;
  const auto ended = promise.get_future();
  std::thread([self = shared_from_this(), promise = std::move(promise)]() mutable {
    self->core().quiet(SteadyTime::never());
    self->shut();
    self.reset();
    promise.set_value();
  }).detach();
  if (until == SteadyTime::never()) return ended.wait(), true;
  const auto left = std::max(until - core().clock().steady(), std::chrono::nanoseconds(0));
  return ended.wait_for(left) == std::future_status::ready;
}

/// The system gives no thread.
void NodeState::end_here() noexcept {
  if (parts_.executor->runs_caller()) {
    // Nobody can join the lane that this is: it stays, refuses everything, and keeps the directory.
    new (std::nothrow) std::shared_ptr<NodeState>(shared_from_this());
    return;
  }
  core().quiet(SteadyTime::never());
  shut();
}

void NodeState::shut() {
  parts_.executor->stop();
  core().shut();
}

void NodeState::abandon() noexcept {
  if (forked() || ended_.exchange(true)) return;
  core().abandon();
  end(core().clock().steady() + abandon_time);
}

MessageStatus status_of(engine::MessageState state) noexcept {
  switch (state) {
    case engine::MessageState::delayed: return MessageStatus::delayed;
    case engine::MessageState::in_flight: return MessageStatus::in_flight;
    case engine::MessageState::parked: return MessageStatus::parked;
    default: return MessageStatus::ready;
  }
}

Failure failure_of(const engine::NoteRow& note) {
  return {.cause = static_cast<FailureCause>(note.cause),
          .last_error = note.last_error,
          .source = note.source_name,
          .origin = note.origin_name,
          .attempts = note.attempts};
}

}  // namespace peerq::detail
