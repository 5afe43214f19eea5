#pragma once
// A shard of queues for tests: naive tables, both clocks by hand, one call per command; after every entry all
// that must always hold is checked.

#include <catch2/catch_test_macros.hpp>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "support/naive_engine.hpp"

namespace peerq::test {

using namespace peerq::engine;
using namespace std::chrono_literals;

/// The first thing that is wrong with these tables, or nothing.
std::string broken_invariant(const NaiveTables& tables, WallTime wall);

/// One queue's options and id, and short forms of every command.
class Shard {
 public:
  Shard() { restart(); }

  /// Everything that is derived is forgotten, as after a crash.
  void restart();

  void pass(Milliseconds time) {
    now.lease = now.lease + time;
    now.wall = now.wall + time;
  }

  std::vector<Reply> apply(std::vector<Command> commands);
  Reply apply(CommandBody body);
  Reply tick() { return apply(Tick{}); }
  Reply tick(Milliseconds time) {
    pass(time);
    return tick();
  }

  QueueConfig make(std::uint64_t id, QueueOptions options = {}, std::uint64_t dead_letter = 0) {
    QueueConfig config;
    config.id = QueueId{id};
    config.version = 1;
    config.name = "q" + std::to_string(id);
    config.options = std::move(options);
    config.dead_letter = QueueId{dead_letter};
    configure(config);
    return config;
  }
  Reply configure(const QueueConfig& config, bool removed = false) {
    return apply(Configure{config, removed});
  }

  SendItem item(std::string_view body) {
    bodies_.emplace_back(body);
    SendItem out;
    out.payload = as_bytes(bodies_.back());
    out.counted_bytes = static_cast<std::uint32_t>(body.size());
    return out;
  }
  Reply send_batch(QueueId queue, const std::vector<SendItem>& items, bool atomic = false) {
    return apply(Send{queue, atomic, items});
  }
  MessageId send(QueueId queue, std::string_view body) {
    Reply reply = send_batch(queue, {item(body)});
    REQUIRE(reply.code == errc::ok);
    REQUIRE(reply.items.at(0).code == errc::ok);
    return reply.items.at(0).id;
  }
  MessageId send_delayed(QueueId queue, std::string_view body, Milliseconds delay) {
    SendItem one = item(body);
    one.due = now.wall + delay;
    return send_batch(queue, {one}).items.at(0).id;
  }
  MessageId send_expiring(QueueId queue, std::string_view body, Milliseconds time_to_live) {
    SendItem one = item(body);
    one.time_to_live_ms = time_to_live.count();
    return send_batch(queue, {one}).items.at(0).id;
  }

  std::vector<Grant> receive(QueueId queue, std::uint32_t max_messages = 1) {
    Receive command;
    command.queue = queue;
    command.max_messages = max_messages;
    Reply reply = apply(command);
    REQUIRE(reply.code == errc::ok);
    return std::move(reply.grants);
  }
  Grant receive_one(QueueId queue) {
    auto grants = receive(queue);
    REQUIRE(grants.size() == 1);
    return grants.front();
  }

  ItemReply settle(QueueId queue, Verb verb, LeaseRef lease, std::int64_t value_ms = -1,
                   std::string_view reason = {}) {
    const SettleItem item{lease, value_ms, as_bytes(reason)};
    Reply reply = apply(Settle{queue, verb, {&item, 1}});
    REQUIRE(reply.code == errc::ok);
    return reply.items.at(0);
  }
  ItemReply erase(QueueId queue, LeaseRef lease) { return settle(queue, Verb::erase, lease); }
  ItemReply nack(QueueId queue, LeaseRef lease, Milliseconds delay = 0ms, std::string_view reason = {}) {
    return settle(queue, Verb::nack, lease, delay.count(), reason);
  }
  ItemReply release(QueueId queue, LeaseRef lease) { return settle(queue, Verb::release, lease); }
  ItemReply reject(QueueId queue, LeaseRef lease, std::string_view reason = {}) {
    return settle(queue, Verb::reject, lease, -1, reason);
  }
  ItemReply extend(QueueId queue, LeaseRef lease, Milliseconds duration) {
    return settle(queue, Verb::extend, lease, duration.count());
  }

  QueueRow counters(QueueId queue) { return engine_->facts(queue, now).value().counters; }
  Result<MessageInfo> get(QueueId queue, MessageId id) { return engine_->get(queue, id, now); }
  QueueEngine<NaiveTables>& engine() { return *engine_; }

  bool ready(QueueId queue) const {
    return std::find(effects.ready.begin(), effects.ready.end(), queue) != effects.ready.end();
  }
  std::uint64_t events(EventKind kind, QueueId queue) const {
    for (const Event& event : effects.events) {
      if (event.kind == kind && event.queue == queue) return event.count;
    }
    return 0;
  }

  NaiveTables tables;
  Stamps now{LeaseTime{1'000'000}, WallTime{1'700'000'000'000}};
  bool halted = false;
  bool full = false;
  bool check_every_entry = true;
  LogIndex index;
  Effects effects;

 private:
  std::unique_ptr<QueueEngine<NaiveTables>> engine_;
  std::deque<std::string> bodies_;
};

inline std::string body_of(const Grant& grant) { return std::string(as_text(grant.payload.bytes.bytes())); }

inline NoteRow note_of(const Grant& grant) {
  NoteRow note;
  if (!grant.note.empty()) REQUIRE(decode_row(as_bytes(grant.note), note));
  return note;
}

inline std::vector<std::string> bodies(const std::vector<Grant>& grants) {
  std::vector<std::string> out;
  for (const Grant& grant : grants) out.push_back(body_of(grant));
  return out;
}

/// A shard with one queue.
struct OneQueue : Shard {
  explicit OneQueue(QueueOptions options = {}) : config(make(7, std::move(options))) {}
  QueueConfig config;
  QueueId queue{7};
  using Shard::send;
  MessageId send(std::string_view body) { return Shard::send(queue, body); }
};

/// A shard with a queue and its dead-letter queue.
struct WithDeadLetter : Shard {
  explicit WithDeadLetter(QueueOptions options = {}, QueueOptions dead_options = {})
      : dead_config(make(9, std::move(dead_options))), config(make(7, std::move(options), 9)) {}
  QueueConfig dead_config;
  QueueConfig config;
  QueueId queue{7};
  QueueId dead{9};
};

}  // namespace peerq::test
