// Node: the queues of a directory.

#include "peerq/node.hpp"

#include <fmt/format.h>

#include "api/node_state.hpp"
#include "peerq/engine/validate.hpp"

namespace peerq {

namespace {

using detail::NodeState;
using node::CatalogRequest;
using node::Kind;

std::shared_ptr<CatalogRequest> named(Kind kind, std::string_view name) {
  auto request = std::make_shared<CatalogRequest>(kind);
  request->name = name;
  return request;
}

Result<void> called(NodeState& state, const std::shared_ptr<CatalogRequest>& request) {
  state.call(request, limits::timeout_default);
  if (request->error.code == errc::queue_not_found && request->error.detail.empty())
    request->error.detail = request->name;
  return request->error.code == errc::ok ? Result<void>() : Result<void>(request->error);
}

Error check(const NodeState& state, std::string_view name, const QueueOptions& options) {
  if (Error error = engine::validate_name(name); error.code != errc::ok) return error;
  if (Error error = engine::validate(options); error.code != errc::ok) return error;
  if (options.windows.empty()) return {};
  auto checked = state.core().calendar().check(options.windows);
  return checked ? Error() : std::move(checked).error();
}

}  // namespace

Queue detail::handle_of(const std::shared_ptr<NodeState>& state, const engine::QueueConfig& config) {
  auto handle = std::make_shared<QueueHandle>();
  handle->node = state;
  handle->id = config.id;
  handle->shard = engine::shard_of(config.options.durability);
  handle->name = config.name;
  handle->fifo = config.options.type == QueueType::fifo;
  handle->content_based = config.options.content_based_deduplication;
  handle->max_message_size = config.options.max_message_size;
  handle->max_messages = config.options.max_messages;
  handle->max_bytes = config.options.max_bytes;
  return Access::queue(std::move(handle));
}

Node::Node(std::shared_ptr<NodeState> state) noexcept : state_(std::move(state)) {}
Node::Node(Node&&) noexcept = default;

Node& Node::operator=(Node&& other) noexcept {
  if (this != &other) {
    if (state_ != nullptr) state_->abandon();
    state_ = std::move(other.state_);
  }
  return *this;
}

Node::~Node() {
  if (state_ != nullptr) state_->abandon();
}

Result<Queue> Node::create_queue(std::string_view name, const QueueOptions& options) {
  if (Error error = check(*state_, name, options); error.code != errc::ok) return error;
  auto request = named(Kind::create_queue, name);
  request->options = options;
  if (auto result = called(*state_, request); !result) return std::move(result).error();
  return detail::handle_of(state_, request->configs.front());
}

Result<Queue> Node::open_queue(std::string_view name) {
  // Whoever answers a session may open its queue for replies.
  Error error = node::is_reply_queue(name) ? engine::validate_any_name(name) : engine::validate_name(name);
  if (error.code != errc::ok) return error;
  auto request = named(Kind::find_queue, name);
  if (auto result = called(*state_, request); !result) return std::move(result).error();
  return detail::handle_of(state_, request->configs.front());
}

Result<std::vector<QueueDescription>> Node::list_queues(const ListQueuesOptions& options) {
  if (options.max_queues < 1 || options.max_queues > limits::page_max) {
    return Error(errc::invalid_argument, "max_queues must be 1 to " + std::to_string(limits::page_max));
  }
  auto request = named(Kind::list_queues, {});
  request->prefix = options.prefix;
  request->after = options.after;
  request->max = options.max_queues;
  if (auto result = called(*state_, request); !result) return std::move(result).error();
  std::vector<QueueDescription> out;
  for (auto& config : request->configs) {
    out.push_back({std::move(config.name), std::move(config.options), config.paused});
  }
  return out;
}

Result<void> Node::update_queue(std::string_view name, const QueueOptions& options) {
  if (Error error = check(*state_, name, options); error.code != errc::ok) return error;
  auto request = named(Kind::update_queue, name);
  request->options = options;
  return called(*state_, request);
}

Result<void> Node::delete_queue(std::string_view name, const DeleteOptions& options) {
  if (Error error = engine::validate_name(name); error.code != errc::ok) return error;
  auto request = named(Kind::delete_queue, name);
  request->flag = options.force;
  return called(*state_, request);
}

Result<NodeStatistics> Node::statistics() {
  auto request = std::make_shared<node::UsageRequest>();
  state_->call(request, limits::timeout_default);
  if (request->error.code != errc::ok) return request->error;
  return NodeStatistics{.log_bytes = request->usage.log_bytes,
                        .state_bytes = request->usage.state_bytes,
                        .accepts_sends = request->usage.accepts_sends};
}

void Node::confirm_clock() { state_->confirm_clock(); }

Result<void> Node::close(std::chrono::milliseconds deadline) { return state_->close(deadline); }

}  // namespace peerq
