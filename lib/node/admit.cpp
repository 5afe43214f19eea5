// The gate: every request passes here first. Checks that need no log entry, and where it goes from here
// (S60).

#include <algorithm>
#include <string>

#include "node/core.hpp"
#include "peerq/engine/validate.hpp"

namespace peerq::node {

namespace {

Error too_large(std::uint64_t size, std::uint64_t limit) {
  return {errc::message_too_large,
          std::to_string(size) + " bytes, the queue's max_message_size is " + std::to_string(limit)};
}

}  // namespace

void Core::admit(const std::shared_ptr<Request>& request) {
  if (request->deadline < next_deadline_) next_deadline_ = request->deadline;
  if (request->cancelled) return finish(request, Error(errc::cancelled));
  switch (request->kind) {
    case Kind::cancel: return admit_cancel(static_cast<const CancelRequest&>(*request));
    case Kind::call_at: return admit_call(request);
    case Kind::damage:
      stop_shard(shard(request->shard), static_cast<const DamageRequest&>(*request).damage);
      return finish(request);
    case Kind::moves_read: moves_read(static_cast<ReadMovesRequest&>(*request)); return finish(request);
    default: break;
  }
  if (closing_.load(std::memory_order_relaxed)) return finish(request, Error(errc::closed));
  switch (request->kind) {
    case Kind::create_queue:
    case Kind::update_queue:
    case Kind::pause_queue:
    case Kind::delete_queue:
    case Kind::find_queue:
    case Kind::list_queues: return admit_catalog(request);
    case Kind::usage:
      static_cast<UsageRequest&>(*request).usage = parts_.store->usage();
      return finish(request);
    default: break;
  }
  Shard& shard = this->shard(request->shard);
  if (has_stopped(shard)) return finish(request, shard.stopped);
  if (request->kind == Kind::session) return admit_session(request, shard);
  if (Error error = check_queue(shard, *request); error.code != errc::ok) {
    return has_stopped(shard) ? finish(request, shard.stopped) : finish(request, std::move(error));
  }
  if (request->origin.session.value != 0) {
    touch_session(*request);
    request->answered = was_answered(shard, *request);
    if (request->answered) return push_pending(shard, request, command_bytes);
  }
  switch (request->kind) {
    case Kind::send: return admit_send(request, shard);
    case Kind::receive: return admit_receive(request, shard);
    case Kind::settle: return admit_settle(request, shard);
    case Kind::transact: return admit_transact(request, shard);
    case Kind::kick:
    case Kind::purge:
    case Kind::start_redrive:
    case Kind::stop_redrive:
    case Kind::remove_schedule:
    case Kind::change_group: return push_pending(shard, request, command_bytes);
    case Kind::put_schedule: return admit_schedule(request, shard);
    case Kind::outcome: return admit_outcome(request, shard);
    case Kind::cancel_messages: {
      const auto count = static_cast<const CancelMessagesRequest&>(*request).ids.size();
      return push_pending(shard, request, command_bytes + sizeof(MessageId) * count);
    }
    case Kind::facts:
    case Kind::page:
    case Kind::get:
    case Kind::explain:
    case Kind::redrive_status:
    case Kind::schedules:
    case Kind::groups: return answer_query(request, shard);
    default: return finish(request, Error(errc::not_supported));
  }
}

/// The queue must be one of this shard's: handles come from the catalog, so an unknown one was deleted.
Error Core::check_queue(const Shard& shard, const Request& request) const {
  if (shard.queues->config(request.queue) == nullptr) return errc::queue_deleted;
  return {};
}

void Core::admit_send(const std::shared_ptr<Request>& request, Shard& shard) {
  auto& send = static_cast<SendRequest&>(*request);
  if (Error error = check_sizes(shard, send.queue, send, send.atomic); error.code != errc::ok) {
    if (send.atomic || send.items.size() == 1) return finish(request, std::move(error));
    send.reply.items.assign(send.items.size(), {.code = errc::message_too_large});
    return finish(request);
  }
  if (Error error = check_room(shard, send.payload_bytes); error.code != errc::ok) {
    return finish(request, std::move(error));
  }
  identify_by_content(shard, send.queue, send);
  admit_to_line(shard, std::static_pointer_cast<SendRequest>(request));
}

/// Refuses what the engine would refuse, before any I/O: `all` messages must have the size, or at least one.
Error Core::check_sizes(const Shard& shard, QueueId queue, const Outgoing& sent, bool all) const {
  const auto limit = shard.queues->config(queue)->options.max_message_size;
  const auto& items = sent.items;
  const auto oversized = [limit](const engine::SendItem& item) { return item.counted_bytes > limit; };
  const auto first = std::find_if(items.begin(), items.end(), oversized);
  const bool refused = all ? first != items.end() : std::all_of(items.begin(), items.end(), oversized);
  return refused ? too_large(first->counted_bytes, limit) : Error();
}

/// Makes the deduplication ids that the sender left to the queue (S17). Whether it makes them is known here
/// alone; their digests were made by the sender's thread, unless its handle was not told yet.
void Core::identify_by_content(const Shard& shard, QueueId queue, Outgoing& send) {
  send.content_based = shard.queues->config(queue)->options.content_based_deduplication;
  if (!send.content_based) return;
  if (send.digests.size() != send.items.size()) {
    send.digests.clear();
    for (const SharedBytes& payload : send.payloads) {
      const auto view = parts_.codec->read_message(payload);
      PEERQ_ASSERT(view.has_value());  // made by this very codec
      send.digests.push_back(parts_.digest->of(view->body));
    }
  }
  for (std::size_t i = 0; i < send.items.size(); ++i) {
    auto& id = send.items[i].deduplication_id;
    if (id.empty()) id = send.digests[i];
  }
}

/// A schedule is kept: it needs room as a message does.
void Core::admit_schedule(const std::shared_ptr<Request>& request, Shard& shard) {
  const std::size_t bytes = static_cast<const ScheduleRequest&>(*request).payload_bytes;
  if (Error error = check_room(shard, bytes); error.code != errc::ok) {
    return finish(request, std::move(error));
  }
  // It counts from the shard's time: the calendar may be behind that, or not believed (S64).
  auto& schedule = static_cast<ScheduleRequest&>(*request);
  schedule.anchor = shard.stamper->peek().wall;
  auto runs = parts_.calendar->runs(schedule.specification, schedule.zone, schedule.anchor, schedule.anchor,
                                    limits::schedule_runs);
  if (!runs) return finish(request, std::move(runs).error());
  for (const WallTime run : *runs) schedule.runs_ms.push_back(run.ms);
  push_pending(shard, request, bytes + 1024);
}

void Core::admit_receive(const std::shared_ptr<Request>& request, Shard& shard) {
  const auto& receive = static_cast<const ReceiveRequest&>(*request);
  if (!receive.several.empty()) return admit_receive_several(request, shard);
  if (shard.waiters.waiting_as(receive.queue, receive.attempt_id) != nullptr) {
    return wait_in_line(shard, std::static_pointer_cast<ReceiveRequest>(request));
  }
  const QueueId queue = receive.queue;
  const bool in_line = shard.waiters.waiting(queue);
  const bool waits = receive.wait_until > now_;
  const bool at_once = can_get(shard, queue) && !(in_line && waits);
  if (at_once || is_repeated(shard, receive)) return push_pending(shard, request, command_bytes);
  if (!waits) return has_stopped(shard) ? finish(request, shard.stopped) : finish(request);
  wait_in_line(shard, std::static_pointer_cast<ReceiveRequest>(request));
  if (in_line) shard.hot.insert(queue);
}

/// As `admit_receive`, of queues each of which may have something (S27).
void Core::admit_receive_several(const std::shared_ptr<Request>& request, Shard& shard) {
  const auto& receive = static_cast<const ReceiveRequest&>(*request);
  const bool waits = receive.wait_until > now_;
  bool known = true;
  bool at_once = false;
  receive.visit_queues([&](QueueId queue) {
    known = known && shard.queues->config(queue) != nullptr;
    at_once = at_once || (can_get(shard, queue) && !(shard.waiters.waiting(queue) && waits));
  });
  if (has_stopped(shard)) return finish(request, shard.stopped);
  if (!known) return finish(request, Error(errc::queue_deleted));
  if (at_once) return push_pending(shard, request, command_bytes + 16 * receive.several.size());
  if (!waits) return finish(request);
  receive.visit_queues([&](QueueId queue) {
    if (shard.waiters.waiting(queue)) shard.hot.insert(queue);
  });
  wait_in_line(shard, std::static_pointer_cast<ReceiveRequest>(request));
}

/// Something may be handed out now beyond what those before it get, or falls due now.
bool Core::can_get(Shard& shard, QueueId queue) {
  const std::size_t in_line = shard.waiters.count(queue);
  if (in_line == 0 && due_at(shard) <= now_) return true;
  if (shard.queues->deliverable(queue) <= promised_of(shard, queue).messages + in_line) return false;
  return supply_of(shard, queue, {}, in_line + 1).groups > in_line;
}

/// Whether leases of this attempt live, or may live once what is under way is applied: it is answered by them
/// and waits for nothing (S21).
bool Core::is_repeated(const Shard& shard, const ReceiveRequest& receive) {
  if (receive.attempt_id.empty()) return false;
  if (shard.queues->remembers(receive.queue, receive.attempt_id)) return true;
  const auto is_same = [&receive](const std::shared_ptr<Request>& other) {
    if (other == nullptr || other->kind != Kind::receive || other->queue != receive.queue) return false;
    return static_cast<const ReceiveRequest&>(*other).attempt_id == receive.attempt_id;
  };
  const auto has_same = [&](const auto& requests) {
    return std::any_of(requests.begin(), requests.end(), is_same);
  };
  const auto carries = [&](const EntryUnderWay& entry) { return has_same(entry.requests); };
  return has_same(shard.pending) || std::any_of(shard.under_way.begin(), shard.under_way.end(), carries);
}

void Core::admit_settle(const std::shared_ptr<Request>& request, Shard& shard) {
  auto& settle = static_cast<SettleRequest&>(*request);
  std::size_t results = 0;
  for (const SharedBytes& result : settle.results) results += result.bytes().size();
  // A result is kept (S77) and needs room as a message does; a delete without one needs none (S54).
  if (Error error = check_room(shard, results); results > 0 && error.code != errc::ok) {
    return finish(request, std::move(error));
  }
  outdate(shard, settle.queue, settle.items, settle.epochs);
  push_pending(shard, request, command_bytes + 24 * settle.items.size() + results);
}

/// A receipt of an older epoch can name nothing that is leased now: attempt 0 is older than every lease
/// (S58).
void Core::outdate(const Shard& shard, QueueId queue, std::vector<engine::SettleItem>& items,
                   const std::vector<std::uint32_t>& epochs) {
  const auto epoch = shard.queues->receipt_epoch(queue);
  for (std::size_t i = 0; i < epochs.size(); ++i) {
    if (epochs[i] != epoch) items[i].lease.attempt = 0;
  }
}

void Core::admit_catalog(const std::shared_ptr<Request>& request) {
  auto& catalog = static_cast<CatalogRequest&>(*request);
  Shard& shard = this->shard(catalog_shard);
  if (shard.is_stopped()) return finish(request, shard.stopped);
  if (catalog.kind == Kind::find_queue) return find_queue(request);
  if (catalog.kind == Kind::list_queues) {
    list_queues(catalog);
    return has_stopped(shard) ? finish(request, shard.stopped) : finish(request);
  }
  if (catalog.kind == Kind::create_queue && !accepts_sends()) {
    if (answer_existing(request)) return;
    return finish(request, Error(errc::storage_full));
  }
  push_pending(shard, request, 1024);
}

/// Queues of the node's own are shown to who asks for them.
void Core::list_queues(CatalogRequest& request) {
  constexpr std::string_view own = "_sys.";
  const bool all = request.prefix.starts_with(own);
  std::string after = request.after;
  while (request.configs.size() < request.max) {
    auto page = parts_.store->catalog().list(request.prefix, after, request.max - request.configs.size());
    if (page.empty()) return;
    after = page.back().name;
    if (!all && after.starts_with(own)) after = "_sys/";  // behind the last of them
    for (auto& config : page) {
      if (all || !config.name.starts_with(own)) request.configs.push_back(std::move(config));
    }
  }
}

/// A queue that is there with these parameters needs no room: who drains a full disk gets its handle (S6).
bool Core::answer_existing(const std::shared_ptr<Request>& request) {
  auto& catalog = static_cast<CatalogRequest&>(*request);
  auto found = parts_.store->catalog().find(catalog.name);
  if (!found || !engine::first_difference(found->options, catalog.options).empty()) return false;
  if (!is_configured(*found)) return false;
  catalog.configs.push_back(std::move(*found));
  finish(request);
  return true;
}

/// Damage must not look like a queue that is not there.
void Core::find_queue(const std::shared_ptr<Request>& request) {
  auto& catalog = static_cast<CatalogRequest&>(*request);
  Shard& shard = this->shard(catalog_shard);
  auto found = parts_.store->catalog().find(catalog.name);
  if (has_stopped(shard)) return finish(request, shard.stopped);
  if (!found) return finish(request, Error(errc::queue_not_found, catalog.name));
  Shard& home = this->shard(engine::shard_of(found->options.durability));
  const bool configured = is_configured(*found);
  if (has_stopped(home)) return finish(request, home.stopped);
  if (!configured) return finish(request, Error(errc::queue_not_found, catalog.name));
  catalog.configs.push_back(std::move(*found));
  finish(request);
}

bool Core::is_configured(const engine::QueueConfig& config) {
  return shard(engine::shard_of(config.options.durability)).queues->config(config.id) != nullptr;
}

void Core::answer_query(const std::shared_ptr<Request>& request, Shard& shard) {
  auto& query = static_cast<QueryRequest&>(*request);
  const Stamps now = shard.stamper->peek();
  Error error;
  const auto take = [&error](auto&& answer, auto& to) {
    if (answer) to = std::move(*answer);
    if (!answer) error = answer.error();
  };
  switch (query.kind) {
    case Kind::facts: take(shard.queues->facts(query.queue, now), query.facts); break;
    case Kind::page:
      query.page_request.queue = query.queue;
      take(shard.queues->page(query.page_request, now), query.page);
      break;
    case Kind::explain:
      take(shard.queues->explain(query.queue, query.id, now), query.explanation);
      query.epoch = shard.queues->receipt_epoch(query.queue);
      break;
    case Kind::groups:
      take(shard.queues->groups(query.queue, query.after, query.max_groups), query.groups);
      break;
    case Kind::redrive_status: take(shard.queues->redrive(query.queue), query.redrive); break;
    case Kind::schedules:
      take(shard.queues->schedules(query.queue, query.after, limits::page_max), query.schedules);
      break;
    default:
      query.page.messages.resize(1);
      take(shard.queues->get(query.queue, query.id, now), query.page.messages.front());
  }
  const auto cold = [](const engine::MessageInfo& message) { return message.payload.cold != nullptr; };
  if (error.code == errc::ok && std::any_of(query.page.messages.begin(), query.page.messages.end(), cold)) {
    return fetch_cold_page(std::static_pointer_cast<QueryRequest>(request));
  }
  finish(request, std::move(error));
}

void Core::admit_cancel(const CancelRequest& cancel) {
  const auto& target = cancel.target;
  if (target->stage == Stage::waiting && target->kind == Kind::outcome) {
    target->cancelled = true;
    return expire_outcomes(shard(target->shard));
  }
  if (target->stage == Stage::waiting && target->kind == Kind::send) {
    target->cancelled = true;
    return expire_lines(shard(target->shard));
  }
  if (target->stage == Stage::waiting) {
    auto waiter = shard(target->shard).waiters.remove(static_cast<const ReceiveRequest&>(*target));
    PEERQ_ASSERT(waiter != nullptr);
    return finish(waiter, Error(errc::cancelled));
  }
  if (target->stage == Stage::pending) {
    remove_pending(shard(target->shard), *target);
    return finish(target, Error(errc::cancelled));
  }
  // Under way: what a receive is granted goes back; everything else keeps its outcome.
  target->cancelled = true;
}

void Core::push_pending(Shard& shard, std::shared_ptr<Request> request, std::size_t bytes) {
  request->stage = Stage::pending;
  request->pending_bytes = bytes;
  shard.pending_bytes += bytes;
  shard.pending.push_back(std::move(request));
}

void Core::remove_pending(Shard& shard, const Request& request) {
  const auto is_it = [&request](const auto& other) { return other.get() == &request; };
  const auto place = std::find_if(shard.pending.begin(), shard.pending.end(), is_it);
  PEERQ_ASSERT(place != shard.pending.end());
  shard.pending_bytes -= request.pending_bytes;
  shard.pending.erase(place);
}

}  // namespace peerq::node
