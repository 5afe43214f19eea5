// Messages between shards (S41): what a shard has set aside for another is proposed there as Arrive, in the
// order of its chain, and the answer comes back as Moved. Repeating any of it changes nothing, so a crash in
// between needs no care.

#include <algorithm>

#include "node/core.hpp"
#include "peerq/engine/layout.hpp"

namespace peerq::node {

namespace {

/// Rough size of what is around a payload.
constexpr std::size_t move_bytes = 512;

/// What the target says may change: it is asked again.
bool is_refused(errc code) {
  return code == errc::queue_not_found || code == errc::queue_deleted || code == errc::not_supported;
}

}  // namespace

void Core::carry_moves() {
  if (closing_.load(std::memory_order_relaxed) || is_failed()) return;
  for (auto& shard : shards_) {
    if (shard.moving.empty() || shard.is_stopped() || shard.moves_under_way > 0) continue;
    if (now_ < shard.move_at) continue;
    // Whoever can lose what was acknowledged lets go of a message only when that is on the disk.
    if (shard.keep == Keep::interval && shard.durable < shard.machine->applied()) {
      shard.move_at = now_ + limits::redrive_pause;
      continue;
    }
    shard.move_at = SteadyTime{};
    begin_moves(shard);
  }
}

void Core::begin_moves(Shard& shard) {
  const QueueId queue = *shard.moving.begin();
  auto messages = shard.queues->moving(queue, limits::moves_max);
  if (has_stopped(shard)) return;
  if (messages.empty()) {
    shard.moving.erase(queue);
    return;
  }
  std::vector<std::shared_ptr<MoveRequest>> batch;
  bool cold = false;
  for (auto& message : messages) {
    auto request = std::make_shared<MoveRequest>();
    request->message = std::move(message);
    request->source = shard.id;
    cold = cold || request->message.payload.cold != nullptr;
    batch.push_back(std::move(request));
  }
  shard.moves_under_way = batch.size();
  if (!cold) return offer_moves(batch);
  auto reader = std::make_shared<ReadMovesRequest>();
  reader->shard = shard.id;
  reader->batch = std::move(batch);
  read_moves(reader);
}

/// Reads cold payloads where waiting for the disk holds up nobody.
void Core::read_moves(const std::shared_ptr<ReadMovesRequest>& reader) {
  parts_.executor->post(port::Lane::helper, [self = shared_from_this(), reader] {
    for (const auto& request : reader->batch) {
      if (reader->failure.code == errc::ok) reader->failure = fetch_one(request->message.payload);
    }
    self->submit(reader);
  });
}

/// They were read, or the disk said no.
void Core::moves_read(ReadMovesRequest& reader) {
  Shard& shard = this->shard(reader.shard);
  if (reader.failure.code == errc::ok) return offer_moves(reader.batch);
  shard.moves_under_way = 0;
  stop_shard(shard, reader.failure);
}

void Core::offer_moves(const std::vector<std::shared_ptr<MoveRequest>>& batch) {
  for (const auto& request : batch) {
    const auto& message = request->message;
    const auto config = parts_.store->catalog().find(message.key.target);
    request->queue = message.key.target;
    if (!config) {
      end_move(*request, errc::queue_deleted);
      continue;
    }
    request->shard = engine::shard_of(config->options.durability);
    engine::encode_row(message.row.note, request->note);
    Shard& target = shard(request->shard);
    if (target.is_stopped() || (target.keep != Keep::memory && !accepts_sends())) {
      retry_moves(*request);
      continue;
    }
    push_pending(target, request, message.payload.bytes.size() + move_bytes);
  }
}

/// The target shard has answered.
void Core::move_applied(const std::shared_ptr<MoveRequest>& request) {
  const errc code = request->reply.code;
  if (code == errc::ok || is_refused(code)) {
    end_move(*request, code == errc::ok ? errc::ok : errc::queue_deleted);
  } else {
    retry_moves(*request);
  }
  finish(request);
}

/// Tells the source what became of it.
void Core::end_move(const MoveRequest& request, errc refused) {
  Shard& source = shard(request.source);
  auto moved = std::make_shared<MovedRequest>();
  moved->queue = request.message.key.queue;
  moved->shard = source.id;
  moved->key = request.message.key;
  moved->refused = refused;
  if (source.is_stopped()) return move_ended(source);
  push_pending(source, std::move(moved), move_bytes);
}

/// A full target, a full disk: all that follow are refused with it, and asked again.
void Core::retry_moves(const MoveRequest& request) {
  Shard& source = shard(request.source);
  source.move_at = now_ + limits::redrive_pause;
  move_ended(source);
}

void Core::move_ended(Shard& source) {
  if (source.moves_under_way > 0) --source.moves_under_way;
}

engine::Arrive Core::arrival_of(const MoveRequest& request) {
  const auto& message = request.message;
  engine::Arrive arrive;
  arrive.queue = message.key.target;
  arrive.id = message.row.id;
  arrive.from = message.key.queue;
  arrive.transfer = message.key.transfer;
  arrive.after = message.row.after;
  arrive.payload = message.payload.bytes.bytes();
  arrive.own = &message.payload.bytes;
  arrive.counted_bytes = message.row.counted_bytes;
  arrive.priority = message.row.priority;
  arrive.attempt = message.row.attempt;
  arrive.first_sent = message.row.first_sent;
  arrive.time_to_live_ms = message.row.time_to_live_ms;
  arrive.redriven = message.row.redriven;
  arrive.group_id = as_bytes(message.row.group);
  arrive.note = as_bytes(request.note);
  return arrive;
}

}  // namespace peerq::node
