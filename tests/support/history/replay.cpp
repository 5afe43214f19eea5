#include "support/history/replay.hpp"

#include <fmt/format.h>

#include <variant>

namespace peerq::history {

namespace {

std::optional<engine::Verb> verb_of(Kind kind) {
  switch (kind) {
    case Kind::erase: return engine::Verb::erase;
    case Kind::extend: return engine::Verb::extend;
    case Kind::nack: return engine::Verb::nack;
    case Kind::release: return engine::Verb::release;
    case Kind::reject: return engine::Verb::reject;
    default: return std::nullopt;
  }
}

bool sent(const engine::Reply& reply, const Operation& o) {
  for (const auto& item : reply.items) {
    if (item.code == errc::ok && message_name(item.id) == o.message) return true;
  }
  return false;
}

bool granted(const engine::Reply& reply, const Operation& o) {
  if (o.empty) return reply.grants.empty();
  for (const auto& grant : reply.grants) {
    if (message_name(grant.id) == o.message && grant.lease.attempt == o.attempt &&
        grant.receive_count == o.receive_count) {
      return true;
    }
  }
  return false;
}

bool settled(const engine::Settle& settle, const engine::Reply& reply, const Operation& o) {
  if (settle.verb != verb_of(o.kind)) return false;
  for (std::size_t i = 0; i < reply.items.size(); ++i) {
    const auto& item = reply.items[i];
    if (settle.items[i].lease.attempt == o.attempt && item.code == o.code &&
        item.already_gone == o.already_gone && item.already_returned == o.already_returned) {
      return true;
    }
  }
  return false;
}

}  // namespace

std::string message_name(MessageId id) {
  return fmt::format("{:016x}{:016x}", id.incarnation.value, id.sequence.value);
}

void LogReplay::apply(LogIndex index, const engine::EntryView& view) {
  Entry entry;
  entry.effects = model_.apply(view);
  for (const auto& command : view.commands) {
    const auto* settle = std::get_if<engine::Settle>(&command.body);
    entry.settles.emplace_back();
    if (settle != nullptr) entry.settles.back().assign(settle->items.begin(), settle->items.end());
    entry.commands.push_back(command);
  }
  entries_[index.value] = std::move(entry);
}

bool LogReplay::explains(const Entry& entry, const Operation& o) const {
  for (std::size_t i = 0; i < entry.commands.size(); ++i) {
    const auto& body = entry.commands[i].body;
    const auto& reply = entry.effects.replies[i];
    if (o.kind == Kind::send && std::holds_alternative<engine::Send>(body) && sent(reply, o)) return true;
    if (o.kind == Kind::receive && std::holds_alternative<engine::Receive>(body) && granted(reply, o))
      return true;
    if (o.kind == Kind::purge && std::holds_alternative<engine::Purge>(body)) return true;
    if (o.kind == Kind::kick && std::holds_alternative<engine::Kick>(body)) return true;
    if (const auto* command = std::get_if<engine::Settle>(&body)) {
      engine::Settle settle = *command;
      settle.items = entry.settles[i];
      if (settled(settle, reply, o)) return true;
    }
  }
  return false;
}

Findings LogReplay::check(const History& history) const {
  Findings findings;
  for (const auto& o : history.operations) {
    if (o.outcome != Outcome::ok || o.kind == Kind::state || o.kind == Kind::drained) continue;
    ++findings.checked;
    const auto entry = entries_.find(o.log_index);
    if (o.log_index == 0) {
      ++findings.undecided;
    } else if (entry == entries_.end() || !explains(entry->second, o)) {
      findings.violations.push_back({Invariant::i10, "the log does not explain: " + to_text(o)});
    }
  }
  return findings;
}

}  // namespace peerq::history
