#include "support/history/checkers.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <optional>
#include <tuple>
#include <utility>

#include "support/history/linearizable.hpp"

namespace peerq::history {

namespace {

using Operations = std::vector<const Operation*>;

void violation(Findings& findings, Invariant invariant, std::string what, bool loss = false) {
  findings.violations.push_back({invariant, std::move(what), loss});
}

bool is_ok(const Operation& o, Kind kind) { return o.kind == kind && o.outcome == Outcome::ok; }

/// An `ok` operation that removed the message.
bool removed(const Operation& o) {
  return (is_ok(o, Kind::erase) && !o.already_gone) || (is_grant(o) && o.erased);
}

/// Something that may have removed the message, or its queue's messages.
bool may_have_removed(const Operation& o) {
  if (o.kind == Kind::receive) return o.erased && o.outcome == Outcome::info;
  return o.kind == Kind::erase && o.outcome == Outcome::info;
}

std::int64_t end_of(const Operation& o) {
  return o.end_us.value_or(std::numeric_limits<std::int64_t>::max());
}

bool purged(const History& history, const Operation& send) {
  return std::any_of(history.operations.begin(), history.operations.end(), [&](const Operation& o) {
    return o.kind == Kind::purge && o.outcome != Outcome::fail && end_of(o) >= send.start_us;
  });
}

/// A receive of unknown outcome may have taken anything that it overlapped or preceded.
bool lost_reply_before(const History& history, const Operation& later) {
  return std::any_of(history.operations.begin(), history.operations.end(), [&](const Operation& o) {
    return o.kind == Kind::receive && o.outcome == Outcome::info && o.start_us <= end_of(later);
  });
}

bool erase_reply_lost(const History& history) {
  return std::any_of(history.operations.begin(), history.operations.end(), [](const Operation& o) {
    return o.kind == Kind::receive && o.erased && o.outcome == Outcome::info;
  });
}

struct EndState {
  bool known = false;
  std::uint32_t last_dump = 0;
  std::set<std::string> drained;
};

EndState end_state(const History& history) {
  EndState end;
  for (const auto& o : history.operations) {
    if (o.kind == Kind::state) end.last_dump = std::max(end.last_dump, o.dump);
    if (is_ok(o, Kind::drained)) end.drained.insert(o.queue);
  }
  end.known = end.last_dump != 0 || !end.drained.empty();
  return end;
}

Operations grants_of(const Operations& operations) {
  Operations grants;
  for (const auto* o : operations) {
    if (is_grant(*o)) grants.push_back(o);
  }
  std::stable_sort(grants.begin(), grants.end(),
                   [](const Operation* a, const Operation* b) { return a->attempt < b->attempt; });
  return grants;
}

/// Earliest time at which the lease of `grant` can have lapsed; none = it may have been given back.
std::optional<std::int64_t> earliest_lapse(const Operations& operations, const Operation& grant,
                                           const Operation& later, const Rules& rules) {
  const auto shortened = [&](std::int64_t ms) { return ms * (1000 - rules.clock_error_thousandths); };
  const Operation* last = &grant;
  std::int64_t until = grant.start_us + shortened(grant.lease_ms);
  for (const auto* o : operations) {
    if (o->attempt != grant.attempt || o->kind == Kind::receive || o->outcome == Outcome::fail) continue;
    if (o->start_us > end_of(later)) continue;
    if (o->kind == Kind::nack || o->kind == Kind::release || o->kind == Kind::reject) return std::nullopt;
    if (o->kind != Kind::extend) continue;
    const std::int64_t extended = o->start_us + shortened(o->lease_ms);
    const bool certain = o->outcome == Outcome::ok && (last == &grant || certainly_before(*last, *o));
    until = certain && certainly_before(*o, later) ? extended : std::min(until, extended);
    if (o->outcome == Outcome::info) until = std::min(until, o->start_us);
    last = o;
  }
  return until;
}

void check_grant_pair(Findings& findings, const Operations& operations, const Operation& first,
                      const Operation& second, const Rules& rules) {
  ++findings.checked;
  if (first.lease_ms == 0) {
    ++findings.undecided;
    return;
  }
  const auto until = earliest_lapse(operations, first, second, rules);
  if (until && end_of(second) < *until) {
    violation(findings, Invariant::i3,
              fmt::format("{} attempt {} was given out {} us before the lease of attempt {} can have ended",
                          first.message, second.attempt, *until - end_of(second), first.attempt));
  }
}

/// An operator may have set the message's receive count back between these two grants.
bool kicked(const History& history, const Operation& first, const Operation& second) {
  return std::any_of(history.operations.begin(), history.operations.end(), [&](const Operation& o) {
    const bool may_name = o.message.empty() || o.message == first.message;
    return o.kind == Kind::kick && o.outcome != Outcome::fail && o.queue == first.queue && may_name &&
           end_of(o) >= first.start_us && o.start_us <= end_of(second);
  });
}

/// Between which counts the second of two grants may be, when `unseen` grants lie between.
std::pair<std::uint32_t, std::uint32_t> allowed_counts(const Operations& operations, const Operation& first,
                                                       std::uint32_t unseen) {
  std::uint32_t least = first.receive_count + 1;
  std::uint32_t most = first.receive_count + 1 + unseen;
  for (const auto* o : operations) {
    const bool returned = o->kind == Kind::release && o->attempt == first.attempt && !o->already_returned;
    if (!returned || o->outcome == Outcome::fail) continue;
    --least;
    if (o->outcome == Outcome::ok) --most;
  }
  if (unseen > 0) least = std::min(least, first.receive_count);  // each of them may have been released
  return {std::max(1U, least), std::max(1U, most)};
}

void check_count_pair(Findings& findings, const History& history, const Operations& operations,
                      const Operation& first, const Operation& second) {
  ++findings.checked;
  const auto& m = first.message;
  if (second.attempt == first.attempt) {
    if (!second.again && !first.again) {
      violation(findings, Invariant::i9, fmt::format("{} attempt {} was given out twice", m, first.attempt));
    }
    return;
  }
  if (certainly_before(second, first)) {
    violation(findings, Invariant::i9,
              fmt::format("{} attempt {} after {}", m, first.attempt, second.attempt));
  }
  const std::uint32_t unseen = second.attempt - first.attempt - 1;
  if (unseen > 0) {
    if (!lost_reply_before(history, second)) {
      violation(findings, Invariant::i9,
                fmt::format("{} attempts {} to {}", m, first.attempt, second.attempt));
      return;
    }
    ++findings.undecided;
  }
  if (first.queue != second.queue) return;  // counts start anew in a dead-letter queue
  auto [least, most] = allowed_counts(operations, first, unseen);
  if (kicked(history, first, second)) least = 1;
  if (second.receive_count < least || second.receive_count > most) {
    violation(findings, Invariant::i9,
              fmt::format("{} receive count {} at attempt {}, expected {} to {}", m, second.receive_count,
                          second.attempt, least, most));
  }
}

void check_first_grant(Findings& findings, const History& history, const Operation& first) {
  ++findings.checked;
  const bool moved = !first.source.empty();
  if (first.attempt == 1 && (first.receive_count == 1 || moved)) return;
  if (first.attempt > 1 && (lost_reply_before(history, first) || moved)) {
    ++findings.undecided;
    return;
  }
  violation(findings, Invariant::i9,
            fmt::format("{} first seen with attempt {} and receive count {}", first.message, first.attempt,
                        first.receive_count));
}

}  // namespace

std::string name_of(Invariant invariant) { return fmt::format("I{}", static_cast<int>(invariant)); }

void Findings::add(Findings other) {
  checked += other.checked;
  undecided += other.undecided;
  violations.insert(violations.end(), std::make_move_iterator(other.violations.begin()),
                    std::make_move_iterator(other.violations.end()));
}

std::map<std::string, std::vector<const Operation*>> by_message(const History& history) {
  std::map<std::string, Operations> lists;
  for (const auto& o : history.operations) {
    if (!o.message.empty()) lists[o.message].push_back(&o);
  }
  return lists;
}

bool certainly_before(const Operation& first, const Operation& second) noexcept {
  return first.end_us && *first.end_us < second.start_us;
}

bool is_grant(const Operation& o) noexcept {
  return is_ok(o, Kind::receive) && !o.empty && !o.message.empty();
}

Findings check_no_loss(const History& history, const Rules& rules) {
  Findings findings;
  const auto end = end_state(history);
  const bool any_erase_reply_lost = erase_reply_lost(history);
  for (const auto& [message, operations] : by_message(history)) {
    const Operation* send = nullptr;
    std::uint64_t gone = 0;
    std::uint64_t maybe_gone = 0;
    std::uint64_t live = 0;
    for (const auto* o : operations) {
      if (is_ok(*o, Kind::send)) send = o;
      gone += removed(*o) ? 1 : 0;
      maybe_gone += may_have_removed(*o) ? 1 : 0;
      live += o->kind == Kind::state && o->dump == end.last_dump ? 1 : 0;
    }
    if (gone > 1) violation(findings, Invariant::i1, message + " was deleted twice");
    if (gone > 0 && live > 0) violation(findings, Invariant::i1, message + " was deleted and is still there");
    if (live > 1) violation(findings, Invariant::i1, message + " is there twice at the end");
    if (send == nullptr) continue;
    ++findings.checked;
    if (gone + live > 0) continue;
    const bool excused = maybe_gone > 0 || any_erase_reply_lost || purged(history, *send) ||
                         rules.may_expire.contains(send->queue);
    const bool complete = end.last_dump != 0 || end.drained.contains(send->queue);
    if (excused) continue;
    if (!complete) {
      ++findings.undecided;
    } else {
      violation(findings, Invariant::i1, message + " was acknowledged and is lost", true);
    }
  }
  return findings;
}

Findings check_bodies(const History& history, const Rules&) {
  Findings findings;
  std::map<BodyTag, const Operation*> sends;
  std::map<BodyTag, std::string> messages;
  for (const auto& o : history.operations) {
    if (o.kind == Kind::send && o.body && o.outcome != Outcome::fail) sends[*o.body] = &o;
  }
  for (const auto& o : history.operations) {
    const bool shown = is_grant(o) || (o.kind == Kind::state && o.body);
    if (o.body_bad) violation(findings, Invariant::i2, o.message + " has an altered body");
    if (!shown || !o.body) continue;
    ++findings.checked;
    const std::string tag = fmt::format("{}:{}", o.body->producer, o.body->number);
    const auto send = sends.find(*o.body);
    if (send == sends.end()) {
      violation(findings, Invariant::i2, fmt::format("{} has body {}, which nobody sent", o.message, tag));
      continue;
    }
    if (send->second->outcome == Outcome::ok && send->second->message != o.message) {
      violation(findings, Invariant::i2,
                fmt::format("body {} of {} came back as {}", tag, send->second->message, o.message));
    }
    if (o.end_us && *o.end_us < send->second->start_us) {
      violation(findings, Invariant::i2, fmt::format("{} was delivered before it was sent", o.message));
    }
    const auto [known, fresh] = messages.emplace(*o.body, o.message);
    if (!fresh && known->second != o.message) {
      violation(findings, Invariant::i2, fmt::format("one send of body {} made two messages", tag));
    }
  }
  return findings;
}

Findings check_exclusive_leases(const History& history, const Rules& rules) {
  Findings findings;
  for (const auto& [message, operations] : by_message(history)) {
    const Operations grants = grants_of(operations);
    for (std::size_t i = 1; i < grants.size(); ++i) {
      if (grants[i]->attempt == grants[i - 1]->attempt) continue;
      check_grant_pair(findings, operations, *grants[i - 1], *grants[i], rules);
    }
  }
  return findings;
}

Findings check_deleted_stays_deleted(const History& history, const Rules&) {
  Findings findings;
  for (const auto& [message, operations] : by_message(history)) {
    for (const auto* erase : operations) {
      if (!removed(*erase)) continue;
      ++findings.checked;
      for (const auto* later : operations) {
        if (!certainly_before(*erase, *later)) continue;
        if (is_grant(*later) && !later->again) {
          violation(findings, Invariant::i4, message + " was delivered after its delete was acknowledged");
        }
        if (later->kind == Kind::state) {
          violation(findings, Invariant::i4,
                    message + " is in a state dump after its delete was acknowledged");
        }
      }
    }
  }
  return findings;
}

Findings check_stale_receipts(const History& history, const Rules&) {
  Findings findings;
  for (const auto& [message, operations] : by_message(history)) {
    for (const auto* erase : operations) {
      if (!is_ok(*erase, Kind::erase) || erase->already_gone) continue;
      for (const auto* grant : operations) {
        if (!is_grant(*grant) || grant->attempt <= erase->attempt) continue;
        ++findings.checked;
        const bool indexed = grant->log_index != 0 && erase->log_index != 0;
        const bool stale = indexed ? grant->log_index < erase->log_index : certainly_before(*grant, *erase);
        const bool fresh = indexed || certainly_before(*erase, *grant);
        if (stale) {
          violation(findings, Invariant::i5,
                    fmt::format("{} was deleted by attempt {} after attempt {} was given out", message,
                                erase->attempt, grant->attempt));
        } else if (!fresh) {
          ++findings.undecided;
        }
      }
    }
  }
  return findings;
}

Findings check_one_place(const History& history, const Rules&) {
  Findings findings;
  std::map<std::pair<std::uint32_t, std::string>, std::string> places;
  std::map<std::uint32_t, std::int64_t> dumps;
  for (const auto& o : history.operations) {
    if (o.kind != Kind::state) continue;
    ++findings.checked;
    dumps.emplace(o.dump, o.start_us);
    const auto [known, fresh] = places.emplace(std::pair(o.dump, o.message), o.queue);
    if (!fresh) {
      violation(findings, Invariant::i8,
                fmt::format("{} is in {} and in {} at once", o.message, known->second, o.queue));
    }
  }
  for (const auto& [message, operations] :
       by_message(history)) {  // in neither queue between two dumps that show it
    std::set<std::uint32_t> seen;
    for (const auto* o : operations) {
      if (o->kind == Kind::state) seen.insert(o->dump);
    }
    if (seen.size() < 2) continue;
    for (const auto& [dump, time] : dumps) {
      if (dump > *seen.begin() && dump < *seen.rbegin() && !seen.contains(dump)) {
        violation(findings, Invariant::i8,
                  fmt::format("{} is nowhere in dump {} and back later", message, dump));
      }
    }
  }
  return findings;
}

Findings check_counts(const History& history, const Rules&) {
  Findings findings;
  for (const auto& [message, operations] : by_message(history)) {
    const Operations grants = grants_of(operations);
    if (!grants.empty()) check_first_grant(findings, history, *grants[0]);
    for (std::size_t i = 1; i < grants.size(); ++i) {
      check_count_pair(findings, history, operations, *grants[i - 1], *grants[i]);
    }
  }
  return findings;
}

Verdict judge(const History& history, const Rules& rules) {
  Verdict verdict;
  for (const auto& o : history.operations) verdict.ok_operations += o.outcome == Outcome::ok ? 1 : 0;
  for (const auto& [message, operations] : by_message(history)) {
    const auto grants = grants_of(operations);
    verdict.duplicates += grants.size() > 1 ? grants.size() - 1 : 0;
  }
  for (const auto check : {check_no_loss, check_bodies, check_exclusive_leases, check_deleted_stays_deleted,
                           check_stale_receipts, check_one_place, check_counts, check_linearizable}) {
    Findings found = check(history, rules);
    if (found.undecided * 20 > found.checked) {
      verdict.failure = fmt::format("{} of {} could not be decided", found.undecided, found.checked);
    }
    verdict.findings.add(std::move(found));
  }
  if (verdict.ok_operations < rules.ok_operations_min) {
    verdict.failure = fmt::format("only {} operations were ok", verdict.ok_operations);
  }
  if (!verdict.findings.violations.empty()) {
    const auto& first = verdict.findings.violations.front();
    verdict.failure = fmt::format("{} violations, the first of {}: {}", verdict.findings.violations.size(),
                                  name_of(first.invariant), first.what);
  }
  return verdict;
}

}  // namespace peerq::history
