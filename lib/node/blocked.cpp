// Senders that wait for room in a queue with `Overflow::block` (S15): one line per queue, first come, first
// served, nobody overtakes. They live here and not in the log (S81).
//
// A send is proposed when it fits beside those ahead of it, which are proposed and not applied yet. A
// duplicate needs no room (S17): it is not counted, and does not stand in line. The engine has the last word;
// what it has no room for goes back to its place.

#include <algorithm>
#include <set>

#include "node/core.hpp"

namespace peerq::node {

namespace {

bool is_blocking(const engine::QueueConfig* config) {
  return config != nullptr && config->options.overflow == Overflow::block;
}

/// A request of a session has one outcome, so all of it waits; else what fits may go ahead of the rest.
bool goes_whole(const SendRequest& send) { return send.atomic || send.origin.session.value != 0; }

bool is_full(const engine::ItemReply& item) { return item.code == errc::queue_full; }

}  // namespace

std::size_t Core::entry_bytes_of(const SendRequest& send) {
  return send.payload_bytes + command_bytes + 32 * send.items.size();
}

/// Proposes a send, or puts it in line.
void Core::admit_to_line(Shard& shard, std::shared_ptr<SendRequest> send) {
  if (!is_blocking(shard.queues->config(send->queue))) {
    const std::size_t bytes = entry_bytes_of(*send);
    return push_pending(shard, std::move(send), bytes);
  }
  send->place = ++shard.last_place;
  count_needs(shard, *send);
  if (send->needs.messages == 0) {
    const std::size_t bytes = entry_bytes_of(*send);
    return push_pending(shard, std::move(send), bytes);
  }
  SendLine& line = shard.lines[send->queue];
  if (line.waiting.empty() && fits(shard, line, *send)) return go_ahead(shard, line, std::move(send));
  if (shard.blocked >= limits::waiters_max) {
    return finish(send, Error(errc::limit_exceeded,
                              "blocked senders, the limit is " + std::to_string(limits::waiters_max)));
  }
  wait_for_room(shard, std::move(send));
}

/// An id that comes twice in a send counts once.
void Core::count_needs(Shard& shard, SendRequest& send) {
  send.needs = {};
  const WallTime now = shard.stamper->peek().wall;
  const bool deduplicates = shard.queues->config(send.queue)->options.deduplication_window.count() > 0;
  std::set<std::string_view> ids;
  for (const auto& item : send.items) {
    if (deduplicates && !item.deduplication_id.empty()) {
      const bool is_new = ids.insert(as_text(item.deduplication_id)).second;
      if (!is_new || shard.queues->sent_as(send.queue, item, now)) continue;
    }
    if (send.needs.messages++ == 0) send.needs.bytes_of_first = item.counted_bytes;
    send.needs.bytes += item.counted_bytes;
  }
}

/// As much of it as has to go at once.
bool Core::fits(Shard& shard, const SendLine& line, const SendRequest& send) {
  const QueueOptions& options = shard.queues->config(send.queue)->options;
  const auto& needs = send.needs;
  if (options.overflow != Overflow::block || needs.messages == 0) return true;
  const bool whole = goes_whole(send);
  const std::uint64_t count = line.messages + (whole ? needs.messages : 1);
  const std::uint64_t bytes = line.bytes + (whole ? needs.bytes : needs.bytes_of_first);
  const engine::Depth depth = shard.queues->depth(send.queue);
  return (!options.max_messages || depth.messages + count <= *options.max_messages) &&
         (!options.max_bytes || depth.bytes + bytes <= *options.max_bytes);
}

/// The first in line. Since it was counted, its messages may have been sent by somebody ahead, or windows may
/// have ended.
bool Core::may_go(Shard& shard, const SendLine& line, SendRequest& send) {
  if (!fits(shard, line, send)) {
    if (line.messages != 0 || std::exchange(send.counted_alone, true)) return false;
  }
  count_needs(shard, send);
  return fits(shard, line, send);
}

/// The time that a requester has waited for room is gone: its message lives until its deadline (S77).
void Core::shorten_wait(SendRequest& send) const {
  const auto left = std::chrono::duration_cast<Milliseconds>(send.deadline - now_).count();
  for (auto& item : send.items) {
    if (item.outcome_until.ms >= 0) continue;
    const std::int64_t wait = std::clamp<std::int64_t>(left, 1, -item.outcome_until.ms);
    item.outcome_until = WallTime{-wait};
    if (item.time_to_live_ms > 0) item.time_to_live_ms = std::min(item.time_to_live_ms, wait);
  }
}

void Core::go_ahead(Shard& shard, SendLine& line, std::shared_ptr<SendRequest> send) {
  shorten_wait(*send);
  send->ahead_messages = send->needs.messages;
  send->ahead_bytes = send->needs.bytes;
  line.messages += send->ahead_messages;
  line.bytes += send->ahead_bytes;
  const std::size_t bytes = entry_bytes_of(*send);
  push_pending(shard, std::move(send), bytes);
}

/// In line, before whoever came after it.
void Core::wait_for_room(Shard& shard, std::shared_ptr<SendRequest> send) {
  send->stage = Stage::waiting;
  ++shard.blocked;
  next_deadline_ = std::min(next_deadline_, send->deadline);
  SendLine& line = shard.lines[send->queue];
  line.waiting.emplace(send->place, std::move(send));
}

/// It is not under way any more, whatever became of it.
void Core::left_entry(Shard& shard, SendRequest& send) {
  const auto found = shard.lines.find(send.queue);
  if (found == shard.lines.end() || send.ahead_messages == 0) return;
  SendLine& line = found->second;
  line.messages -= std::exchange(send.ahead_messages, 0);
  line.bytes -= std::exchange(send.ahead_bytes, 0);
  shard.rooms.insert(send.queue);
}

/// What may go now, of the queues in which something has changed.
void Core::advance_lines(Shard& shard) {
  while (!shard.rooms.empty() && !shard.is_stopped()) {
    const QueueId queue = *shard.rooms.begin();
    shard.rooms.erase(shard.rooms.begin());
    const auto found = shard.lines.find(queue);
    if (found == shard.lines.end()) continue;
    SendLine& line = found->second;
    while (!line.waiting.empty() && shard.queues->config(queue) != nullptr &&
           may_go(shard, line, *line.waiting.begin()->second)) {
      auto send = line.waiting.extract(line.waiting.begin()).mapped();
      --shard.blocked;
      go_ahead(shard, line, std::move(send));
    }
    if (line.waiting.empty() && line.messages == 0) shard.lines.erase(found);
  }
}

/// Whether a send that was applied waits on for room. What was sent of a batch stays sent.
bool Core::waits_on(Shard& shard, const std::shared_ptr<SendRequest>& send) {
  engine::Reply& reply = send->reply;
  const bool refused = reply.code == errc::queue_full;
  const bool any = std::any_of(reply.items.begin(), reply.items.end(), is_full);
  const bool all = std::all_of(reply.items.begin(), reply.items.end(), is_full);
  if (send->stage == Stage::finished || send->answered || !(refused || any)) return false;
  if (!is_blocking(shard.queues->config(send->queue)) || closing_.load(std::memory_order_relaxed))
    return false;
  if (send->deadline <= now_ || send->cancelled || (!all && goes_whole(*send))) return false;
  if (!refused && !all) keep_sent(*send);
  count_needs(shard, *send);
  send->counted_alone = false;
  shard.rooms.insert(send->queue);
  wait_for_room(shard, send);
  return true;
}

/// Notes what of a batch was decided; the rest is all that is proposed from now on.
void Core::keep_sent(SendRequest& send) {
  if (send.asked.empty()) {
    send.asked = send.items;
    send.decided.resize(send.items.size());
    for (std::size_t i = 0; i < send.items.size(); ++i) send.open.push_back(i);
  }
  std::vector<engine::SendItem> items;
  std::vector<std::size_t> open;
  for (std::size_t i = 0; i < send.items.size(); ++i) {
    send.decided[send.open[i]] = send.reply.items[i];
    if (!is_full(send.reply.items[i])) continue;
    items.push_back(send.items[i]);
    open.push_back(send.open[i]);
  }
  send.items = std::move(items);
  send.open = std::move(open);
}

/// Its wait is over: what is a duplicate succeeds all the same (S17).
void Core::keep_duplicates(Shard& shard, SendRequest& send) {
  if (goes_whole(send)) return;
  send.reply.items.assign(send.items.size(), {.code = errc::queue_full});
  const WallTime now = shard.stamper->peek().wall;
  bool any = false;
  for (std::size_t i = 0; i < send.items.size(); ++i) {
    const auto first = shard.queues->sent_as(send.queue, send.items[i], now);
    if (!first) continue;
    send.reply.items[i] = {.code = errc::ok, .id = *first, .deduplicated = true};
    any = true;
  }
  if (any) keep_sent(send);
}

/// Puts together the answer to a batch that was sent in parts. What ends the last part ends it alone.
Error Core::join_parts(SendRequest& send, Error error) {
  if (send.asked.empty()) return error;
  for (std::size_t i = 0; i < send.open.size(); ++i) {
    engine::ItemReply& decided = send.decided[send.open[i]];
    if (error.code != errc::ok) {
      decided.code = error.code;
    } else {
      decided = send.reply.items[i];
    }
  }
  send.items = std::exchange(send.asked, {});
  send.reply.items = std::move(send.decided);
  send.reply.code = errc::ok;
  return {};
}

void Core::expire_lines(Shard& shard) {
  for (auto& [queue, line] : shard.lines) {
    for (auto at = line.waiting.begin(); at != line.waiting.end();) {
      if (at->second->deadline > now_ && !at->second->cancelled) {
        next_deadline_ = std::min(next_deadline_, at->second->deadline);
        ++at;
        continue;
      }
      const auto send = std::move(at->second);
      at = line.waiting.erase(at);
      --shard.blocked;
      shard.rooms.insert(queue);
      if (!send->cancelled) keep_duplicates(shard, *send);
      finish(send, Error(send->cancelled ? errc::cancelled : errc::queue_full));
    }
  }
}

void Core::end_line(Shard& shard, QueueId queue, const Error& error) {
  const auto found = shard.lines.find(queue);
  if (found == shard.lines.end()) return;
  const auto waiting = std::exchange(found->second.waiting, {});
  shard.blocked -= waiting.size();
  shard.rooms.insert(queue);
  for (const auto& [place, send] : waiting) finish(send, error);
}

void Core::end_lines(Shard& shard, const Error& error) {
  std::vector<QueueId> queues;
  for (const auto& [queue, line] : shard.lines) queues.push_back(queue);
  for (const QueueId queue : queues) end_line(shard, queue, error);
}

/// A transaction waits for nothing, and overtakes nobody.
bool Core::has_line(const Shard& shard, QueueId queue) {
  const auto found = shard.lines.find(queue);
  return found != shard.lines.end() && !found->second.waiting.empty();
}

bool Core::has_new(Shard& shard, QueueId queue, const Outgoing& sends) {
  const WallTime now = shard.stamper->peek().wall;
  const auto is_new = [&](const engine::SendItem& item) { return !shard.queues->sent_as(queue, item, now); };
  return std::any_of(sends.items.begin(), sends.items.end(), is_new);
}

}  // namespace peerq::node
