#pragma once
// The reference model behind the System interface: for testing the comparison itself.

#include <algorithm>
#include <memory>
#include <span>
#include <string>

#include "support/model/reference_model.hpp"
#include "support/model/system.hpp"

namespace peerq::model {

class ModelSystem : public System {
 public:
  engine::Effects apply(const engine::EntryHeader& header,
                        std::span<const engine::Command> commands) override {
    engine::EntryView view;
    view.header = header;
    view.commands = commands;
    return model_.apply(view);
  }
  std::vector<QueueId> queues() override {
    std::vector<QueueId> ids;
    for (const auto& [id, queue] : model_.queues) ids.push_back(id);
    return ids;
  }
  const engine::QueueConfig* config(QueueId queue) override { return model_.config(queue); }
  std::uint64_t deliverable(QueueId queue) override { return model_.deliverable(queue); }
  Result<engine::QueueFacts> facts(QueueId queue, Stamps) override { return model_.facts(queue); }
  Result<engine::MessagePage> page(const engine::PageRequest& request, Stamps) override {
    engine::MessagePage page;
    for (auto& message : model_.list(request.queue)) {
      if (message.sequence <= request.after) continue;
      if (request.deliverable_only && message.state != engine::MessageState::ready) continue;
      if (page.messages.size() == request.max_messages) {
        page.next = page.messages.back().sequence;
        break;
      }
      page.messages.push_back(std::move(message));
    }
    return page;
  }
  Result<engine::MessageInfo> get(QueueId queue, MessageId id, Stamps) override {
    for (auto& message : model_.list(queue)) {
      if (message.id == id) return message;
    }
    return errc::message_not_found;
  }
  Result<engine::GroupPage> groups(QueueId queue, std::string_view after, std::size_t max) override {
    engine::GroupPage page;
    for (auto& group : model_.groups(queue)) {
      if (group.group_id <= after) continue;
      if (page.groups.size() == max) {
        page.next = page.groups.back().group_id;
        break;
      }
      page.groups.push_back(std::move(group));
    }
    return page;
  }
  engine::NextDue next_due() override {
    auto due = model_.next_due();
    due.lease = std::min(due.lease, model_.next_token());
    return due;
  }
  Result<engine::Explanation> explain(QueueId queue, MessageId id, Stamps) override {
    for (const auto& [position, message] : model_.queues.at(queue).messages) {
      if (message.id == id) return model_.explain(queue, position);
    }
    return errc::message_not_found;
  }
  Result<std::optional<engine::RedriveRow>> redrive(QueueId queue) override {
    return std::optional<engine::RedriveRow>(model_.queues.at(queue).redrive);
  }
  Result<std::vector<engine::ScheduleInfo>> schedules(QueueId queue, std::string_view, std::size_t) override {
    std::vector<engine::ScheduleInfo> all;
    for (const auto& [name, row] : model_.queues.at(queue).schedules) all.push_back({name, row});
    return all;
  }
  std::vector<QueueId> queues_moving() override {
    std::vector<QueueId> all;
    for (const auto& [key, moving] : model_.moving)
      if (all.empty() || all.back() != key.queue) all.push_back(key.queue);
    return all;
  }
  std::vector<engine::MovingMessage> moving(QueueId queue, std::size_t) override {
    std::vector<engine::MovingMessage> all;
    for (const auto& [key, moving] : model_.moving)
      if (key.queue == queue) all.push_back(moving_of(key, moving));
    return all;
  }
  Result<engine::OutcomeRow> outcome(MessageId message) override {
    const auto at = model_.outcomes.find(message);
    if (at == model_.outcomes.end()) return errc::message_not_found;
    return at->second;
  }

 private:
  ReferenceModel model_;
};

}  // namespace peerq::model
