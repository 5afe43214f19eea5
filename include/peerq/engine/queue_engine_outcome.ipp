#pragma once
// QueueEngine: what becomes of a message that somebody waits for (S77).

#include <algorithm>

#include "peerq/engine/queue_engine.hpp"

namespace peerq::engine {
inline namespace v1 {

/// Until when somebody waits for what is being sent; 0 = nobody does.
template <Tables T>
WallTime QueueEngine<T>::outcome_end(const SendItem& item) const {
  const WallTime wall = header_.stamps.wall;
  if (item.outcome_until.ms < 0) return wall + Milliseconds(-item.outcome_until.ms);
  return item.outcome_until > wall ? item.outcome_until : WallTime{};
}

template <Tables T>
void QueueEngine<T>::await_outcome(MessageId id, MessageRow& row, WallTime until) {
  if (until.ms == 0) return;
  row.has_outcome = true;
  OutcomeRow outcome;
  outcome.until = until;
  tables_->template insert<OutcomeRow>({id}, outcome);
  const OutcomeDueRow::Key due{until, id};
  tables_->template insert<OutcomeDueRow>(due, OutcomeDueRow{});
  outcome_due_.note(due);
}

/// The message's fate is known; the first one counts. False when nobody waits for it (any more).
template <Tables T>
bool QueueEngine<T>::settle_fate(const MessageKey& key, MessageRow& row, Fate fate, Cause cause,
                                 std::string_view error, Bytes result) {
  if (!row.has_outcome) return false;
  row.has_outcome = false;
  const OutcomeRow::Key id{row.id(key)};
  auto outcome = tables_->template find<OutcomeRow>(id);
  if (!outcome || outcome->fate != Fate::open) return false;
  outcome->fate = fate;
  outcome->cause = cause;
  outcome->error = error;
  outcome->result = as_text(result);
  tables_->template update<OutcomeRow>(id, *outcome);
  effects_->outcomes.push_back(id.id);
  return true;
}

/// False when nothing (more) is to be done in this entry.
template <Tables T>
bool QueueEngine<T>::sweep_one_outcome() {
  const OutcomeDueRow::Key end{WallTime{header_.stamps.wall.ms + 1}, {}};
  if (outcome_due_.nothing_before(end)) return false;
  const auto found = outcome_due_.first(*tables_, {}, {WallTime::never(), {}});
  if (!found || !(found->key < end)) return false;
  if (due_budget_ == 0) {
    more_due_ = true;
    return false;
  }
  --due_budget_;
  tables_->template erase<OutcomeDueRow>(found->key);
  tables_->template erase<OutcomeRow>({found->key.id});
  effects_->outcomes.push_back(found->key.id);
  return true;
}

template <Tables T>
Result<OutcomeRow> QueueEngine<T>::outcome(MessageId id) const {
  auto found = tables_->template find<OutcomeRow>({id});
  if (!found) return Error(errc::message_not_found, "nobody waits for an outcome of this message any more");
  return std::move(*found);
}

}  // namespace v1
}  // namespace peerq::engine
