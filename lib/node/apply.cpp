// What a committed entry causes: answers, deliveries, waiters that go back in line, events.

#include <algorithm>
#include <utility>

#include "node/core.hpp"

namespace peerq::node {

namespace {

/// Whoever has a queue's handle had the queue: what the shard does not know any more was deleted (S7).
Error error_of(const Request& request) {
  const auto& reply = request.reply;
  const bool by_handle = request.kind == Kind::send || request.kind == Kind::receive ||
                         request.kind == Kind::settle || request.kind == Kind::kick ||
                         request.kind == Kind::purge || request.kind == Kind::cancel_messages ||
                         request.kind == Kind::change_group || request.kind == Kind::transact ||
                         request.kind == Kind::start_redrive || request.kind == Kind::stop_redrive ||
                         request.kind == Kind::put_schedule || request.kind == Kind::remove_schedule;
  if (by_handle && reply.code == errc::queue_not_found) return errc::queue_deleted;
  return {reply.code, reply.detail};
}

/// What a receive is told when its messages cannot be handed to it: it took them out, or it leased them,
/// which ends by itself.
Error lost_answer(const Request& request, Error error) {
  if (request.kind != Kind::receive || !static_cast<const ReceiveRequest&>(request).erase) return error;
  return {errc::outcome_unknown, error.text()};
}

}  // namespace

bool Core::apply_committed(Shard& shard) {
  bool applied = false;
  while (!shard.is_stopped() && !shard.under_way.empty() &&
         shard.under_way.front().index <= shard.committed) {
    EntryUnderWay entry = std::move(shard.under_way.front());
    shard.under_way.pop_front();
    shard.under_way_bytes -= entry.bytes.size();
    if (shard.keep != Keep::memory) unapplied_bytes_ -= entry.bytes.size();
    apply_entry(shard, entry);
    applied = true;
  }
  return applied;
}

void Core::apply_entry(Shard& shard, EntryUnderWay& entry) {
  shard.due_known = false;
  shard.changed = true;
  shard.effects.clear();
  auto view = view_of(shard, entry);
  Result<void> applied =
      view ? shard.machine->apply(entry.index, shard.replicator->term(), *view, shard.effects)
           : Result<void>(view.error());
  if (!applied) {
    // The entry stays in the log and is applied at an open that finds the tables repaired.
    const Error unknown(errc::outcome_unknown, applied.error().text());
    for (auto& request : entry.requests) finish(request, unknown);
    return stop_shard(shard, applied.error());
  }
  PEERQ_ASSERT(shard.effects.replies.size() == entry.requests.size());
  shard.more_due = shard.effects.more_due;
  for (const QueueId queue : shard.effects.ready) {
    if (shard.waiters.waiting(queue)) shard.hot.insert(queue);
  }
  for (const QueueId queue : shard.effects.calendars) shard.calendars.insert(queue);
  for (std::size_t i = 0; i < entry.requests.size(); ++i) {
    auto& request = entry.requests[i];
    if (request == nullptr) continue;
    request->stamped_at = entry.stamped_at;
    request->stamped_lease = entry.stamped_lease;
    deliver_reply(shard, request, std::move(shard.effects.replies[i]));
  }
  shard.rooms.insert(shard.effects.room.begin(), shard.effects.room.end());
  for (const QueueId queue : shard.effects.moving) shard.moves.begun.insert(queue);
  if (!shard.effects.outcomes.empty()) wake_outcomes(shard);
  if (shard.id == data_shard) delete_reply_queues(shard.effects.sessions);
  for (const QueueId queue : shard.effects.deleted) {
    for (const auto& waiter : shard.waiters.take_all(queue)) finish(waiter, Error(errc::queue_deleted));
    end_line(shard, queue, Error(errc::queue_deleted));
  }
  if (!shard.effects.events.empty()) report(shard);
}

Result<engine::EntryView> Core::view_of(Shard& shard, const EntryUnderWay& entry) {
  if (shard.keep != Keep::memory) return shard.decoder->decode(entry.bytes);
  return engine::EntryView{.header = entry.header, .commands = shard.commands, .bytes = {}};
}

void Core::deliver_reply(Shard& shard, const std::shared_ptr<Request>& request, engine::Reply&& reply) {
  request->reply = std::move(reply);
  if (request->kind == Kind::receive)
    return deliver_receive(shard, std::static_pointer_cast<ReceiveRequest>(request));
  if (request->kind == Kind::send) {
    auto send = std::static_pointer_cast<SendRequest>(request);
    left_entry(shard, *send);
    if (waits_on(shard, send)) return;
  }
  if (request->kind == Kind::session)
    return session_applied(shard, std::static_pointer_cast<SessionRequest>(request));
  if (request->stage == Stage::finished) return;  // its deadline passed: the outcome was reported as unknown
  if (request->kind == Kind::move) return move_applied(std::static_pointer_cast<MoveRequest>(request));
  if (request->reply.code != errc::ok) return finish(request, error_of(*request));
  if (Error other = check_repeated(*request); other.code != errc::ok)
    return finish(request, std::move(other));
  switch (request->kind) {
    case Kind::create_queue:
    case Kind::update_queue:
    case Kind::pause_queue:
    case Kind::delete_queue: return catalog_applied(std::static_pointer_cast<CatalogRequest>(request));
    case Kind::configure: return configure_applied(std::static_pointer_cast<ConfigureRequest>(request));
    default: return finish(request);
  }
}

/// It rode, and has what it was promised, or less.
void Core::end_promise(Shard& shard, ReceiveRequest& request) {
  const Supply had = std::exchange(request.promised, {});
  if (had.messages == 0) return;
  const QueueId queue = request.promised_on;
  const auto promised = shard.promised.find(queue);
  promised->second.messages -= had.messages;
  promised->second.groups -= had.groups;
  if (promised->second.messages == 0) shard.promised.erase(promised);
  if (!shard.waiters.waiting(queue)) return;
  // It may have left an open group or taken from another queue: others look again. Not for what found
  // nothing, or all would take turns in finding nothing.
  const bool ended = !request.reply.grants.empty() || request.reply.code != errc::ok;
  if (!request.several.empty() || (ended && gives_groups(shard, queue))) shard.hot.insert(queue);
}

void Core::deliver_receive(Shard& shard, std::shared_ptr<ReceiveRequest> request) {
  end_promise(shard, *request);
  auto& reply = request->reply;
  // What was taken out cannot be given back: a receive that was cancelled too late gets it (S69).
  const bool cancelled = request->cancelled && !(request->erase && !reply.grants.empty());
  if (request->stage == Stage::finished || cancelled) {
    // What a repeated request is shown was given to the first.
    if (!reply.grants.empty() && !request->erase && !request->answered) give_back(shard, *request);
    return finish(request, Error(errc::cancelled));
  }
  if (reply.code != errc::ok) return finish(request, error_of(*request));
  if (Error other = check_repeated(*request); other.code != errc::ok)
    return finish(request, std::move(other));
  if (!reply.grants.empty()) {
    request->epoch = shard.queues->receipt_epoch(request->queue);
    if (!request->several.empty()) {
      for (const auto& grant : reply.grants)
        request->epochs.push_back(shard.queues->receipt_epoch(grant.queue));
    }
    const auto cold = [](const engine::Grant& grant) { return grant.payload.cold != nullptr; };
    const bool any_cold = std::any_of(reply.grants.begin(), reply.grants.end(), cold);
    return any_cold ? fetch_cold(request) : finish(request);
  }
  if (reply.skipped) request->visit_queues([&](QueueId queue) { shard.hot.insert(queue); });
  if (request->answered || request->wait_until <= now_ || closing_.load(std::memory_order_relaxed))
    return finish(request);
  wait_in_line(shard, std::move(request));
}

/// A place in line, of which there are so many (S83). One receive with an attempt id takes the place of the
/// other (S21).
void Core::wait_in_line(Shard& shard, std::shared_ptr<ReceiveRequest> request) {
  if (ReceiveRequest* former = shard.waiters.waiting_as(request->queue, request->attempt_id)) {
    request->ticket = former->ticket;
    finish(shard.waiters.remove(*former), Error(errc::cancelled));
  }
  const bool is_new = request->ticket == 0;
  if (is_new && shard.waiters.count() >= limits::waiters_max) {
    return finish(
        request, Error(errc::limit_exceeded, "waiters, the limit is " + std::to_string(limits::waiters_max)));
  }
  shard.waiters.add(std::move(request));
}

/// Nobody takes what this receive was granted: back to the queue, uncounted (S23).
void Core::give_back(Shard& shard, const ReceiveRequest& request) {
  request.visit_queues([&](QueueId queue) {
    auto settle = std::make_shared<SettleRequest>();
    settle->queue = queue;
    settle->shard = shard.id;
    settle->verb = engine::Verb::release;
    for (const auto& grant : request.reply.grants) {
      if (grant.queue == queue) settle->items.push_back({.lease = grant.lease, .reason = {}, .result = {}});
    }
    if (!settle->items.empty()) push_pending(shard, std::move(settle), 128);
  });
}

/// Reads cold payloads where waiting for the disk holds up nobody, then completes the request. If the lane
/// was stopped before, the request ends with `closed`.
template <class Fetch>
class Core::FetchTask {
 public:
  FetchTask(std::shared_ptr<Core> core, std::shared_ptr<Request> request, Fetch fetch)
      : core_(std::move(core)), request_(std::move(request)), fetch_(std::move(fetch)) {}
  FetchTask(FetchTask&&) noexcept = default;
  FetchTask& operator=(FetchTask&&) = delete;
  ~FetchTask() {
    if (core_ != nullptr) core_->complete_outside(request_, errc::closed);
  }
  void operator()() {
    const auto core = std::move(core_);
    core->complete_outside(request_, fetch_());
  }

 private:
  std::shared_ptr<Core> core_;
  std::shared_ptr<Request> request_;
  Fetch fetch_;
};

void Core::fetch_cold(const std::shared_ptr<ReceiveRequest>& request) {
  request->stage = Stage::fetching;
  auto fetch = [request] { return fetch_all(request->reply.grants); };
  parts_.executor->post(port::Lane::helper, FetchTask(shared_from_this(), request, std::move(fetch)));
}

void Core::fetch_cold_page(const std::shared_ptr<QueryRequest>& request) {
  request->stage = Stage::fetching;
  auto fetch = [request] { return fetch_all(request->page.messages); };
  parts_.executor->post(port::Lane::helper, FetchTask(shared_from_this(), request, std::move(fetch)));
}

/// The payloads of grants or of messages shown.
template <class Rows>
Error Core::fetch_all(Rows& rows) {
  Error error;
  for (auto& row : rows) {
    if (error.code == errc::ok) error = fetch_one(row.payload);
  }
  return error;
}

Error Core::fetch_one(engine::Payload& payload) {
  if (payload.cold == nullptr) return {};
  auto bytes = payload.cold->fetch();
  payload.cold.reset();
  if (!bytes) return bytes.error();
  payload.bytes = std::move(*bytes);
  return {};
}

/// From the helper lane, without the token: the core does not touch a request that is being fetched.
void Core::complete_outside(const std::shared_ptr<Request>& request, Error error) {
  if (error.code != errc::ok && error.code != errc::closed) report_damage(request->shard, error);
  request->error = error.code == errc::ok ? Error() : lost_answer(*request, std::move(error));
  Done done{request};
  complete(done);
}

void Core::report(const Shard& shard) {
  for (const auto& event : shard.effects.events) {
    const engine::QueueConfig* config = shard.queues != nullptr ? shard.queues->config(event.queue) : nullptr;
    const std::string_view name = config != nullptr ? std::string_view(config->name) : std::string_view();
    switch (event.kind) {
      case engine::EventKind::expired:
        parts_.observer->event(NodeEvent::message_expired, name, event.count);
        break;
      case engine::EventKind::dead_lettered:
        parts_.observer->event(NodeEvent::message_dead_lettered, name, event.count);
        break;
      case engine::EventKind::parked:
        parts_.observer->event(NodeEvent::message_parked, name, event.count);
        break;
      case engine::EventKind::lease_lapsed:
        parts_.observer->event(NodeEvent::lease_lapsed, name, event.count);
        break;
      case engine::EventKind::dropped: break;
    }
  }
}

/// Whether the shard serves nothing: also when it met damage while it was only asked, which shows here first.
bool Core::has_stopped(Shard& shard) {
  if (shard.is_stopped() || shard.machine == nullptr) return shard.is_stopped();
  if (const Error& damage = shard.machine->damage(); damage.code != errc::ok) stop_shard(shard, damage);
  return shard.is_stopped();
}

/// The shard serves nothing any more; what was proposed has an unknown outcome.
void Core::stop_shard(Shard& shard, Error error) {
  if (shard.is_stopped()) return;
  shard.stopped = std::move(error);
  parts_.observer->log(LogLevel::error, shard.name + " shard stopped: " + shard.stopped.text());
  parts_.observer->event(NodeEvent::shard_stopped, shard.name, 1);
  fail_everything(shard, shard.stopped);
}

void Core::fail_everything(Shard& shard, const Error& error) {
  const Error unknown(failed_.code != errc::ok ? errc::node_failed : errc::outcome_unknown, error.detail);
  for (auto& entry : shard.under_way) {
    for (auto& request : entry.requests) finish(request, unknown);
    if (shard.keep != Keep::memory) unapplied_bytes_ -= entry.bytes.size();
  }
  shard.under_way.clear();
  shard.under_way_bytes = 0;
  for (auto& request : shard.pending) finish(request, error);
  shard.pending.clear();
  shard.pending_bytes = 0;
  for (const QueueId queue : shard.waiters.queues()) {
    for (const auto& waiter : shard.waiters.take_all(queue)) finish(waiter, error);
  }
  end_outcomes(shard, error);
  end_lines(shard, error);
  shard.lines.clear();
  shard.rooms.clear();
  shard.hot.clear();
  shard.promised.clear();
}

}  // namespace peerq::node
