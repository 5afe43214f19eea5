// Queues of sessions' own, for replies (S77): a queue `_sys.reply.<session>` goes when its session has ended.
// The session's end is the data shard's word, the queue the catalog's: a crash between the two is repaired at
// the next open.

#include <fmt/format.h>

#include <charconv>
#include <optional>

#include "node/core.hpp"

namespace peerq::node {

namespace {

constexpr std::string_view prefix = "_sys.reply.";

std::optional<SessionId> session_of(std::string_view name) {
  SessionId session;
  const auto digits = name.substr(prefix.size());
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), session.value, 16);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return session;
}

}  // namespace

std::string reply_queue_name(SessionId session) { return fmt::format("{}{:016x}", prefix, session.value); }

bool is_reply_queue(std::string_view name) noexcept { return name.starts_with(prefix); }

void Core::delete_reply_queues(const std::vector<SessionId>& ended) {
  for (const SessionId session : ended) {
    if (auto found = parts_.store->catalog().find(reply_queue_name(session))) delete_reply_queue(*found);
  }
}

void Core::delete_reply_queue(const engine::QueueConfig& queue) {
  Shard& catalog = shard(catalog_shard);
  if (has_stopped(catalog)) return;
  auto request = std::make_shared<CatalogRequest>(Kind::delete_queue);
  request->name = queue.name;
  request->queue = queue.id;
  request->shard = catalog_shard;
  request->flag = true;
  push_pending(catalog, std::move(request), 1024);
}

void Core::resume_reply_queues() {
  Shard& home = shard(data_shard);
  for (std::string after;;) {
    const auto page = parts_.store->catalog().list(prefix, after, limits::page_max);
    if (page.empty()) return;
    after = page.back().name;
    for (const auto& queue : page) {
      const auto session = session_of(queue.name);
      const bool ended = session && !home.queues->has_session(*session);
      if (ended && !has_stopped(home)) delete_reply_queue(queue);
    }
  }
}

}  // namespace peerq::node
