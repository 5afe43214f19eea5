#pragma once
// A log written by hand, for tests of one situation: each call is one entry.

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "support/model/system.hpp"

namespace peerq::model {

class SmallLog {
 public:
  explicit SmallLog(System& system) : system_(system) {
    header_.stamps = {{1'000'000}, {1'000'000}};
    header_.proposer = PeerId(1);
  }

  Stamps now() const noexcept { return header_.stamps; }
  void pass(Milliseconds lease, Milliseconds wall) {
    header_.stamps.lease = header_.stamps.lease + lease;
    header_.stamps.wall = header_.stamps.wall + wall;
  }

  /// Several commands in one entry.
  engine::Effects apply(std::vector<engine::Command> commands) { return system_.apply(header_, commands); }
  engine::Reply run(engine::CommandBody body) {
    std::vector<engine::Command> commands(1);
    commands[0].body = std::move(body);
    effects_ = apply(std::move(commands));
    return effects_.replies.at(0);
  }
  /// The same in a session.
  engine::Reply ask(SessionId session, std::uint64_t sequence, engine::CommandBody body) {
    std::vector<engine::Command> commands(1);
    commands[0].origin = {session, sequence, {}};
    commands[0].body = std::move(body);
    return apply(std::move(commands)).replies.at(0);
  }
  /// Of the last `run`.
  const engine::Effects& effects() const noexcept { return effects_; }

  QueueId create(const QueueOptions& options, QueueId dead_letter = {}) {
    engine::Configure configure;
    configure.config.id = QueueId(++queues_);
    configure.config.version = 1;
    configure.config.name = "queue" + std::to_string(queues_);
    configure.config.options = options;
    configure.config.dead_letter = dead_letter;
    run(configure);
    return configure.config.id;
  }

  /// Sends `count` messages of 4 bytes; due and time to live as SendItem says.
  engine::Reply send(QueueId queue, std::size_t count, WallTime due = {}, std::int64_t time_to_live_ms = 0) {
    engine::SendItem one = item();
    one.due = due;
    one.time_to_live_ms = time_to_live_ms;
    return send(queue, std::vector<engine::SendItem>(count, one));
  }

  /// One message of 4 bytes into a group, none when its name is empty.
  engine::ItemReply send_to(QueueId queue, std::string_view group,
                            std::uint8_t priority = limits::priority_default, WallTime due = {},
                            std::int64_t time_to_live_ms = 0) {
    engine::SendItem one = item(group, priority);
    one.due = due;
    one.time_to_live_ms = time_to_live_ms;
    return run(engine::Send{queue, false, std::span(&one, 1)}).items.at(0);
  }

  /// A message of 4 bytes, for commands with several.
  static engine::SendItem item(std::string_view group = {}, std::uint8_t priority = limits::priority_default,
                               std::string_view deduplication_id = {}) {
    engine::SendItem item;
    item.payload = as_bytes("body");
    item.counted_bytes = 4;
    item.group_id = as_bytes(group);
    item.priority = priority;
    item.deduplication_id = as_bytes(deduplication_id);
    return item;
  }
  engine::Reply send(QueueId queue, const std::vector<engine::SendItem>& items, bool atomic = false) {
    return run(engine::Send{queue, atomic, items});
  }
  /// The queue's parameters from now on.
  void change(QueueId queue, const QueueOptions& options) {
    engine::Configure configure{*system_.config(queue), false};
    ++configure.config.version;
    configure.config.options = options;
    run(configure);
  }

  /// The numbers of the messages that a receive gets, in order.
  std::vector<std::uint64_t> receive_numbers(QueueId queue, std::uint32_t most) {
    std::vector<std::uint64_t> numbers;
    for (const auto& grant : receive(queue, most).grants) numbers.push_back(grant.lease.sequence.number());
    return numbers;
  }

  /// The calendar is suspect from the next entry on, or no more.
  void halt(bool halted) { header_.expiry_halted = halted; }

  engine::Reply receive(QueueId queue, std::uint32_t most) {
    engine::Receive receive;
    receive.queue = queue;
    receive.max_messages = most;
    return run(receive);
  }

  engine::ItemReply settle(QueueId queue, engine::Verb verb, engine::LeaseRef lease,
                           std::int64_t value_ms = 0) {
    engine::SettleItem item;
    item.lease = lease;
    item.value_ms = value_ms;
    return run(engine::Settle{queue, verb, std::span(&item, 1)}).items.at(0);
  }

 private:
  System& system_;
  engine::EntryHeader header_;
  engine::Effects effects_;
  std::uint64_t queues_ = 100;
};

}  // namespace peerq::model
