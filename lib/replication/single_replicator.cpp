#include "replication/single_replicator.hpp"

#include <algorithm>
#include <utility>

#include "peerq/base/plant.hpp"

namespace peerq::replication {

namespace {

class SingleReplicator final : public port::Replicator {
 public:
  SingleReplicator(const port::ShardLogState& found, const SingleReplicatorOptions& options)
      : options_(options),
        term_(std::max({Term(1), found.hard.term, found.last_term})),
        hard_(found.hard),
        last_(found.last),
        durable_(found.last) {}

  bool leading() const noexcept override { return true; }
  Term term() const noexcept override { return term_; }
  LogIndex last() const noexcept override { return last_; }

  Result<LogIndex> propose(port::EntryType type, SharedBytes body, port::ReplicatorUpdate& update) override {
    last_ = next(last_);
    if (!options_.volatile_log) {
      auto& write = update.writes.emplace_back();
      write.shard = options_.shard;
      write.records.push_back({last_, term_, type, std::move(body)});
      write.hard = new_hard_state();
    }
    update.committed = committed();
    return last_;
  }

  void persisted(LogIndex index, port::ReplicatorUpdate& update) override {
    PEERQ_ASSERT(index <= last_);
    durable_ = std::max(durable_, index);
    update.committed = committed();
  }

 private:
  /// durable: an entry of a `sync` shard is committed when the log holds it, never before.
  LogIndex committed() const noexcept {
    const bool early =
        options_.volatile_log || options_.acknowledge_before_durable || PEERQ_PLANTED(ack_before_sync);
    return early ? last_ : durable_;
  }

  /// The stored term must be at least that of every record when Raft starts on this log: it goes along with
  /// the first one.
  std::optional<port::HardState> new_hard_state() noexcept {
    if (hard_.term == term_) return std::nullopt;
    hard_ = {term_, PeerId(0)};
    return hard_;
  }

  SingleReplicatorOptions options_;
  Term term_;
  port::HardState hard_;
  LogIndex last_;
  LogIndex durable_;
};

}  // namespace

std::unique_ptr<port::Replicator> make_single_replicator(const port::ShardLogState& found,
                                                         const SingleReplicatorOptions& options) {
  return std::make_unique<SingleReplicator>(found, options);
}

}  // namespace peerq::replication
