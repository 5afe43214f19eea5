#pragma once
// What single and several queues' receives share.

#include <memory>
#include <span>
#include <vector>

#include "api/node_state.hpp"

namespace peerq::detail {

/// How long a receive may take in all.
Milliseconds whole_timeout(const ReceiveOptions& options);
/// Until when it waits for a first message.
SteadyTime wait_until(const NodeState& node, const ReceiveOptions& options);

/// What a finished receive was granted, each with the handle of its queue, which must be among `queues`.
Result<std::vector<Delivery>> deliveries_of(node::ReceiveRequest& request,
                                            std::span<const HandlePointer> queues);

/// Hands the request over and blocks; the caller's stop token ends it.
void call_receive(NodeState& node, const std::shared_ptr<node::ReceiveRequest>& request,
                  const ReceiveOptions& options);

/// Hands the request over; `answer` runs once. The caller's stop token ends it.
void submit_receive(const std::shared_ptr<NodeState>& node,
                    const std::shared_ptr<node::ReceiveRequest>& request, std::vector<HandlePointer> queues,
                    const ReceiveOptions& options, UniqueFunction<void(Result<std::vector<Delivery>>)> answer,
                    RunOn where);

}  // namespace peerq::detail
