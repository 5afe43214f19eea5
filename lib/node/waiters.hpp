#pragma once
// Receivers that wait for a message (long poll, S22): first come, first served, per queue.
//
// A waiter is either in line or riding in one entry that is not applied yet. A waiter that rode in vain goes
// back to its old place. One that waits for several queues (S27) stands in the line of each, with one ticket.

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "node/request.hpp"
#include "peerq/base/ids.hpp"
#include "peerq/base/time.hpp"

namespace peerq::node {

/// **Thread** the core.
class Waiters {
 public:
  using Waiter = std::shared_ptr<ReceiveRequest>;

  /// Puts a waiter in line: at the end, or where its ticket belongs.
  void add(Waiter waiter) {
    if (waiter->ticket == 0) waiter->ticket = ++last_ticket_;
    waiter->stage = Stage::waiting;
    by_deadline_.emplace(std::pair(waiter->wait_until, waiter->ticket), waiter.get());
    if (!waiter->attempt_id.empty()) by_attempt_[{waiter->queue, waiter->attempt_id}] = waiter.get();
    waiter->visit_queues([&](QueueId queue) { lines_[queue].emplace(waiter->ticket, waiter); });
    ++count_;
  }

  /// The first in line, or null.
  ReceiveRequest* first(QueueId queue) const {
    const auto line = lines_.find(queue);
    return line == lines_.end() ? nullptr : line->second.begin()->second.get();
  }

  /// Takes a waiter that is in line out of it, wherever it stands.
  Waiter remove(const ReceiveRequest& waiter) {
    Waiter out;
    waiter.visit_queues([&](QueueId queue) {
      if (Waiter found = leave(queue, waiter)) out = std::move(found);
    });
    if (out == nullptr) return nullptr;
    by_deadline_.erase(std::pair(out->wait_until, out->ticket));
    if (!out->attempt_id.empty()) by_attempt_.erase({out->queue, out->attempt_id});
    --count_;
    return out;
  }

  /// One waiter whose deadline has come, or null.
  Waiter expired(SteadyTime now) {
    if (by_deadline_.empty() || by_deadline_.begin()->first.first > now) return nullptr;
    return remove(*by_deadline_.begin()->second);
  }

  SteadyTime next_deadline() const noexcept {
    return by_deadline_.empty() ? SteadyTime::never() : by_deadline_.begin()->first.first;
  }

  /// Who waits with this attempt id, or null.
  ReceiveRequest* waiting_as(QueueId queue, const std::string& attempt_id) const {
    if (attempt_id.empty()) return nullptr;
    const auto found = by_attempt_.find({queue, attempt_id});
    return found == by_attempt_.end() ? nullptr : found->second;
  }

  /// Everyone who waits on `queue`.
  std::vector<Waiter> take_all(QueueId queue) {
    std::vector<Waiter> out;
    while (ReceiveRequest* waiter = first(queue)) out.push_back(remove(*waiter));
    return out;
  }

  std::vector<QueueId> queues() const {
    std::vector<QueueId> out;
    out.reserve(lines_.size());
    for (const auto& [queue, line] : lines_) out.push_back(queue);
    return out;
  }

  /// How many wait on `queue`.
  std::size_t count(QueueId queue) const {
    const auto line = lines_.find(queue);
    return line == lines_.end() ? 0 : line->second.size();
  }

  bool waiting(QueueId queue) const { return lines_.contains(queue); }
  std::size_t count() const noexcept { return count_; }
  bool empty() const noexcept { return count_ == 0; }

 private:
  Waiter leave(QueueId queue, const ReceiveRequest& waiter) {
    const auto line = lines_.find(queue);
    if (line == lines_.end()) return nullptr;
    const auto place = line->second.find(waiter.ticket);
    if (place == line->second.end() || place->second.get() != &waiter) return nullptr;
    Waiter out = std::move(place->second);
    line->second.erase(place);
    if (line->second.empty()) lines_.erase(line);
    return out;
  }

  std::unordered_map<QueueId, std::map<std::uint64_t, Waiter>> lines_;
  std::map<std::pair<SteadyTime, std::uint64_t>, ReceiveRequest*> by_deadline_;
  std::map<std::pair<QueueId, std::string>, ReceiveRequest*> by_attempt_;
  std::uint64_t last_ticket_ = 0;
  std::size_t count_ = 0;
};

}  // namespace peerq::node
