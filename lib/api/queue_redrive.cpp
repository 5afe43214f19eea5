// Queue: redrive.

#include <algorithm>

#include "api/node_state.hpp"
#include "peerq/engine/validate.hpp"

namespace peerq {

namespace {

using detail::QueueHandle;

/// The id of a queue that an option names; 0 = it names none.
Result<QueueId> id_of(const QueueHandle& queue, const char* field, const std::string& name, bool same_type) {
  if (name.empty()) return QueueId(0);
  if (Error error = engine::validate_name(name); error.code != errc::ok) {
    return Error(error.code, std::string(field) + ": " + error.detail);
  }
  auto request = std::make_shared<node::CatalogRequest>(node::Kind::find_queue);
  request->name = name;
  queue.node->call(request, limits::timeout_default);
  if (request->error.code == errc::queue_not_found) {
    return Error(errc::queue_not_found, std::string(field) + ": " + name);
  }
  if (request->error.code != errc::ok) return request->error;
  const auto& found = request->configs.front();
  if (same_type && (found.options.type == QueueType::fifo) != queue.fifo) {
    return Error(errc::invalid_argument, std::string(field) + ": " + name + " has another type");
  }
  return found.id;
}

Result<engine::StartRedrive> command_of(const QueueHandle& queue, const RedriveOptions& options) {
  engine::StartRedrive command;
  auto target = id_of(queue, "target", options.target, true);
  if (!target) return std::move(target).error();
  auto source = id_of(queue, "source", options.source, false);
  if (!source) return std::move(source).error();
  command.target = *target;
  command.source = *source;
  for (const FailureCause cause : options.causes) {
    if (cause == FailureCause::none || cause > FailureCause::overflow) {
      return Error(errc::invalid_argument, "causes: a message is never dead-lettered for none");
    }
    command.causes |= 1U << static_cast<unsigned>(cause);
  }
  command.rate = options.rate;
  command.max_messages = options.max_messages;
  return command;
}

bool is_wanted(const engine::StartRedrive& command, const engine::MessageInfo& message) {
  const engine::NoteRow& note = message.note;
  if (!message.dead_lettered || note.source.value == 0) return false;
  if (command.source.value != 0 && command.source != note.source) return false;
  return command.causes == 0 || (command.causes >> static_cast<unsigned>(note.cause) & 1U) != 0;
}

Result<void> called(const QueueHandle& queue, const std::shared_ptr<node::RedriveRequest>& request) {
  detail::address_once(*request, queue);
  queue.node->call(request, limits::timeout_default);
  return request->error.code == errc::ok ? Result<void>() : Result<void>(request->error);
}

}  // namespace

Result<void> Queue::redrive(const RedriveOptions& options) const {
  auto command = command_of(*handle_, options);
  if (!command) return std::move(command).error();
  auto request = std::make_shared<node::RedriveRequest>(node::Kind::start_redrive);
  request->command = *command;
  return called(*handle_, request);
}

Result<void> Queue::stop_redrive() const {
  return called(*handle_, std::make_shared<node::RedriveRequest>(node::Kind::stop_redrive));
}

Result<std::uint64_t> Queue::redrive_dry_run(const RedriveOptions& options) const {
  auto command = command_of(*handle_, options);
  if (!command) return std::move(command).error();
  std::uint64_t count = 0;
  for (std::optional<Sequence> after = Sequence{0}; after;) {
    auto request = std::make_shared<node::QueryRequest>(node::Kind::page);
    request->queue = handle_->id;
    request->shard = handle_->shard;
    request->page_request.state = engine::MessageState::ready;
    request->page_request.after = *after;
    request->page_request.max_messages = limits::page_max;
    request->page_request.with_payload = false;
    handle_->node->call(request, limits::timeout_default);
    if (request->error.code != errc::ok) return request->error;
    for (const auto& message : request->page.messages) count += is_wanted(*command, message) ? 1 : 0;
    after = request->page.next;
  }
  return options.max_messages == 0 ? count : std::min(count, options.max_messages);
}

Result<std::optional<RedriveStatus>> Queue::redrive_status() const {
  auto request = std::make_shared<node::QueryRequest>(node::Kind::redrive_status);
  request->queue = handle_->id;
  request->shard = handle_->shard;
  handle_->node->call(request, limits::timeout_default);
  if (request->error.code != errc::ok) return request->error;
  if (!request->redrive) return std::optional<RedriveStatus>();
  const auto& row = *request->redrive;
  return std::optional(RedriveStatus{.moved = row.moved,
                                     .skipped = row.skipped,
                                     .failed = row.failed,
                                     .finished = row.finished,
                                     .started = detail::to_time_point(row.started)});
}

}  // namespace peerq
