#pragma once
// Requests that a caller's stop token ends.
//
// The token is watched before the request is under way: a stop that comes earlier is seen by the core as a
// cancel that comes first.

#include <memory>
#include <optional>
#include <stop_token>
#include <type_traits>
#include <utility>

#include "api/node_state.hpp"

namespace peerq::detail {

/// Hands the request over and blocks.
inline void call(NodeState& node, const std::shared_ptr<node::Request>& request, Milliseconds timeout,
                 const std::stop_token& stop) {
  const auto cancel = [&] { node.cancel(request); };
  const std::stop_callback on_stop(stop, cancel);
  node.call(request, timeout);
}

/// Hands the request over; `ended` gets it, once.
template <class R, class Ended>
void submit(const std::shared_ptr<NodeState>& node, const std::shared_ptr<R>& request, Milliseconds timeout,
            const std::stop_token& stop, RunOn where, Ended ended) {
  const auto cancel = [node, weak = std::weak_ptr<node::Request>(request)] {
    if (auto target = weak.lock()) node->cancel(std::move(target));
  };
  using OnStop = std::stop_callback<std::decay_t<decltype(cancel)>>;
  auto on_stop = std::make_shared<std::optional<OnStop>>();
  request->on_done = [ended = std::move(ended), on_stop](node::Request& finished) mutable {
    on_stop->reset();
    ended(static_cast<R&>(finished));
  };
  if (stop.stop_possible()) on_stop->emplace(stop, cancel);
  node->submit(request, timeout, where);
}

}  // namespace peerq::detail
