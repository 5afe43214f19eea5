#include "support/history/linearizable.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <set>
#include <tuple>

namespace peerq::history {

namespace {

using Operations = std::vector<const Operation*>;

/// A message as its user sees it; time is not known here, so a lease may lapse at any moment.
struct Message {
  enum class State : std::uint8_t { absent, ready, leased, gone };
  State state = State::absent;
  std::uint32_t attempt = 0;
  std::uint32_t receive_count = 0;
  /// A dead-letter move: which queue it is in now.
  std::string queue;

  friend auto operator<=>(const Message&, const Message&) = default;
};

bool live(const Message& m) { return m.state == Message::State::ready || m.state == Message::State::leased; }

/// All states in which a message may be without anybody asking: its lease lapsed, it moved to the dead-letter
/// queue, it expired.
std::vector<Message> by_itself(const Message& message, const Rules& rules) {
  std::vector<Message> all{message};
  for (std::size_t i = 0; i < all.size() && all.size() < 32; ++i) {
    const Message m = all[i];
    if (!live(m)) continue;
    const auto reach = [&](Message next) {
      if (std::find(all.begin(), all.end(), next) == all.end()) all.push_back(std::move(next));
    };
    Message next = m;
    next.state = Message::State::ready;
    reach(next);
    if (const auto target = rules.dead_letter.find(m.queue); target != rules.dead_letter.end()) {
      next.queue = target->second;
      next.receive_count = 0;
      reach(next);
    }
    if (rules.may_expire.contains(m.queue) && m.state == Message::State::ready) {
      next = m;
      next.state = Message::State::gone;
      reach(next);
    }
  }
  return all;
}

bool receive(Message& m, const Operation& o) {
  if (m.state == Message::State::leased && o.again && o.attempt == m.attempt) return true;
  if (m.state != Message::State::ready || m.queue != o.queue) return false;
  ++m.attempt;
  ++m.receive_count;
  m.state = o.erased ? Message::State::gone : Message::State::leased;
  return o.outcome == Outcome::info || (o.attempt == m.attempt && o.receive_count == m.receive_count);
}

/// A delete, extend, nack, release or reject whose message is where its receipt says, under the same attempt.
bool settle(Message& m, const Operation& o) {
  const bool leased = m.state == Message::State::leased;
  switch (o.kind) {
    case Kind::erase: m.state = Message::State::gone; return true;
    case Kind::reject: m.state = Message::State::ready; return true;
    case Kind::extend: return leased;
    case Kind::nack:
    case Kind::release:
      if (o.outcome == Outcome::ok && o.already_returned == leased) return false;
      if (leased && o.kind == Kind::release) --m.receive_count;
      m.state = Message::State::ready;
      return true;
    default: return false;
  }
}

bool settled_as_told(Message& m, const Operation& o) {
  const bool here = live(m) && m.queue == o.queue;
  if (o.already_gone || o.code == errc::message_not_found) return !here;
  if (!here) return false;
  if (o.code == errc::stale_receipt) return o.attempt < m.attempt;
  if (o.attempt != m.attempt) return false;
  if (o.code == errc::lease_expired) return m.state != Message::State::leased;
  return settle(m, o);
}

/// What the operation makes of the message; false when it cannot have been answered like this.
bool apply(Message& m, const Operation& o) {
  switch (o.kind) {
    case Kind::send:
      if (m.state != Message::State::absent) return false;
      m.state = Message::State::ready;
      m.queue = o.queue;
      return true;
    case Kind::receive: return receive(m, o);
    case Kind::purge:
      if (live(m) && m.queue == o.queue) m.state = Message::State::gone;
      return true;
    case Kind::kick:
      if (live(m) && m.queue == o.queue && m.state == Message::State::ready) m.receive_count = 0;
      return true;
    case Kind::state: return live(m) && m.queue == o.queue;
    case Kind::drained: return !live(m) || m.queue != o.queue;
    default: return settled_as_told(m, o);
  }
}

/// A refusal that says nothing about the message.
bool says_nothing(const Operation& o) {
  if (o.outcome != Outcome::fail) return false;
  return o.code != errc::message_not_found && o.code != errc::stale_receipt && o.code != errc::lease_expired;
}

class Search {
 public:
  Search(Operations operations, const Rules& rules) : operations_(std::move(operations)), rules_(rules) {}

  bool possible() { return step(0, {}); }
  bool exhausted() const noexcept { return steps_ >= steps_max; }

 private:
  static constexpr std::size_t steps_max = 2'000'000;
  using Done = std::uint64_t;

  static bool optional(const Operation& o) { return o.outcome == Outcome::info; }

  bool step(Done done, const Message& message) {
    if (++steps_ >= steps_max || !seen_.emplace(done, message).second) return false;
    bool all = true;
    for (std::size_t i = 0; i < operations_.size(); ++i)
      all = all && ((done >> i & 1) || optional(*operations_[i]));
    if (all) return true;
    const std::int64_t first_end = earliest_end(done);
    for (std::size_t i = 0; i < operations_.size(); ++i) {
      if ((done >> i & 1) || operations_[i]->start_us > first_end) continue;
      for (Message next : by_itself(message, rules_)) {
        if (apply(next, *operations_[i]) && step(done | Done{1} << i, next)) return true;
      }
    }
    return false;
  }

  /// What began after this has to wait.
  std::int64_t earliest_end(Done done) const {
    std::int64_t end = std::numeric_limits<std::int64_t>::max();
    for (std::size_t i = 0; i < operations_.size(); ++i) {
      if ((done >> i & 1) || optional(*operations_[i]) || !operations_[i]->end_us) continue;
      end = std::min(end, *operations_[i]->end_us);
    }
    return end;
  }

  Operations operations_;
  const Rules& rules_;
  std::set<std::pair<Done, Message>> seen_;
  std::size_t steps_ = 0;
};

bool possible_by_index(Operations operations, const Rules& rules) {
  std::stable_sort(operations.begin(), operations.end(),
                   [](const Operation* a, const Operation* b) { return a->log_index < b->log_index; });
  std::set<Message> states{Message{}};
  for (const auto* o : operations) {
    std::set<Message> next;
    for (const auto& state : states) {
      for (Message m : by_itself(state, rules)) {
        if (apply(m, *o)) next.insert(std::move(m));
      }
    }
    states = std::move(next);
  }
  return !states.empty();
}

bool index_follows_time(const Operations& operations) {
  for (const auto* a : operations) {
    for (const auto* b : operations) {
      if (certainly_before(*a, *b) && a->log_index > b->log_index) return false;
    }
  }
  return true;
}

/// What may have touched the message: what names it, and what names nobody but its queues.
Operations touching(const History& history, const Operations& named) {
  Operations all;
  std::set<std::string> queues;
  for (const auto* o : named) {
    queues.insert(o->queue);
    if (!says_nothing(*o)) all.push_back(o);
  }
  for (const auto& o : history.operations) {
    if (!o.message.empty() || o.outcome == Outcome::fail || !queues.contains(o.queue)) continue;
    const bool lost_receive = o.kind == Kind::receive && o.outcome == Outcome::info;
    if (lost_receive || o.kind == Kind::purge || o.kind == Kind::kick || o.kind == Kind::drained)
      all.push_back(&o);
  }
  return all;
}

}  // namespace

Findings check_linearizable(const History& history, const Rules& rules) {
  Findings findings;
  for (const auto& [message, named] : by_message(history)) {
    const bool sent =
        std::any_of(named.begin(), named.end(), [](const Operation* o) { return o->kind == Kind::send; });
    Operations operations = touching(history, named);
    static const Operation unknown_send = [] {
      Operation o;
      o.start_us = std::numeric_limits<std::int64_t>::min();
      return o;
    }();
    Operation send = unknown_send;  // the message of a send whose reply was lost
    if (!sent) {
      send.queue = named.front()->queue;
      for (const auto& [source, target] : rules.dead_letter) {
        if (target == send.queue && !named.front()->source.empty()) send.queue = source;
      }
      operations.push_back(&send);
    }
    ++findings.checked;
    if (operations.size() > search_operations_max) {
      ++findings.undecided;
      continue;
    }
    Search search(operations, rules);
    const bool possible = search.possible();
    if (!possible && search.exhausted()) {
      ++findings.undecided;
      continue;
    }
    const bool indexed = std::all_of(operations.begin(), operations.end(), [](const Operation* o) {
      return o->log_index != 0 && o->outcome != Outcome::info;
    });
    if (!possible) {
      findings.violations.push_back(
          {Invariant::i10, message + ": no order of its operations explains their answers"});
    } else if (indexed && (!index_follows_time(operations) || !possible_by_index(operations, rules))) {
      findings.violations.push_back(
          {Invariant::i10, message + ": the order of the log does not explain the answers"});
    }
  }
  return findings;
}

}  // namespace peerq::history
