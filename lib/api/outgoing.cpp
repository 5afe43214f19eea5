#include "api/outgoing.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "api/arguments.hpp"

namespace peerq::detail {

namespace {

/// See engine::SendItem::due.
WallTime due_of(const SendOptions& options) {
  if (options.deliver_at) {
    const auto at = std::chrono::duration_cast<Milliseconds>(options.deliver_at->time_since_epoch());
    return {std::max<std::int64_t>(at.count(), 1)};
  }
  if (!options.delay) return {0};
  return options.delay->count() == 0 ? WallTime{1} : WallTime{-options.delay->count()};
}

Bytes kept(const std::string& name, node::Outgoing& to) {
  return name.empty() ? Bytes() : as_bytes(to.names.emplace_back(name));
}

/// An update since the handle was made may have changed the limits, so only those that explain it are named.
Error error_of(const QueueHandle& queue, errc code, const engine::SendItem& item) {
  if (code == errc::queue_full) return full_error(queue);
  if (code != errc::message_too_large) return code;
  std::string detail = fmt::format("{} bytes", item.counted_bytes);
  if (item.counted_bytes > queue.max_message_size)
    detail += fmt::format(", max_message_size is {}", queue.max_message_size);
  return {code, std::move(detail)};
}

}  // namespace

Error check_message(const QueueHandle& queue, std::string_view body, const SendOptions& options) {
  Error error = check_message(body, options, queue.node->core().clock().wall());
  if (error.code != errc::ok || !queue.fifo || !options.group_id.empty()) return error;
  return {errc::invalid_argument, fmt::format("group_id is empty; a FIFO queue needs one of 1 to {} bytes",
                                              limits::group_id_size_max)};
}

void reserve(node::Outgoing& to, std::size_t messages) {
  to.items.reserve(messages);
  to.payloads.reserve(messages);
}

void add_message(const QueueHandle& queue, std::string_view body, const SendOptions& options,
                 node::Outgoing& to) {
  std::vector<port::AttributeView> attributes;
  attributes.reserve(options.attributes.size());
  for (const auto& [key, value] : options.attributes) attributes.push_back({key, as_bytes(value)});
  const port::MessageParts parts{.body = as_bytes(body),
                                 .attributes = attributes,
                                 .reply_to = options.reply_to,
                                 .correlation_id = as_bytes(options.correlation_id)};
  const auto& core = queue.node->core();
  SharedBytes bytes = core.codec().make_message(parts);
  to.payload_bytes += bytes.size();
  PEERQ_ASSERT(to.payloads.size() < to.payloads.capacity());  // the items point into it
  const SharedBytes& own = to.payloads.emplace_back(std::move(bytes));
  to.items.push_back({.payload = own.bytes(),
                      .own = &own,
                      .counted_bytes = static_cast<std::uint32_t>(counted_size(parts)),
                      .priority = options.priority,
                      .due = due_of(options),
                      .time_to_live_ms = options.time_to_live ? options.time_to_live->count() : 0,
                      .group_id = kept(options.group_id, to),
                      .deduplication_id = kept(options.deduplication_id, to),
                      .outcome_until = {}});
  // One for each message from the first on, or none: the gate makes them all.
  if (queue.content_based.load(std::memory_order_relaxed) && to.digests.size() + 1 == to.items.size())
    to.digests.push_back(core.digest().of(parts.body));
}

void note_options(const QueueHandle& queue, const node::Outgoing& sent) {
  const QueueHandle& kept = queue.plain_handle == nullptr ? queue : *queue.plain_handle;
  if (kept.content_based.load(std::memory_order_relaxed) != sent.content_based)
    kept.content_based.store(sent.content_based, std::memory_order_relaxed);
}

Result<Sent> sent_of(const QueueHandle& queue, const node::Outgoing& sent, std::size_t index,
                     const engine::ItemReply& reply) {
  if (reply.code != errc::ok) return error_of(queue, reply.code, sent.items[index]);
  return Sent{.id = reply.id, .deduplicated = reply.deduplicated};
}

Error full_error(const QueueHandle& queue) {
  std::string detail = queue.name;
  if (queue.max_messages) detail += fmt::format(", max_messages {}", *queue.max_messages);
  if (queue.max_bytes) detail += fmt::format(", max_bytes {}", *queue.max_bytes);
  return {errc::queue_full, std::move(detail)};
}

}  // namespace peerq::detail
