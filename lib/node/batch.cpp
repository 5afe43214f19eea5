// From pending requests to entries: what arrived while the last commit was under way becomes the next entry.

#include <algorithm>
#include <set>
#include <string_view>

#include "node/core.hpp"
#include "peerq/base/plant.hpp"

namespace peerq::node {

namespace {

/// Riding waiters in one entry.
constexpr std::size_t riders_max = 1'000;

engine::CommandBody command_of(const ReceiveRequest& request) {
  if (!request.several.empty()) {
    return engine::ReceiveSeveral{.queues = request.several,
                                  .max_messages = request.max_messages,
                                  .max_bytes = request.max_bytes,
                                  .visibility_ms = request.visibility_ms};
  }
  return engine::Receive{.queue = request.queue,
                         .max_messages = request.max_messages,
                         .max_bytes = request.max_bytes,
                         .visibility_ms = request.visibility_ms,
                         .erase = request.erase,
                         .attempt_id = as_bytes(request.attempt_id),
                         .bind_to_session = request.bind_to_session};
}

/// `keep` is a request 0 of the session, which no session remembers: it only puts off the session's end.
engine::CommandBody command_of(const SessionRequest& request) {
  switch (request.verb) {
    case SessionRequest::Verb::open: return engine::OpenSession{request.session};
    case SessionRequest::Verb::close: return engine::CloseSession{request.session};
    case SessionRequest::Verb::keep: break;
  }
  return engine::Tick{};
}

engine::Origin origin_of(const Request& request) {
  if (request.kind != Kind::session) return request.origin;
  const auto& session = static_cast<const SessionRequest&>(request);
  if (session.verb != SessionRequest::Verb::keep) return {};
  return {.session = session.session, .sequence = 0, .principal = {}};
}

engine::PutSchedule command_of(const ScheduleRequest& request) {
  engine::PutSchedule put;
  put.queue = request.queue;
  put.name = request.name;
  put.specification = request.specification;
  put.zone = request.zone;
  put.missed = request.missed;
  put.anchor = request.anchor;
  put.item = request.items.front();
  put.runs_ms = request.runs_ms;
  return put;
}

engine::CommandBody command_of(const CalendarRequest& request) {
  if (request.kind == Kind::set_window) {
    return engine::SetWindow{request.queue, request.version, request.open, request.times_ms};
  }
  return engine::ExtendSchedule{request.queue, request.name, request.version, request.times_ms};
}

engine::CommandBody catalog_command_of(const CatalogRequest& request) {
  switch (request.kind) {
    case Kind::create_queue: return engine::CreateQueue{request.name, request.options};
    case Kind::update_queue: return engine::UpdateQueue{request.name, request.queue, request.options};
    case Kind::pause_queue: return engine::PauseQueue{request.name, request.queue, request.flag};
    default: return engine::DeleteQueue{request.name, request.queue, request.flag};
  }
}

/// A view of the request: it lives as long as the request does.
engine::CommandBody command_of(const Request& request) {
  if (request.answered) return engine::Tick{};  // its origin is all that counts
  switch (request.kind) {
    case Kind::send: {
      const auto& send = static_cast<const SendRequest&>(request);
      return engine::Send{send.queue, send.atomic, send.items};
    }
    case Kind::receive: return command_of(static_cast<const ReceiveRequest&>(request));
    case Kind::settle: {
      const auto& settle = static_cast<const SettleRequest&>(request);
      return engine::Settle{settle.queue, settle.verb, settle.items};
    }
    case Kind::kick: {
      const auto& kick = static_cast<const KickRequest&>(request);
      return engine::Kick{kick.queue, kick.ids, kick.max_messages};
    }
    case Kind::purge: return engine::Purge{request.queue};
    case Kind::transact: return engine::Transact{static_cast<const TransactRequest&>(request).views};
    case Kind::cancel_messages: {
      return engine::Cancel{request.queue, static_cast<const CancelMessagesRequest&>(request).ids};
    }
    case Kind::change_group: {
      const auto& change = static_cast<const ChangeGroupRequest&>(request);
      return engine::ChangeGroup{change.queue, change.verb, as_bytes(change.group_id)};
    }
    case Kind::start_redrive: {
      auto command = static_cast<const RedriveRequest&>(request).command;
      command.queue = request.queue;
      return command;
    }
    case Kind::stop_redrive: return engine::StopRedrive{request.queue};
    case Kind::put_schedule: return command_of(static_cast<const ScheduleRequest&>(request));
    case Kind::remove_schedule:
      return engine::RemoveSchedule{request.queue, static_cast<const ScheduleRequest&>(request).name};
    case Kind::move: return Core::arrival_of(static_cast<const MoveRequest&>(request));
    case Kind::moved: {
      const auto& moved = static_cast<const MovedRequest&>(request);
      return engine::Moved{moved.key.queue, moved.key.target, moved.key.transfer, moved.refused};
    }
    case Kind::set_window:
    case Kind::extend_schedule: return command_of(static_cast<const CalendarRequest&>(request));
    case Kind::session: return command_of(static_cast<const SessionRequest&>(request));
    case Kind::configure: return static_cast<const ConfigureRequest&>(request).configure;
    case Kind::configured: {
      const auto& config = static_cast<const ConfigureRequest&>(request).configure.config;
      return engine::Configured{config.id, config.version};
    }
    case Kind::epoch: {
      const auto& epoch = static_cast<const EpochRequest&>(request);
      if (!epoch.starts_anew) return engine::Tick{};
      return engine::NewEpoch{epoch.number_floor};
    }
    default: return catalog_command_of(static_cast<const CatalogRequest&>(request));
  }
}

/// Calls `visit` with each queue that the request sends to, and the messages.
template <class Visit>
void visit_sends(const Request& request, Visit visit) {
  if (request.kind == Kind::send) {
    visit(request.queue, static_cast<const SendRequest&>(request).items);
  } else if (request.kind == Kind::transact) {
    for (const auto& part : static_cast<const TransactRequest&>(request).parts) {
      if (!part.sends.items.empty()) visit(part.queue, part.sends.items);
    }
  }
}

/// What of a send can be handed out in the same entry.
Supply deliverable_in(const std::vector<engine::SendItem>& items, const engine::QueueConfig* config) {
  if (config == nullptr || config->paused || config->options.delay.count() > 0) return {};
  Supply out;
  std::set<std::string_view> groups;
  for (const auto& item : items) {
    if (item.due.ms != 0) continue;
    ++out.messages;
    if (config->options.type == QueueType::fifo) groups.insert(as_text(item.group_id));
  }
  out.groups = groups.size();
  return out;
}

std::uint64_t less(std::uint64_t count, std::uint64_t by) { return count - std::min(count, by); }

}  // namespace

/// Cuts and applies what is possible now; true when something was done, so that it is worth another look.
bool Core::pump(Shard& shard) {
  bool moved = false;
  advance_lines(shard);
  while (may_cut(shard)) {
    if (!cut(shard)) break;
    moved = true;
    if (shard.keep == Keep::memory) apply_committed(shard);
  }
  return apply_committed(shard) || moved;
}

bool Core::may_cut(const Shard& shard) const {
  if (shard.is_stopped() || abandoned_) return false;
  if (shard.pending.empty() && !shard.tick_now && shard.hot.empty()) return false;
  if (shard.keep == Keep::memory) return true;
  if (retry_write_at_ != SteadyTime::never() || shard.machine->over_budget()) return false;
  if (shard.under_way_bytes > limits::unapplied_shard_bytes_max) return false;
  if (unapplied_bytes_ > limits::unapplied_node_bytes_max) return false;
  if (shard.keep == Keep::interval) return !is_opening(shard);
  return writer_.idle() || shard.pending_bytes >= limits::entry_size_aim;
}

bool Core::cut(Shard& shard) {
  EntryUnderWay entry;
  auto& header = entry.header;
  header.stamps = shard.stamper->stamp();
  header.proposer = parts_.store->identity().peer;
  header.expiry_halted = clock_suspect_;
  header.storage_full = shard.keep != Keep::memory && !accepts_sends();
  entry.stamped_at = shard.stamper->steady_at(header.stamps.lease);
  entry.stamped_lease = header.stamps.lease;
  shard.commands.clear();
  add_pending(shard, entry);
  if (shard.queues != nullptr) add_riders(shard, entry);
  if (shard.commands.empty()) {
    if (!std::exchange(shard.tick_now, false)) return false;
    shard.commands.push_back({{}, engine::Tick{}});
    entry.requests.push_back(nullptr);
  }
  shard.tick_now = false;
  shard.stamped_at = now_;
  // What is never written is applied as it is.
  if (shard.keep != Keep::memory) entry.bytes = parts_.codec->encode_entry(header, shard.commands);
  const std::size_t bytes = entry.bytes.size();
  port::ReplicatorUpdate update;
  auto index = shard.replicator->propose(port::EntryType::command, entry.bytes, update);
  PEERQ_ASSERT(index.has_value());  // a single peer always leads
  entry.index = *index;
  shard.under_way.push_back(std::move(entry));
  shard.under_way_bytes += bytes;
  if (shard.keep != Keep::memory) unapplied_bytes_ += bytes;
  carry_out(shard, std::move(update), bytes);
  return true;
}

void Core::add_pending(Shard& shard, EntryUnderWay& entry) {
  std::size_t bytes = 0;
  while (!shard.pending.empty() &&
         (bytes == 0 || bytes + shard.pending.front()->pending_bytes <= limits::entry_size_aim)) {
    auto request = std::move(shard.pending.front());
    shard.pending.pop_front();
    shard.pending_bytes -= request->pending_bytes;
    bytes += request->pending_bytes;
    request->stage = Stage::proposed;
    shard.commands.push_back({origin_of(*request), command_of(*request)});
    entry.requests.push_back(std::move(request));
  }
}

/// Receivers that wait ride behind the sends that feed them: one commit from send to delivery.
void Core::add_riders(Shard& shard, EntryUnderWay& entry) {
  if (shard.waiters.empty()) return shard.hot.clear();
  shard.arriving.clear();
  for (const auto& request : entry.requests) {
    visit_sends(*request, [&shard](QueueId queue, const std::vector<engine::SendItem>& items) {
      if (!shard.waiters.waiting(queue)) return;
      shard.hot.insert(queue);
      shard.arriving.emplace_back(queue, deliverable_in(items, shard.queues->config(queue)));
    });
  }
  if (shard.hot.empty()) return;
  const auto before = [](const auto& one, const auto& other) { return one.first < other.first; };
  std::sort(shard.arriving.begin(), shard.arriving.end(), before);
  std::vector<QueueId> hot(shard.hot.begin(), shard.hot.end());
  std::sort(hot.begin(), hot.end());
  auto sent = shard.arriving.begin();
  for (const QueueId queue : hot) {
    Supply more;
    while (sent != shard.arriving.end() && sent->first < queue) ++sent;
    for (; sent != shard.arriving.end() && sent->first == queue; ++sent) {
      more.messages += sent->second.messages;
      more.groups += sent->second.groups;
    }
    const std::size_t receivers = std::min(shard.waiters.count(queue), riders_max);
    ride(shard, entry, queue, supply_of(shard, queue, more, receivers));
  }
}

Supply Core::promised_of(const Shard& shard, QueueId queue) {
  const auto promised = shard.promised.find(queue);
  return promised == shard.promised.end() ? Supply{} : promised->second;
}

bool Core::gives_groups(Shard& shard, QueueId queue) {
  const engine::QueueConfig* config = shard.queues->config(queue);
  return config != nullptr && config->options.type == QueueType::fifo;
}

/// What so many receivers may get beyond what others were promised, with what is sent to the queue. Only a
/// FIFO queue's groups are counted: of a deep one that gives to one receiver, not all are to be woken (S22).
Supply Core::supply_of(Shard& shard, QueueId queue, Supply sent, std::size_t receivers) {
  const Supply promised = promised_of(shard, queue);
  Supply out{less(shard.queues->deliverable(queue) + sent.messages, promised.messages), receivers};
  if (out.messages == 0 || !gives_groups(shard, queue)) return out;
  const std::uint64_t open = shard.queues->open_groups(queue, receivers + promised.groups);
  out.groups = less(open + sent.groups, promised.groups);
  return out;
}

void Core::ride(Shard& shard, EntryUnderWay& entry, QueueId queue, Supply left) {
  shard.hot.erase(queue);
  const bool groups = gives_groups(shard, queue);
  for (std::size_t riders = 0; left.messages > 0 && left.groups > 0; ++riders) {
    ReceiveRequest* first = shard.waiters.first(queue);
    if (first == nullptr) return;
    if (riders == riders_max) {
      shard.hot.insert(queue);
      return;
    }
    auto waiter = shard.waiters.remove(*first);
    waiter->stage = Stage::proposed;
    // What is taken out at once leaves its group open.
    waiter->promised = {std::min<std::uint64_t>(waiter->max_messages, left.messages),
                        groups && !waiter->erase ? 1U : 0U};
    waiter->promised_on = queue;
    Supply& promised = shard.promised[queue];
    promised.messages += waiter->promised.messages;
    promised.groups += waiter->promised.groups;
    left.messages -= waiter->promised.messages;
    left.groups -= waiter->promised.groups;
    shard.commands.push_back({waiter->origin, command_of(*waiter)});
    entry.requests.push_back(std::move(waiter));
  }
}

void Core::carry_out(Shard& shard, port::ReplicatorUpdate&& update, std::size_t bytes) {
  if (!update.writes.empty()) {
    shard.log_bytes += bytes;
    const bool urgent = shard.keep == Keep::durable;
    if (!urgent && shard.write_by == SteadyTime::never()) shard.write_by = now_ + sync_interval_;
    writer_.enqueue(std::move(update.writes), urgent);
  }
  shard.committed = std::max(shard.committed, update.committed);
}

}  // namespace peerq::node
