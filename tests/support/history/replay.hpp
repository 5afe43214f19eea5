#pragma once
// I10 at full length: every reply in a history against what the reference model answers when the same log is
// applied to it. The test reads the log of the node and hands its entries over in their order.

#include <map>

#include "peerq/engine/command.hpp"
#include "support/history/checkers.hpp"
#include "support/model/reference_model.hpp"

namespace peerq::history {

/// "<incarnation><sequence>" as 32 hex digits: how histories name messages.
std::string message_name(MessageId id);

class LogReplay {
 public:
  /// Applies the log's next entry to the model and keeps its replies.
  void apply(LogIndex index, const engine::EntryView& entry);
  /// Compares every operation of the history that has a log index; the others count as undecided.
  Findings check(const History& history) const;

  const model::ReferenceModel& model() const noexcept { return model_; }

 private:
  struct Entry {
    std::vector<engine::Command> commands;
    std::vector<std::vector<engine::SettleItem>> settles;
    engine::Effects effects;
  };

  bool explains(const Entry& entry, const Operation& operation) const;

  model::ReferenceModel model_;
  std::map<std::uint64_t, Entry> entries_;
};

}  // namespace peerq::history
