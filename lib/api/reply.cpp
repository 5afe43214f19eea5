// Session and Delivery: replies in queues (S77), the free form of request and reply.

#include "api/node_state.hpp"
#include "peerq/delivery.hpp"
#include "peerq/session.hpp"

namespace peerq {

namespace {

using detail::NodeState;
using node::CatalogRequest;
using node::Kind;

Error called(NodeState& node, const std::shared_ptr<CatalogRequest>& request) {
  node.call(request, limits::timeout_default);
  return request->error;
}

bool is_gone(const Error& error) { return error == errc::queue_not_found || error == errc::queue_deleted; }

}  // namespace

/// The session is looked at after the queue is there: if it ends later, it finds the queue and deletes it.
Result<Queue> Session::reply_queue() const {
  auto create = std::make_shared<CatalogRequest>(Kind::create_queue);
  create->name = node::reply_queue_name(id_);
  if (Error error = called(*node_, create); error.code != errc::ok) return error;
  const auto& config = create->configs.front();
  if (auto alive = keep_alive(); !alive) {
    auto remove = std::make_shared<CatalogRequest>(Kind::delete_queue);
    remove->name = create->name;
    remove->queue = config.id;
    remove->flag = true;
    called(*node_, remove);
    return std::move(alive).error();
  }
  return detail::handle_of(node_, config);
}

Result<Replied> Delivery::reply(std::string_view body, const SendOptions& options) const {
  const std::string name = reply_to();
  if (name.empty()) return Error(errc::invalid_argument, "reply: the message has no reply_to");
  const auto& node = state_->queue->node;
  const auto gone = [&](Error error) -> Result<Replied> {
    if (is_gone(error) && node::is_reply_queue(name)) return Replied{.id = {}, .requester_gone = true};
    return error;
  };
  auto find = std::make_shared<CatalogRequest>(Kind::find_queue);
  find->name = name;
  if (Error error = called(*node, find); error.code != errc::ok) return gone(std::move(error));
  SendOptions message = options;
  if (message.correlation_id.empty()) message.correlation_id = correlation_id();
  auto sent = detail::handle_of(node, find->configs.front()).send(body, message);
  if (!sent) return gone(sent.error());
  return Replied{.id = sent->id, .requester_gone = false};
}

}  // namespace peerq
