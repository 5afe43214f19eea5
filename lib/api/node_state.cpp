#include "api/node_state.hpp"

#include <unistd.h>

#include <algorithm>
#include <new>
#include <thread>

#include "api/consumer_state.hpp"

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
  if (forked()) {
    request->error = Error(errc::forked);
    return;
  }
  request->deadline = core().clock().steady() + timeout;
  core().call(request);
}

void NodeState::submit(std::shared_ptr<node::Request> request, Milliseconds timeout, RunOn where) {
  request->inline_done = where == RunOn::any_thread;
  if (forked()) {
    request->error = Error(errc::forked);
    request->on_done(*request);
    return;
  }
  request->deadline = core().clock().steady() + timeout;
  core().submit(std::move(request));
}

void NodeState::cancel(std::shared_ptr<node::Request> request) {
  if (!forked()) core().cancel(std::move(request));
}

void NodeState::add(const std::shared_ptr<ConsumerState>& consumer) {
  const std::lock_guard lock(mutex_);
  std::erase_if(consumers_, [](const auto& weak) { return weak.expired(); });
  consumers_.push_back(consumer);
}

void NodeState::stop_consumers(std::chrono::milliseconds grace) {
  std::vector<std::weak_ptr<ConsumerState>> consumers;
  {
    const std::lock_guard lock(mutex_);
    consumers.swap(consumers_);
  }
  const SteadyTime until = core().clock().steady() + grace;
  for (const auto& weak : consumers) {
    if (const auto consumer = weak.lock()) consumer->begin_stop();
  }
  for (const auto& weak : consumers) {
    if (const auto consumer = weak.lock()) consumer->end_for_node(until);
  }
}

Result<void> NodeState::close(std::chrono::milliseconds deadline) {
  if (forked()) return errc::forked;
  if (ended_.exchange(true)) return errc::closed;
  const SteadyTime until = core().clock().steady() + deadline;
  stop_consumers(deadline * 3 / 4);
  auto closed = core().close(until);
  if (!closed && closed.error() == errc::timeout) {
    core().abandon();
    core().quiet(core().clock().steady() + std::chrono::seconds(60));
    closed = Error(errc::timeout, "the node is closed; what was under way at the deadline ended as unknown");
  }
  shut();
  return closed;
}

void NodeState::shut() {
  parts_.executor->stop();
  core().shut();
}

void NodeState::abandon() noexcept {
  if (forked() || ended_.exchange(true)) return;
  core().abandon();
  if (core().quiet(core().clock().steady() + abandon_time)) return shut();
  // The disk is slow: the commit under way ends by itself, and somebody has to wait for it.
  std::thread([self = shared_from_this()] {
    self->core().quiet(SteadyTime::never());
    self->shut();
  }).detach();
}

Failure failure_of(const engine::NoteRow& note) {
  return {.cause = static_cast<FailureCause>(note.cause),
          .last_error = note.last_error,
          .source = note.source_name,
          .origin = note.origin_name,
          .attempts = note.attempts};
}

}  // namespace peerq::detail
