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

/// Groups that opened with what arrived did so in the order of the arrivals.
void adopt_places(ModelQueue& queue, const std::vector<const engine::MessageInfo*>& answers) {
  std::map<Sequence, ModelGroup*> opened;
  std::set<std::uint64_t> places;
  for (auto& [name, group] : queue.groups) {
    if (!group.place || *group.place <= queue.turn_before) continue;
    Sequence first{~std::uint64_t{0}};
    bool all = true;
    for (const auto& [position, message] : queue.messages) {
      if (message.group != name || message.state != engine::MessageState::ready) continue;
      all = all && std::any_of(answers.begin(), answers.end(),
                               [&](const auto* answer) { return answer->id == message.id; });
      first = std::min(first, position);
    }
    if (!all) continue;
    opened[first] = &group;
    places.insert(*group.place);
  }
  auto place = places.begin();
  for (auto& [position, group] : opened) group->place = *place++;
}

}  // namespace

std::string adopt(ReferenceModel& model, QueueId queue, const std::vector<engine::MessageInfo>& answers) {
  const auto known = model.queues.find(queue);
  if (known == model.queues.end()) return {};
  auto& messages = known->second.messages;
  std::vector<const engine::MessageInfo*> moved;
  for (const auto& question : model.open) {
    if (question.queue != queue) continue;
    const auto found = std::find_if(answers.begin(), answers.end(),
                                    [&](const auto& answer) { return answer.id == question.id; });
    const auto* answer = found == answers.end() ? nullptr : &*found;
    if (question.retry) {
      if (auto wrong = adopt_retry(messages, question, answer); !wrong.empty()) return wrong;
      continue;
    }
    const auto at = find(messages, question.id);
    if (answer == nullptr || at == messages.end())
      return "an expired message is not in the dead-letter queue";
    const auto cause = answer->note.cause;
    const bool allowed = cause == engine::Cause::time_to_live || cause == engine::Cause::retention;
    if (question.either_cause && allowed) at->second.note.cause = cause;
    moved.push_back(answer);
  }
  auto wrong = adopt_positions(messages, moved);
  if (wrong.empty()) adopt_places(known->second, moved);
  return wrong;
}

}  // namespace peerq::model
