#pragma once
// What must hold for a directory that was recovered after a crash at some place of a recorded trace (I11):
// everything acknowledged before is there, nothing else is, and it is the state that this very log leads to.

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "support/crash/journal.hpp"
#include "support/crash/recovered.hpp"
#include "support/crash/trace.hpp"

namespace peerq::crash {

/// **Thread** one at a time.
class PowerOracle {
 public:
  PowerOracle(const Trace& trace, const std::vector<JournalEntry>& journal);

  /// What is wrong with what was recovered after a crash at `position`; empty = nothing.
  std::vector<std::string> check(const Recovered& recovered, std::uint64_t position);

  bool may_expire(const MessageId& id) const;

  /// Where the first node had been opened.
  std::uint64_t first_opened() const noexcept { return first_opened_; }

 private:
  static constexpr std::uint64_t never = ~std::uint64_t{0};

  /// All that is known of one send.
  struct Message {
    JournalEntry sent;
    /// When a call began that may have removed it, and when one was acknowledged that did.
    std::uint64_t may_be_gone = never;
    std::uint64_t is_gone = never;
    /// Leases, in the order of their acknowledgements.
    std::vector<std::pair<std::uint64_t, std::uint32_t>> leases = {};
  };
  struct QueueLife {
    std::uint64_t created = never;
    std::uint64_t deletion_began = never;
    std::uint64_t deleted = never;
  };
  using Lives = std::map<MessageId, const RecoveredMessage*>;
  struct Check;

  void add_removals(const std::vector<JournalEntry>& journal);
  void check_queues(Check& check) const;
  void check_shown(Check& check) const;
  void check_acknowledged(Check& check) const;
  void check_interval(Check& check) const;
  void check_counters(Check& check) const;
  void check_same_history(Check& check);
  bool is_in(const Message& message, Durability durability) const;

  const Trace* trace_;
  std::uint64_t first_opened_ = never;
  std::vector<Message> messages_;
  std::map<history::BodyTag, std::size_t> by_body_;
  std::map<MessageId, std::size_t> by_id_;
  std::map<std::string, QueueLife> queues_;
  /// By shard and index: what any image had there.
  std::map<std::pair<std::uint32_t, std::uint64_t>, std::uint64_t> records_;
  std::map<std::pair<std::uint32_t, std::uint64_t>, std::uint64_t> digests_;
};

}  // namespace peerq::crash
