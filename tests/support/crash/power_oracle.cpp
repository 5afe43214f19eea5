#include "support/crash/power_oracle.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace peerq::crash {

namespace {

/// Of interval queues: what is older than this is written, however busy the machine was.
constexpr std::int64_t interval_slack_us = 1'500'000;

std::string dead_letter_queue_of(const std::string& queue) { return queue + ".dead"; }

}  // namespace

struct PowerOracle::Check {
  const Recovered* recovered;
  std::uint64_t position;
  Lives lives;
  std::vector<std::string> wrong;

  void violation(std::string what) { wrong.push_back(std::move(what)); }
};

PowerOracle::PowerOracle(const Trace& trace, const std::vector<JournalEntry>& journal) : trace_(&trace) {
  for (const auto& e : journal) {
    if (e.did == Did::opened) first_opened_ = std::min(first_opened_, e.end);
    if (e.did == Did::created_queue) {
      auto& created = queues_[e.queue].created;  // creating it again finds it
      if (e.acknowledged) created = std::min(created, e.end);
    }
    if (e.did == Did::deleted_queue) {
      queues_[e.queue].deletion_began = e.start;
      if (e.acknowledged) queues_[e.queue].deleted = e.end;
    }
    if (e.did != Did::sent) continue;
    by_body_[e.body] = messages_.size();
    if (e.acknowledged) by_id_[e.id] = messages_.size();
    messages_.push_back({.sent = e});
  }
  add_removals(journal);
}

void PowerOracle::add_removals(const std::vector<JournalEntry>& journal) {
  for (const auto& e : journal) {
    if (e.did == Did::purged || e.did == Did::deleted_queue) {
      for (auto& message : messages_) {
        if (message.sent.queue == e.queue && message.sent.start < e.end) {
          message.may_be_gone = std::min(message.may_be_gone, e.start);
        }
      }
    }
    const auto found = by_id_.find(e.id);
    if (found == by_id_.end()) continue;
    Message& message = messages_[found->second];
    if (e.did == Did::erased || e.did == Did::took) {
      message.may_be_gone = std::min(message.may_be_gone, e.start);
      if (e.acknowledged) message.is_gone = std::min(message.is_gone, e.end);
    }
    if (e.did == Did::leased) message.leases.emplace_back(e.end, e.attempt);
  }
  for (auto& message : messages_) std::sort(message.leases.begin(), message.leases.end());
}

std::vector<std::string> PowerOracle::check(const Recovered& recovered, std::uint64_t position) {
  Check check{.recovered = &recovered, .position = position, .lives = {}, .wrong = {}};
  for (const auto& queue : recovered.queues) {
    for (const auto& message : queue.messages) {
      const bool fresh = check.lives.emplace(message.id, &message).second;
      if (!fresh && !recovered.shards.empty()) {  // a node goes on while it is listed
        check.violation(fmt::format("{} is in two places, one of them {}", text_of(message.id), queue.name));
      }
    }
  }
  check_queues(check);
  check_shown(check);
  check_acknowledged(check);
  check_interval(check);
  if (!recovered.shards.empty()) {
    check_counters(check);
    check_same_history(check);
  }
  return std::move(check.wrong);
}

bool PowerOracle::may_expire(const MessageId& id) const {
  const auto found = by_id_.find(id);
  return found != by_id_.end() && messages_[found->second].sent.may_expire;
}

void PowerOracle::check_queues(Check& check) const {
  const std::set<std::string> names(check.recovered->names.begin(), check.recovered->names.end());
  for (const auto& [name, life] : queues_) {
    if (life.created <= check.position && life.deletion_began >= check.position && !names.contains(name)) {
      check.violation(fmt::format("queue {} was created and is not there", name));
    }
    if (life.deleted <= check.position && names.contains(name)) {
      check.violation(fmt::format("queue {} was deleted and is back", name));
    }
  }
}

/// Nothing from nowhere, no altered body, nothing in the wrong place.
void PowerOracle::check_shown(Check& check) const {
  for (const auto& queue : check.recovered->queues) {
    for (const auto& message : queue.messages) {
      const std::string name = fmt::format("{} in {}", text_of(message.id), queue.name);
      if (!message.body) {
        check.violation(name + " has an altered body");
        continue;
      }
      const auto found = by_body_.find(*message.body);
      if (found == by_body_.end() || messages_[found->second].sent.start >= check.position) {
        check.violation(name + " was never sent");
        continue;
      }
      const Message& known = messages_[found->second];
      const auto& sent = known.sent;
      if (sent.acknowledged && sent.id != message.id)
        check.violation(name + " was acknowledged as " + text_of(sent.id));
      if (sent.body_size != message.body_size) check.violation(name + " has another size");
      if (queue.name != sent.queue && queue.name != dead_letter_queue_of(sent.queue)) {
        check.violation(fmt::format("{} was sent to {}", name, sent.queue));
      }
      if (queue.durability == Durability::sync && known.is_gone <= check.position) {
        check.violation(name + " was deleted and is back");
      }
    }
  }
}

bool PowerOracle::is_in(const Message& message, Durability durability) const {
  const bool interval = message.sent.queue == "interval";
  const bool memory = message.sent.queue == "memory";
  if (durability == Durability::interval) return interval;
  if (durability == Durability::memory) return memory;
  return !interval && !memory;
}

/// What was acknowledged is there.
void PowerOracle::check_acknowledged(Check& check) const {
  for (const auto& message : messages_) {
    if (!is_in(message, Durability::sync)) continue;
    if (!message.sent.acknowledged || message.sent.end > check.position) continue;
    const auto found = check.lives.find(message.sent.id);
    if (found == check.lives.end()) {
      if (message.may_be_gone >= check.position && !message.sent.may_expire) {
        check.violation(fmt::format("{} in {} was acknowledged at {} and is lost", text_of(message.sent.id),
                                    message.sent.queue, message.sent.end));
      }
      continue;
    }
    for (const auto& [end, attempt] : message.leases) {
      if (end > check.position || attempt <= found->second->attempt) continue;
      check.violation(fmt::format("{} was handed out as attempt {} and is at attempt {}",
                                  text_of(message.sent.id), attempt, found->second->attempt));
    }
  }
}

/// Interval queues: what is left of one producer is a beginning of what it sent, and only the newest is
/// missing.
void PowerOracle::check_interval(Check& check) const {
  const auto& records = trace_->records();
  const std::int64_t crash_us =
      check.position < records.size() ? records[check.position].time_us : records.back().time_us;
  std::map<std::uint32_t, std::uint64_t> last_there;
  for (const auto& message : messages_) {
    if (!is_in(message, Durability::interval) || !check.lives.contains(message.sent.id)) continue;
    auto& last = last_there[message.sent.body.producer];
    last = std::max(last, message.sent.body.number);
  }
  std::uint32_t newest_producer = 0;
  for (const auto& message : messages_) {
    if (message.sent.start < check.position)
      newest_producer = std::max(newest_producer, message.sent.body.producer);
  }
  for (const auto& message : messages_) {
    const auto& sent = message.sent;
    if (!is_in(message, Durability::interval) || !sent.acknowledged || sent.end > check.position) continue;
    if (check.lives.contains(sent.id) || message.may_be_gone < check.position) continue;
    const auto last = last_there.find(sent.body.producer);
    if (last != last_there.end() && last->second > sent.body.number) {
      check.violation(text_of(sent.id) + " of an interval queue is missing, a later one is there");
    }
    // A session that ended without a close may have lost its last ones.
    const bool same_session = sent.body.producer / 10 == newest_producer / 10;
    if (same_session && crash_us - sent.end_us > interval_slack_us) {
      check.violation(fmt::format("{} of an interval queue was {} us old and is lost", text_of(sent.id),
                                  crash_us - sent.end_us));
    }
  }
}

void PowerOracle::check_counters(Check& check) const {
  for (const auto& queue : check.recovered->queues) {
    std::map<MessageStatus, std::uint64_t> counted;
    for (const auto& message : queue.messages) ++counted[message.status];
    const auto agree = [&](MessageStatus status, std::uint64_t says, const char* word) {
      if (counted[status] == says) return;
      check.violation(
          fmt::format("{} counts {} {} messages and has {}", queue.name, says, word, counted[status]));
    };
    agree(MessageStatus::ready, queue.ready, "ready");
    agree(MessageStatus::delayed, queue.delayed, "delayed");
    agree(MessageStatus::in_flight, queue.in_flight, "in-flight");
    agree(MessageStatus::parked, queue.parked, "parked");
  }
}

/// However much of it came from the tables and how much from the log: the same log gives the same state.
void PowerOracle::check_same_history(Check& check) {
  for (const auto& [shard, found] : check.recovered->shards) {
    for (const auto& [index, sum] : found.records) {
      const auto [known, fresh] = records_.emplace(std::pair(shard, index), sum);
      if (!fresh && known->second != sum) {
        check.violation(fmt::format("shard {} has another record {} than another image", shard, index));
      }
    }
    const auto [known, fresh] = digests_.emplace(std::pair(shard, found.applied), found.digest);
    if (!fresh && known->second != found.digest) {
      check.violation(
          fmt::format("shard {} at {} is in another state than another image", shard, found.applied));
    }
  }
}

}  // namespace peerq::crash
