#include "support/model/open_questions.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "support/model/reference_model.hpp"

namespace peerq::model {

namespace {

using Messages = std::map<Sequence, ModelMessage>;

Messages::iterator find(Messages& messages, MessageId id) {
  return std::find_if(messages.begin(), messages.end(),
                      [&](const auto& entry) { return entry.second.id == id; });
}

/// The message may have left since, by a later command of the entry.
std::string adopt_retry(Messages& messages, const OpenQuestion& question, const engine::MessageInfo* answer) {
  const auto at = find(messages, question.id);
  if (at == messages.end() || at->second.state != engine::MessageState::delayed) return {};
  if (answer == nullptr) return "a message in retry delay is missing";
  if (answer->due < question.due_min || answer->due > question.due_max)
    return "a retry delay is out of its range";
  at->second.due = answer->due;
  return {};
}

std::string adopt_positions(Messages& messages, const std::vector<const engine::MessageInfo*>& answers) {
  std::vector<Messages::node_type> nodes;
  std::set<Sequence> positions;
  for (const auto* answer : answers) {
    const auto at = find(messages, answer->id);
    if (at == messages.end()) return "an answer about an unknown message";
    positions.insert(at->first);
    nodes.push_back(messages.extract(at));
  }
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (positions.erase(answers[i]->sequence) == 0) return "dead-lettered messages have unexpected positions";
    nodes[i].key() = nodes[i].mapped().sequence = answers[i]->sequence;
    messages.insert(std::move(nodes[i]));
  }
  return {};
}

void adopt_cause(ReferenceModel& model, const OpenQuestion& question, engine::NoteRow& note,
                 const engine::NoteRow& answer) {
  const auto cause = answer.cause;
  const bool allowed = cause == engine::Cause::time_to_live || cause == engine::Cause::retention;
  if (!question.either_cause || !allowed) return;
  const auto outcome = model.outcomes.find(question.id);
  const bool told = outcome != model.outcomes.end() && outcome->second.cause == note.cause;
  if (told) outcome->second.cause = cause;
  note.cause = cause;
}

/// Gives the values that these groups have to them in another order.
void hand_out(const std::map<Sequence, ModelGroup*>& in_order, auto value) {
  std::set<std::uint64_t> values;
  for (const auto& [position, group] : in_order) values.insert(value(*group));
  auto next = values.begin();
  for (const auto& [position, group] : in_order) value(*group) = *next++;
}

/// Groups that began, or opened, with what arrived did so in the order of the arrivals.
void adopt_places(ModelQueue& queue, const std::vector<const engine::MessageInfo*>& answers) {
  std::map<std::string, Sequence> firsts;
  std::set<std::string> opened;
  for (const auto* answer : answers) {
    const auto& message = queue.messages.at(answer->sequence);
    if (message.group.empty()) continue;
    const auto first = firsts.try_emplace(message.group, answer->sequence).first;
    first->second = std::min(first->second, answer->sequence);
    if (message.opened && message.opened == queue.groups.at(message.group).place)
      opened.insert(message.group);
  }
  std::map<Sequence, ModelGroup*> begun;
  std::map<Sequence, ModelGroup*> in_order;
  for (const auto& [name, first] : firsts) {
    auto& group = queue.groups.at(name);
    if (group.age > queue.ages_before) begun[first] = &group;
    if (opened.contains(name)) in_order[first] = &group;
  }
  hand_out(begun, [](ModelGroup& group) -> std::uint64_t& { return group.age; });
  hand_out(in_order, [](ModelGroup& group) -> std::uint64_t& { return *group.place; });
}

}  // namespace

std::string adopt(ReferenceModel& model, QueueId queue, const std::vector<engine::MessageInfo>& answers) {
  const auto known = model.queues.find(queue);
  if (known == model.queues.end()) return {};
  auto& messages = known->second.messages;
  std::vector<const engine::MessageInfo*> moved;
  for (const auto& question : model.open) {
    if (question.queue != queue || question.kind == OpenQuestion::transfer) continue;
    const auto found = std::find_if(answers.begin(), answers.end(),
                                    [&](const auto& answer) { return answer.id == question.id; });
    const auto* answer = found == answers.end() ? nullptr : &*found;
    if (question.kind == OpenQuestion::retry) {
      if (auto wrong = adopt_retry(messages, question, answer); !wrong.empty()) return wrong;
      continue;
    }
    const auto at = find(messages, question.id);
    if (answer == nullptr && at == messages.end()) continue;  // it went on at once
    if (answer == nullptr || at == messages.end())
      return "an expired message is not in the dead-letter queue";
    adopt_cause(model, question, at->second.note, answer->note);
    moved.push_back(answer);
  }
  auto wrong = adopt_positions(messages, moved);
  if (wrong.empty()) adopt_places(known->second, moved);
  return wrong;
}

std::string adopt(ReferenceModel& model, QueueId queue, const std::vector<engine::MovingMessage>& answers) {
  std::map<MessageId, const OpenQuestion*> open;
  for (const auto& question : model.open) {
    if (question.queue == queue && question.kind == OpenQuestion::transfer) open[question.id] = &question;
  }
  std::map<engine::MovingRow::Key, std::uint64_t> places;  // and what comes before each
  std::map<MessageId, ModelMoving> moving;
  for (const auto& [key, one] : model.moving) {
    if (!open.contains(one.message.id)) continue;
    places[key] = one.after;
    moving[one.message.id] = one;
  }
  for (const auto& answer : answers) {
    if (!open.contains(answer.row.id)) continue;
    if (!places.contains(answer.key) || !moving.contains(answer.row.id))
      return "messages wait for another shard in unexpected places";
    auto& one = model.moving[answer.key] = moving[answer.row.id];
    one.after = places[answer.key];
    adopt_cause(model, *open[answer.row.id], one.message.note, answer.row.note);
  }
  return {};
}

}  // namespace peerq::model
