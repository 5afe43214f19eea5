// Messages between shards (S41): what a shard has set aside for another is proposed there as Arrive, in the
// order of its chain, and the answer comes back as Moved. Repeating any of it changes nothing, so a crash in
// between needs no care.
//
// A shard has one batch of one chain under way; the chains take turns. One whose target has no room or is not
// there for a while is put off, alone. What a redrive was stopped for comes back, but only after the target
// itself has said that it did not take it: after a crash it may have.

#include <algorithm>

#include "node/core.hpp"
#include "peerq/engine/layout.hpp"

namespace peerq::node {

namespace {

/// Rough size of what is around a payload.
constexpr std::size_t move_bytes = 512;

/// What the target says for good.
bool is_refused(errc code) {
  return code == errc::queue_not_found || code == errc::queue_deleted || code == errc::not_supported;
}

/// How many of a chain's first messages the target takes now: a redrive obeys the depth (S39), dead letters
/// do not (S38).
std::size_t fitting(port::QueueMachine& target, const std::vector<engine::MovingMessage>& messages) {
  const QueueId queue = messages.front().key.target;
  const engine::QueueConfig* config = target.config(queue);
  if (config == nullptr) return messages.size();  // it says so itself
  const QueueOptions& options = config->options;
  engine::Depth depth = target.depth(queue);
  const auto is_too_much = [&](const engine::MovingMessage& message) {
    ++depth.messages;
    depth.bytes += message.row.counted_bytes;
    return message.row.redriven && ((options.max_messages && depth.messages > *options.max_messages) ||
                                    (options.max_bytes && depth.bytes > *options.max_bytes));
  };
  const auto first = std::find_if(messages.begin(), messages.end(), is_too_much);
  return static_cast<std::size_t>(first - messages.begin());
}

MoveChain chain_of(const MoveRequest& request) {
  return {request.message.key.queue, request.message.key.target};
}

}  // namespace

void Core::carry_moves() {
  if (closing_.load(std::memory_order_relaxed) || is_failed()) return;
  for (auto& shard : shards_) {
    Moves& moves = shard.moves;
    for (; !moves.begun.empty() && !shard.is_stopped(); moves.begun.erase(moves.begun.begin())) {
      const QueueId queue = *moves.begun.begin();
      for (const QueueId target : shard.queues->targets_moving(queue))
        moves.chains.add({queue, target}, now_);
    }
    while (!shard.is_stopped() && moves.under_way == 0 && moves.held.empty()) {
      const auto chain = moves.chains.next(now_);
      if (!chain || has_stopped(shard)) break;
      begin_moves(shard, *chain);
    }
    // Whoever can lose what was acknowledged lets go of a message only when that is on the disk.
    if (shard.is_stopped() || moves.held.empty() || shard.durable < moves.held_until) continue;
    read_moves(shard, std::exchange(moves.held, {}));
  }
}

/// Reads the first messages of a chain, as far as they find room, or puts the chain off.
void Core::begin_moves(Shard& shard, MoveChain chain) {
  Moves& moves = shard.moves;
  auto messages = shard.queues->moving(chain.queue, chain.target, limits::moves_max);
  if (has_stopped(shard)) return;
  if (messages.empty()) return moves.chains.remove(chain);
  const auto config = parts_.store->catalog().find(chain.target);
  const bool unknown = has_stopped(this->shard(catalog_shard));  // damage is no word on the target
  moves.chains.put_off(chain, unknown ? now_ + limits::redrive_pause : now_);
  if (unknown) return;
  if (!config) return refuse_moves(shard, messages, errc::queue_deleted);
  Shard& target = this->shard(engine::shard_of(config->options.durability));
  std::size_t count = takes_moves(target) ? fitting(*target.queues, messages) : 0;
  moves.gives_back = takes_moves(target) && count == 0 && is_redrive_over(shard, messages.front());
  if (moves.gives_back) {
    count = 1;  // those behind it are not there if it is not
    const std::uint64_t redrive = messages.front().row.redrive;
    const auto is_another = [redrive](const engine::MovingMessage& message) {
      return message.row.redrive != redrive;
    };
    const auto end = std::find_if(messages.begin() + 1, messages.end(), is_another);
    moves.behind.assign(messages.begin() + 1, end);
  }
  if (count == 0) return moves.chains.put_off(chain, now_ + limits::redrive_pause);
  messages.resize(count);
  std::uint64_t before = 0;  // whatever was before the first has ended
  for (auto& message : messages) {
    auto request = std::make_shared<MoveRequest>();
    request->message = std::move(message);
    request->message.row.after = std::exchange(before, request->message.key.transfer);
    engine::encode_row(request->message.row.note, request->note);
    request->source = shard.id;
    request->queue = chain.target;
    request->shard = target.id;
    moves.held.push_back(std::move(request));
  }
  moves.held_until = shard.keep == Keep::interval ? shard.machine->applied() : LogIndex(0);
}

/// Whether the shard can be asked at all.
bool Core::takes_moves(const Shard& target) const {
  return !target.is_stopped() && (target.keep == Keep::memory || accepts_sends());
}

/// Whether the redrive that sent the message away was stopped: then it does not go on waiting for room.
bool Core::is_redrive_over(Shard& shard, const engine::MovingMessage& message) {
  if (message.row.redrive == 0) return false;
  const auto redrive = shard.queues->redrive(message.key.queue);
  return redrive && *redrive && ((*redrive)->finished || (*redrive)->id != message.row.redrive);
}

/// Reads cold payloads where waiting for the disk holds up nobody.
void Core::read_moves(Shard& shard, std::vector<std::shared_ptr<MoveRequest>> batch) {
  shard.moves.under_way = batch.size();
  const auto is_cold = [](const auto& request) { return request->message.payload.cold != nullptr; };
  if (std::none_of(batch.begin(), batch.end(), is_cold)) return offer_moves(batch);
  auto reader = std::make_shared<ReadMovesRequest>();
  reader->shard = shard.id;
  reader->batch = std::move(batch);
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
  shard.moves.under_way = 0;
  stop_shard(shard, reader.failure);
}

void Core::offer_moves(const std::vector<std::shared_ptr<MoveRequest>>& batch) {
  for (const auto& request : batch) {
    Shard& target = shard(request->shard);
    if (takes_moves(target)) {
      push_pending(target, request, request->message.payload.bytes.size() + move_bytes);
    } else {
      retry_moves(*request);
    }
  }
}

/// The target shard has answered.
void Core::move_applied(const std::shared_ptr<MoveRequest>& request) {
  const errc code = request->reply.code;
  Shard& source = shard(request->source);
  const auto behind = std::exchange(source.moves.behind, {});
  const bool back = std::exchange(source.moves.gives_back, false) && code == errc::queue_full;
  if (code == errc::ok || back) {
    end_move(source, request->message.key, code);
  } else if (is_refused(code)) {
    end_move(source, request->message.key, errc::queue_deleted);
  } else {
    retry_moves(*request);
  }
  finish(request);
  if (back) refuse_moves(source, behind, code);
}

void Core::refuse_moves(Shard& source, const std::vector<engine::MovingMessage>& messages, errc code) {
  source.moves.under_way += messages.size();
  for (const auto& message : messages) end_move(source, message.key, code);
}

/// Tells the source what became of it.
void Core::end_move(Shard& source, const engine::MovingRow::Key& key, errc code) {
  auto moved = std::make_shared<MovedRequest>();
  moved->queue = key.queue;
  moved->shard = source.id;
  moved->key = key;
  moved->refused = code;
  if (source.is_stopped()) return move_ended(source);
  push_pending(source, std::move(moved), move_bytes);
}

/// A full target, a full disk: all that follow are refused with it, and asked again.
void Core::retry_moves(const MoveRequest& request) {
  Shard& source = shard(request.source);
  source.moves.chains.put_off(chain_of(request), now_ + limits::redrive_pause);
  move_ended(source);
}

void Core::move_ended(Shard& source) {
  if (source.moves.under_way > 0) --source.moves.under_way;
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
