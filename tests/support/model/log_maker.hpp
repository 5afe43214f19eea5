#pragma once
// Makes entries out of genes: which command comes next, on what, at what time. Knows the model's state, so
// that it can aim at live leases, due times and dead-letter queues.

#include <deque>
#include <string>
#include <vector>

#include "peerq/engine/command.hpp"
#include "support/model/dice.hpp"
#include "support/model/reference_model.hpp"
#include "support/model/system.hpp"

namespace peerq::model {

/// Queues that a log has at once.
inline constexpr std::size_t name_count = 5;

class LogMaker {
 public:
  LogMaker(const ReferenceModel& model, System& system);

  /// The entry that is being filled.
  const engine::EntryHeader& header() const noexcept { return header_; }
  std::span<const engine::Command> commands() const noexcept { return commands_; }
  bool empty() const noexcept { return commands_.empty(); }

  /// When the next message expires if nothing happens.
  WallTime next_expiry() const;
  /// When the next run of a schedule is due, of those whose queues drop their oldest, or of all.
  WallTime next_run(bool where_oldest_drops) const;
  /// Sets the stamps of a new entry.
  void begin(Dice& dice);
  /// Adds a command.
  void add(Dice& dice);
  /// Remembers what the entry gave out, and forgets the entry.
  void finish(const engine::Effects& effects);

 private:
  struct Receipt {
    QueueId queue;
    engine::LeaseRef lease;
  };

  void draw_kind(Dice& dice);
  QueueId some_queue(Dice& dice) const;
  const QueueOptions* options_of(QueueId queue) const;
  Bytes keep(std::string text);
  void push(Dice& dice, engine::CommandBody body);
  void add_session(Dice& dice);
  SessionId bound_session() const;
  void add_several(Dice& dice);
  void add_transact(Dice& dice);
  void add_send(Dice& dice);
  engine::SendItem send_item(Dice& dice, QueueId queue);
  void add_receive(Dice& dice);
  void add_settle(Dice& dice);
  engine::SettleItem settle_item(Dice& dice, engine::Verb verb, QueueId queue);
  const Receipt& newest_receipt(Dice& dice);
  engine::LeaseRef some_lease(Dice& dice, QueueId queue);
  void add_kick(Dice& dice);
  void add_redrive(Dice& dice);
  void add_arrive(Dice& dice);
  void add_moved(Dice& dice);
  void add_schedule(Dice& dice);
  std::span<const std::int64_t> some_times(Dice& dice, std::size_t most);
  void add_cancel(Dice& dice);
  void add_change_group(Dice& dice);
  void add_window(Dice& dice);
  std::string some_group(Dice& dice, QueueId queue) const;
  Sequence some_position(Dice& dice) const;
  void add_configure(Dice& dice);
  void create(Dice& dice, std::size_t index);
  QueueOptions some_options(Dice& dice, std::size_t index) const;
  void some_flow(Dice& dice, QueueOptions& options) const;
  QueueId some_dead_letter(Dice& dice, std::size_t index) const;

  const ReferenceModel& model_;
  System& system_;
  engine::EntryHeader header_;
  std::vector<engine::Command> commands_;
  /// What commands point to; kept, so that a session can ask for the same again.
  std::deque<std::string> texts_;
  std::deque<std::vector<engine::SendItem>> sends_;
  std::deque<std::vector<engine::SettleItem>> settles_;
  std::deque<std::vector<MessageId>> ids_;
  std::deque<std::vector<std::int64_t>> turns_;
  std::deque<std::vector<engine::WeightedQueue>> queues_;
  std::deque<std::vector<engine::Transact::Part>> parts_;
  static constexpr std::size_t session_count = 3;
  std::array<std::uint64_t, session_count> last_sequences_{};
  /// All that were asked in sessions.
  std::vector<engine::Command> requests_;
  /// The live queue of each name, or 0. A queue's dead-letter queue has a higher place.
  std::vector<QueueId> names_;
  /// The first commands decide what kind of queues this log is about.
  std::vector<QueueType> types_;
  std::vector<Poison> poisons_;
  std::vector<QueueOptions> fixed_;
  bool with_retention_ = false;
  bool with_groups_ = false;
  bool with_priorities_ = false;
  bool with_deduplication_ = false;
  bool with_sessions_ = false;
  bool with_several_ = false;
  bool with_redrives_ = false;
  bool with_shards_ = false;
  bool with_schedules_ = false;
  bool with_requests_ = false;
  bool drawn_ = false;
  std::vector<QueueId> removed_;
  std::uint64_t next_queue_;
  std::vector<Receipt> receipts_;
  std::size_t oldest_receipt_ = 0;
  std::uint64_t arrivals_ = 0;
  std::vector<std::pair<SharedBytes, std::uint32_t>> bodies_;
};

}  // namespace peerq::model
