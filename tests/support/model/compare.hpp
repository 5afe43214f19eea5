#pragma once
// Whether two answers are the same, in words, and how commands and states are shown.

#include <set>
#include <span>
#include <string>

#include "peerq/engine/command.hpp"
#include "peerq/engine/query.hpp"
#include "peerq/engine/reply.hpp"
#include "support/model/reference_model.hpp"
#include "support/model/system.hpp"

namespace peerq::model {

/// Empty when `actual` is an allowed outcome where the model says `expected`; else the first difference.
std::string difference(const engine::Effects& expected, const engine::Effects& actual,
                       std::span<const engine::Command> commands);

std::string show(const engine::EntryHeader& header, std::span<const engine::Command> commands);
std::string show(const engine::Reply& reply);
std::string show(const engine::MessageInfo& message);
/// What holds it in the order of the kinds.
std::string show(engine::Explanation explanation);
std::string show(const engine::GroupInfo& group);
/// Canonical text of a queue's counters and parameters that both sides know.
std::string show(const engine::QueueFacts& facts);

/// Canonical listing of everything the model holds.
std::string dump(const ReferenceModel& model);
/// The same of the system, by its queries; pages have `page` messages.
std::string dump(System& system, Stamps now, std::size_t page);
/// What is known of these messages' outcomes.
std::string outcomes(const std::set<MessageId>& ids, const ReferenceModel& model);
std::string outcomes(const std::set<MessageId>& ids, System& system);
/// Empty when both dumps are equal; else the lines that differ.
std::string first_difference(const std::string& expected, const std::string& actual);

}  // namespace peerq::model
