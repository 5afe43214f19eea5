#pragma once
// The queues of one shard as a function of its log: apply(entry) -> replies + effects. Deterministic and
// pure: no clock, no I/O, no threads, no randomness. What it keeps in memory between entries is derived from
// the tables and never changes an answer.
//
// Invariants. A message's rows are those that rows.hpp lists for its state. Counters are exact after every
// entry. Commands check first and change then. A message that changes state is *taken out* (rows and counter
// of its old state go), then put somewhere (ready, delayed, in flight, parked, the dead-letter queue) or
// discarded. Must not: read a payload, throw anything but `TablesFailure`, assert on what data or users can
// cause.
//
// Parts: queue_engine_*.ipp, each with what its first line says.

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "peerq/base/plant.hpp"
#include "peerq/base/result.hpp"
#include "peerq/engine/command.hpp"
#include "peerq/engine/handout.hpp"
#include "peerq/engine/lower_bound.hpp"
#include "peerq/engine/query.hpp"
#include "peerq/engine/queue_context.hpp"
#include "peerq/engine/reply.hpp"
#include "peerq/engine/retry.hpp"
#include "peerq/engine/sessions.hpp"
#include "peerq/engine/tables.hpp"

namespace peerq::engine {
inline namespace v1 {

/// The state machine of a shard of queues, over tables that it does not own.
///
/// **Errors** every member lets `TablesFailure` through; after one the engine and its tables must be dropped
/// (S55).
/// **Thread** one at a time.
template <Tables T>
class QueueEngine {
 public:
  explicit QueueEngine(T& tables) noexcept : tables_(&tables), sessions_(tables) {}
  QueueEngine(const QueueEngine&) = delete;
  QueueEngine& operator=(const QueueEngine&) = delete;

  /// Applies one entry: what its stamps made due, its commands, a slice of reclaiming. `effects` is cleared
  /// first.
  /// **Errors** `TablesFailure{version_mismatch}` for an entry of a newer format, before any change (S53).
  void apply(LogIndex index, const EntryView& entry, Effects& effects);

  /// When the shard next needs an entry although nobody asks for anything.
  NextDue next_due() const;

  /// The queue's parameters, or null when this shard does not know it or it was deleted. Valid until `apply`.
  const QueueConfig* config(QueueId queue) const;
  /// How many messages a receive could get at once: ready, unless paused or at the in-flight cap.
  std::uint64_t deliverable(QueueId queue) const;
  /// Groups of a FIFO queue that may give something now, as far as `max`: each gives to one receive (S43).
  std::uint64_t open_groups(QueueId queue, std::uint64_t max) const;
  /// The message under whose deduplication id a send at `now` would be a duplicate (S17).
  std::optional<MessageId> sent_as(QueueId queue, const SendItem& item, WallTime now) const;
  /// Whether a transaction at `now` would take this receipt (S76).
  Result<void> lease_state(QueueId queue, const LeaseRef& lease, Stamps now) const;
  /// What counts against its limits; zero for a queue that the shard does not know.
  Depth depth(QueueId queue) const;
  /// Whether leases of a receive with this attempt id may be live (S21).
  bool remembers(QueueId queue, std::string_view attempt_id) const;
  /// Whether the session's request has a reply that its repetition gets (S18).
  bool remembers(const Origin& origin) const;
  /// Whether the session is open, or about to end.
  bool has_session(SessionId session) const { return sessions_.has(session); }
  /// Epoch of the receipts now given (S58).
  std::uint32_t receipt_epoch(QueueId queue) const;
  /// Exact counters. **Errors** queue_not_found, queue_deleted.
  Result<QueueFacts> facts(QueueId queue, Stamps now) const;
  /// A page of messages in the order of handing out (`deliverable_only`) or of sequence (S28).
  /// **Errors** queue_not_found, queue_deleted, invalid_argument.
  Result<MessagePage> page(const PageRequest& request, Stamps now) const;
  /// One message by id. **Errors** queue_not_found, queue_deleted, message_not_found.
  Result<MessageInfo> get(QueueId queue, MessageId id, Stamps now) const;
  /// Why a message is not handed out now. **Errors** queue_not_found, queue_deleted, message_not_found.
  Result<Explanation> explain(QueueId queue, MessageId id, Stamps now) const;
  /// Groups by name, after the one given. **Errors** queue_not_found, queue_deleted.
  Result<GroupPage> groups(QueueId queue, std::string_view after, std::size_t max) const;
  /// The redrive of a dead-letter queue, under way or the last one. **Errors** queue_not_found,
  /// queue_deleted.
  Result<std::optional<RedriveRow>> redrive(QueueId queue) const;
  /// The first messages that wait to be taken over by another shard, in the order of their chains (S41).
  std::vector<MovingMessage> moving(QueueId queue, std::size_t max) const;
  std::vector<MovingMessage> moving(QueueId queue, QueueId target, std::size_t max) const;
  /// To which queues they go, each once.
  std::vector<QueueId> targets_moving(QueueId queue) const;
  /// Queues that have such messages; some of them may be deleted.
  std::vector<QueueId> queues_moving() const;
  /// What became of a message that was sent with `outcome_until`. **Errors** message_not_found.
  Result<OutcomeRow> outcome(MessageId message) const;
  /// Recurring schedules by name, after the one given. **Errors** queue_not_found, queue_deleted.
  Result<std::vector<ScheduleInfo>> schedules(QueueId queue, std::string_view after, std::size_t max) const;
  /// What was resolved of the queue's delivery windows; none = nothing, or for older parameters.
  std::optional<WindowRow> window(QueueId queue) const;
  /// Every live queue of the shard with the version it has, by id.
  std::vector<std::pair<QueueId, std::uint64_t>> queues() const;

 private:
  /// Queues kept in memory between entries.
  static constexpr std::size_t contexts_max = 1'024;
  /// Groups kept between entries, of all queues.
  static constexpr std::size_t groups_held_max = 4'096;
  /// Stands in a queue's timer for its redrive, where others have a group.
  static constexpr std::uint64_t redrive_timer = ~std::uint64_t{0};

  /// A message on its way into a queue from another one.
  struct Newcomer {
    QueueId queue;
    MessageId id;
    std::uint8_t priority = 0;
    /// Empty = none.
    std::string group;
    MessageRow row;
    NoteRow note;
    bool redriven = false;
    /// Another shard did not take it.
    bool came_back = false;
    bool parked = false;
  };
  /// What a redrive does next.
  enum class Turn : std::uint8_t { next, moved, wait, end };
  /// What a send or a transaction asks of a queue.
  struct Demand {
    std::uint64_t freed = 0;
    std::uint64_t freed_bytes = 0;
    std::uint64_t count = 0;
    std::uint64_t bytes = 0;
    std::uint8_t lowest = limits::priority_max;
    std::set<std::string> ids = {};
  };
  /// What has to go for the sends of a transaction.
  using Victims = std::map<QueueId, std::vector<MessageKey>>;
  /// A walk over a lane for what may be dropped.
  struct OldestReady {
    std::uint8_t lane = 0;
    std::uint64_t number = 0;
    std::size_t looks_left = limits::receive_skip_budget;
  };
  /// A page under way.
  struct Reading {
    const PageRequest* request;
    Stamps now;
    std::size_t looks_left = limits::page_max;
    MessagePage page{};
    bool full = false;
  };

  // apply
  void begin(const EntryView& entry, Effects& effects);
  void finish();
  void write_back(QueueContext& queue);
  void tell(QueueContext& queue);
  void run(const Command& command, Reply& reply);
  void on(const Tick&, const Origin&, Reply&) {}
  void on(const Send& command, const Origin&, Reply& reply) { send(command, reply); }
  void on(const Receive& command, const Origin& origin, Reply& reply) {
    receive(command, origin.session, reply);
  }
  void on(const Settle& command, const Origin&, Reply& reply) { settle(command, reply); }
  void on(const Kick& command, const Origin&, Reply& reply) { kick(command, reply); }
  void on(const Purge& command, const Origin&, Reply& reply) { purge(command, reply); }
  void on(const OpenSession& command, const Origin&, Reply& reply) { open_session(command, reply); }
  void on(const CloseSession& command, const Origin&, Reply&) { close_session(command.session); }
  void on(const Transact& command, const Origin&, Reply& reply) { transact(command, reply); }
  void on(const ReceiveSeveral& command, const Origin&, Reply& reply) { receive_several(command, reply); }
  void on(const Cancel& command, const Origin&, Reply& reply) { cancel(command, reply); }
  void on(const ChangeGroup& command, const Origin&, Reply& reply) { change_group(command, reply); }
  void on(const SetWindow& command, const Origin&, Reply& reply) { set_window(command, reply); }
  void on(const StartRedrive& command, const Origin&, Reply& reply) { start_redrive(command, reply); }
  void on(const StopRedrive& command, const Origin&, Reply& reply) { stop_redrive(command, reply); }
  void on(const Arrive& command, const Origin&, Reply& reply) { take_over(command, reply); }
  void on(const Moved& command, const Origin&, Reply& reply) { end_move(command, reply); }
  void on(const PutSchedule& command, const Origin&, Reply& reply) { put_schedule(command, reply); }
  void on(const ExtendSchedule& command, const Origin&, Reply& reply) { extend_schedule(command, reply); }
  void on(const RemoveSchedule& command, const Origin&, Reply& reply) { remove_schedule(command, reply); }
  void on(const Configure& command, const Origin&, Reply& reply) { configure(command, reply); }
  void on(const NewEpoch& command, const Origin&, Reply& reply) { new_epoch(command, reply); }
  void on(const auto&, const Origin&, Reply& reply) {
    fail(reply, errc::invalid_argument, "a command of the catalog in a shard of queues");
  }
  void run_once(const Command& command, Reply& reply);
  QueueContext* lookup(QueueId queue) const;
  bool read_context(QueueId id, QueueContext& queue) const;
  const QueueContext* look(QueueId queue) const;
  QueueContext& touch(QueueContext& queue);
  QueueContext& need_context(QueueId queue);
  QueueContext* use(QueueId queue, Reply& reply);
  MessageRow need_message(const MessageKey& key) const;
  [[noreturn]] static void damaged(const char* what, const MessageKey& key);
  static void fail(Reply& reply, errc code, std::string detail = {});

  // send
  void send(const Send& command, Reply& reply);
  Error check_item(const QueueContext& queue, const SendItem& item) const;
  Error check_group(const QueueContext& queue, const SendItem& item) const;
  Error check_depth(const QueueContext& queue, const Demand& demand) const;
  bool check_all(QueueContext& queue, const Send& command, Reply& reply);
  Error send_one(QueueContext& queue, const SendItem& item, ItemReply& reply, bool waits);
  bool is_duplicate(const QueueContext& queue, const SendItem& item, ItemReply& reply) const;
  void add(QueueContext& queue, const SendItem& item, ItemReply& reply);
  static Error failed_before(std::span<const SendItem> before, const std::vector<ItemReply>& replies,
                             const SendItem& item);
  MessageId append(QueueContext& queue, const SendItem& item);
  SharedBytes payload_of(const SendItem& item) const;
  LaneContext& open_lane(QueueContext& queue, std::uint8_t lane) const;

  // overflow
  bool make_room(QueueContext& queue, const Demand& demand);
  bool find_room(QueueContext& queue, const Demand& demand, std::vector<MessageKey>& victims);
  template <class Enough>
  void find_victims(QueueContext& queue, std::uint8_t level, std::vector<MessageKey>& victims,
                    std::uint64_t& freed, const Enough& enough);
  std::optional<Found<MessageRow>> next_victim(QueueContext& queue, std::uint8_t level, OldestReady& from);
  void drop(QueueContext& queue, const MessageKey& key);

  // transact
  void transact(const Transact& command, Reply& reply);
  bool check_transaction(const Transact& command, Victims& victims, Reply& reply);
  bool check_parts(const Transact& command, Reply& reply);
  bool check_erase(QueueContext& queue, const SettleItem& item, Demand& demand, Reply& reply);
  errc check_lease(const QueueContext& queue, const LeaseRef& lease, const MessageRow* row) const;
  void count_send(const QueueContext& queue, const SendItem& item, Demand& demand) const;
  bool check_demand(QueueContext& queue, const Demand& demand, std::vector<MessageKey>& victims,
                    Reply& reply);

  // deduplicate
  std::optional<MessageId> duplicate_of(const QueueContext& queue, const SendItem& item) const;
  static bool is_deduplicated(const QueueContext& queue, const SendItem& item);
  void remember_send(QueueContext& queue, const SendItem& item, const MessageKey& key, MessageRow& row);
  void forget_send(QueueContext& queue, const std::string& id);
  void forget_send_of(QueueContext& queue, const MessageKey& key);
  bool reclaim_deduplication(QueueContext& queue, std::size_t& budget);
  void drop_deduplication(const MessageKey& key, const MessageRow& row);

  // session
  bool is_kept(const Command& command, const Reply& reply) const;
  static StoredReply stored_of(const Command& command, const Reply& reply);
  void repeat(const StoredReply& stored, Reply& reply) const;
  void open_session(const OpenSession& command, Reply& reply);
  void close_session(SessionId session);
  bool end_session(SessionId session, std::size_t& budget);
  bool sweep_one_session();

  // receive
  void receive(const Receive& command, SessionId session, Reply& reply);
  static bool check_receive(const Receive& command, Reply& reply);
  Handout begin_handout(QueueContext& queue, const Receive& command, Reply& reply);
  void end_handout(QueueContext& queue);
  void receive_several(const ReceiveSeveral& command, Reply& reply);
  static bool check_several(const ReceiveSeveral& command, Reply& reply);
  bool take_from(std::vector<Share>& shares, std::uint64_t& bytes_left, Reply& reply);
  void hand_out(QueueContext& queue, Handout& handout);
  bool hand_over(QueueContext& queue, Pick& pick, Handout& handout);
  bool has_any(QueueContext& queue, Handout& handout);
  static void take_credit(QueueContext& queue, std::uint8_t level);
  std::string group_name(QueueId queue, std::uint64_t number) const;
  bool follow_group(QueueContext& queue, std::uint64_t group, Handout& handout);
  static bool fits(const MessageRow& row, Handout& handout);
  std::optional<Pick> next_pick(QueueContext& queue, Handout& handout);
  std::optional<Pick> next_weighted(QueueContext& queue, Handout& handout);
  std::optional<Pick> next_aged(QueueContext& queue, Handout& handout);
  std::optional<Pick> next_at(QueueContext& queue, std::uint8_t level, Handout& handout);
  std::optional<Found<MessageRow>> next_in_group(QueueContext& queue, std::uint64_t group, std::uint8_t level,
                                                 Handout& handout);
  bool is_fit(QueueContext& queue, Found<MessageRow>& found, Handout& handout);
  std::optional<Found<MessageRow>> next_in_lane(QueueContext& queue, std::uint8_t lane, Handout& handout);
  std::optional<Found<MessageRow>> fresh_before(QueueContext& queue, std::uint8_t lane, Sequence limit,
                                                std::size_t& budget);
  Sequence first_returned(const QueueContext& queue, LaneContext& lane, std::uint8_t number) const;
  void lease(QueueContext& queue, Found<MessageRow>& found, Handout& handout);
  void fill(Grant& grant, const MessageKey& key, const MessageRow& row) const;
  bool repeat_receive(QueueContext& queue, const Receive& command, Reply& reply);
  void remember_attempt(QueueContext& queue, const Receive& command, const Reply& reply, std::uint64_t token);

  // group
  std::uint64_t open_group(QueueContext& queue, std::string_view name);
  GroupContext* find_group(QueueContext& queue, std::uint64_t number);
  GroupContext& need_group(QueueContext& queue, std::uint64_t number);
  void renew_group(QueueContext& queue, std::uint64_t number, GroupRow& row);
  bool forget_purged(QueueContext& queue, std::uint64_t number);
  bool is_open(QueueContext& queue, GroupRow& row);
  std::uint16_t ranks_of(QueueContext& queue, std::uint64_t number, GroupRow& row);
  std::optional<Found<GroupOrderRow>> first_of_group(const QueueContext& queue, std::uint64_t number,
                                                     std::uint8_t level) const;
  void place_group(QueueContext& queue, std::uint64_t number, GroupRow& row);
  void erase_ranks(QueueContext& queue, std::uint64_t number, GroupRow& row, unsigned levels);
  void insert_ranks(QueueContext& queue, std::uint64_t number, GroupRow& row, unsigned levels);
  void to_the_end(QueueContext& queue, std::uint64_t number, GroupRow& row);
  std::optional<RankRow::Key> next_group(QueueContext& queue, std::uint8_t level) const;
  void join_group(QueueContext& queue, const MessageKey& key, const MessageRow& row);
  void leave_group(QueueContext& queue, const MessageRow& row);
  static std::uint8_t level_of(const QueueContext& queue, const MessageRow& row);
  void hold_group_until(QueueContext& queue, std::uint64_t number, GroupRow& row, WallTime until);
  WallTime longest_delay(const QueueContext& queue, std::uint64_t number) const;
  void shrink_group(QueueContext& queue, std::uint64_t number);
  std::optional<Sequence> first_flight(const QueueContext& queue, std::uint64_t number, Sequence from) const;
  void return_followers(QueueContext& queue, std::uint64_t number, Sequence after);
  void write_groups(QueueContext& queue);
  bool write_group(QueueContext& queue, std::uint64_t number, GroupContext& group);
  void change_group(const ChangeGroup& command, Reply& reply);

  // rate
  std::uint64_t tokens(const RateLimit& rate, TokenBucket& bucket) const;
  void spend(const RateLimit& rate, TokenBucket& bucket) const;
  bool is_full(const RateLimit& rate, TokenBucket& bucket) const;
  LeaseTime when_filled(const RateLimit& rate, TokenBucket& bucket, std::int64_t units) const;
  void arm_group_timer(QueueContext& queue, std::uint64_t number, GroupRow& row, LeaseTime at);
  void disarm_group_timer(QueueContext& queue, std::uint64_t number, GroupRow& row);
  void arm_queue_timer(QueueContext& queue);
  void insert_timer(const GroupTimerRow::Key& key);
  bool sweep_one_timer();

  // settle
  void settle(const Settle& command, Reply& reply);
  ItemReply settle_one(QueueContext& queue, Verb verb, const SettleItem& item);
  ItemReply settle_live(QueueContext& queue, Verb verb, const SettleItem& item, const MessageKey& key,
                        MessageRow& row);
  ItemReply settle_ended(QueueContext& queue, Verb verb, const SettleItem& item, const MessageKey& key,
                         MessageRow& row);
  static bool value_allowed(Verb verb, std::int64_t value_ms);
  bool was_given(const QueueContext& queue, Sequence sequence) const;
  static ItemReply gone(Verb verb);
  ItemReply erase_message(QueueContext& queue, const SettleItem& item, const MessageKey& key,
                          MessageRow& row);
  ItemReply extend(QueueContext& queue, const SettleItem& item, const MessageKey& key, MessageRow& row);
  ItemReply nack(QueueContext& queue, std::int64_t delay_ms, const SettleItem& item, const MessageKey& key,
                 MessageRow& row);
  ItemReply reject(QueueContext& queue, const SettleItem& item, const MessageKey& key, MessageRow& row);
  void move_deadline(const MessageKey& key, MessageRow& row, LeaseTime deadline);
  void keep_reason(const MessageKey& key, MessageRow& row, Bytes reason);

  // cancel
  void cancel(const Cancel& command, Reply& reply);
  ItemReply cancel_one(QueueContext& queue, MessageId id);
  void unpark_group(QueueContext& queue, std::uint64_t number, GroupRow& group);

  // kick
  void kick(const Kick& command, Reply& reply);
  ItemReply kick_one(QueueContext& queue, MessageId id, std::uint64_t& kicked);
  void kick_front(QueueContext& queue, std::uint32_t max_messages, Reply& reply);
  void unpark(QueueContext& queue, const MessageKey& key, MessageRow& row);
  std::optional<Sequence> locate(const QueueContext& queue, MessageId id) const;

  // state
  LeaseTime lease_now() const noexcept;
  bool is_window_closed(const QueueContext& queue) const;
  bool exists(const QueueContext& queue, Sequence sequence) const noexcept;
  std::optional<MessageRow> current(QueueContext& queue, const MessageKey& key);
  bool bring_up_to_date(QueueContext& queue, const MessageKey& key, MessageRow& row);
  bool bring_up_to(WallTime wall, QueueContext& queue, const MessageKey& key, MessageRow& row);
  static Cause expiry(const QueueContext& queue, const MessageRow& row, WallTime wall, bool halted);
  void take_out(QueueContext& queue, const MessageKey& key, MessageRow& row);
  void erase_state_rows(QueueContext& queue, const MessageKey& key, const MessageRow& row);
  void enter_ready(QueueContext& queue, const MessageKey& key, MessageRow& row);
  void enter_delayed(QueueContext& queue, const MessageKey& key, MessageRow& row);
  void enter_flight(QueueContext& queue, const MessageKey& key, MessageRow& row);
  void enter_parked(QueueContext& queue, const MessageKey& key, MessageRow& row);
  void insert_lease_due(const MessageKey& key, LeaseTime deadline);
  void insert_wall_due(const WallDueRow::Key& key);
  void insert_timer(const WallDueRow::Key& key);
  void erase_timer(const WallDueRow::Key& key);
  void insert_aged(QueueContext& queue, const MessageKey& key, const MessageRow& row);
  bool put_back(QueueContext& queue, const MessageKey& key, MessageRow& row, std::int64_t delay_ms);
  bool end_attempt(QueueContext& queue, const MessageKey& key, MessageRow& row, std::int64_t delay_ms);
  bool end_group_lease(QueueContext& queue, const MessageKey& key, MessageRow& row);
  bool park_group(QueueContext& queue, const MessageKey& key, MessageRow& row);
  void discard(QueueContext& queue, const MessageKey& key, const MessageRow& row);
  void erase_message_rows(QueueContext& queue, const MessageKey& key, const MessageRow& row);
  void erase_identity_rows(QueueContext& queue, const MessageKey& key, const MessageRow& row);
  void forget_lease(QueueContext& queue, Sequence sequence, std::uint64_t token);
  void announce(QueueContext& queue) noexcept { queue.announced = true; }

  // dead_letter
  bool dead_letter_or_park(QueueContext& queue, const MessageKey& key, MessageRow& row, Cause cause);
  void expire(QueueContext& queue, const MessageKey& key, MessageRow& row, Cause cause);
  QueueContext* look_up_other(QueueId queue);
  bool to_dead_letter_queue(QueueContext& queue, const MessageKey& key, MessageRow& row, Cause cause);
  NoteRow dead_letter_note(const QueueContext& queue, const MessageKey& key, const MessageRow& row,
                           Cause cause) const;
  void dead_letter(QueueContext& queue, const MessageKey& key, MessageRow& row, NoteRow note,
                   QueueContext& target);
  void park(QueueContext& queue, const MessageKey& key, MessageRow& row, Cause cause);
  void arrive(const Newcomer& newcomer);
  void place_newcomer(QueueContext& queue, const MessageKey& key, const Newcomer& newcomer, MessageRow& row);
  static std::uint8_t priority_of(const MessageKey& key, const MessageRow& row) noexcept;
  NoteRow read_note(const MessageKey& key, const MessageRow& row) const;
  void write_note(const MessageKey& key, MessageRow& row, const NoteRow& note);

  // moving
  void send_away(QueueContext& queue, const MessageKey& key, MessageRow& row, QueueId target, NoteRow note,
                 std::uint64_t redrive);
  void number_transfer(QueueContext& queue, QueueId target, MovingRow moving);
  void take_over(const Arrive& command, Reply& reply);
  void end_move(const Moved& command, Reply& reply);
  QueueContext* remove_moving(const MovingRow::Key& key, const MovingRow& moving);
  bool comes_back(const Arrive& command);
  void come_back(QueueContext& queue, MovingRow moving);

  // redrive
  void start_redrive(const StartRedrive& command, Reply& reply);
  void stop_redrive(const StopRedrive& command, Reply& reply);
  void arm_redrive(QueueContext& queue, RedriveRow& row, LeaseTime at);
  void finish_redrive(QueueContext& queue, RedriveRow& row);
  void drop_redrive(QueueContext& queue);
  void go_on_redriving();
  void redrive_slice(QueueContext& queue);
  Turn redrive_one(QueueContext& queue, RedriveRow& redrive);
  static Turn pass(RedriveRow& redrive, const MessageKey& key, std::uint64_t* counter);
  std::optional<Found<MessageRow>> next_to_redrive(const QueueContext& queue, RedriveRow& redrive) const;
  void redrive_here(QueueContext& queue, const MessageKey& key, MessageRow& row, QueueContext& target,
                    NoteRow note);

  // outcome
  WallTime outcome_end(const SendItem& item) const;
  void await_outcome(MessageId id, MessageRow& row, WallTime until);
  bool settle_fate(const MessageKey& key, MessageRow& row, Fate fate, Cause cause = Cause::none,
                   std::string_view error = {}, Bytes result = {});
  bool sweep_one_outcome();

  // schedule
  void put_schedule(const PutSchedule& command, Reply& reply);
  static ScheduleRow schedule_row(const PutSchedule& command);
  Error check_schedule(const QueueContext& queue, const PutSchedule& command) const;
  void extend_schedule(const ExtendSchedule& command, Reply& reply);
  void remove_schedule(const RemoveSchedule& command, Reply& reply);
  void erase_schedule(const ScheduleKey& key, const ScheduleRow& row);
  void drop_schedules(const QueueContext& queue);
  static void add_runs(ScheduleRow& row, std::span<const std::int64_t> runs_ms);
  void arm_schedule(const QueueContext& queue, const ScheduleKey& key, const ScheduleRow& row);
  void disarm_schedule(const ScheduleKey& key, const ScheduleRow& row);
  bool sweep_one_schedule();
  void take_runs(QueueContext& queue, ScheduleRow& row);
  bool take_run_budget(const ScheduleRow& row);
  void miss_run(QueueContext& queue, ScheduleRow& row);
  void send_owed(QueueContext& queue, ScheduleRow& row);
  void send_run(QueueContext& queue, ScheduleRow& row);

  // due
  void sweep();
  bool sweep_one_lease();
  bool sweep_one_wall();
  bool sweep_one_far(std::uint64_t last);
  static constexpr FarDueRow::Key far_due_end() noexcept {
    return {~std::uint64_t{0}, QueueId{0}, Sequence{0}, WallDue::delay};
  }
  void free_group(QueueContext& queue, const WallDueRow::Key& due);
  void turn_window(QueueContext& queue, const WallDueRow::Key& due);
  void set_window(const SetWindow& command, Reply& reply);
  void drop_window(QueueContext& queue);
  void sweep_message(QueueContext& queue, const WallDueRow::Key& due);
  static bool is_expiry(WallDue kind) noexcept;
  std::optional<WallDueRow::Key> first_wall_due(const WallDueRow::Key& to, bool halted) const;
  void arm_retention(QueueContext& queue, WallTime base);
  void arm_retention_at(QueueContext& queue, WallTime at);
  void disarm_retention(QueueContext& queue);
  void fire_retention(QueueContext& queue, WallTime at);
  std::optional<WallTime> expire_fresh(QueueContext& queue, std::uint8_t lane, WallTime at);
  std::optional<WallTime> expire_aged(QueueContext& queue, WallTime at);
  void expire_one_aged(QueueContext& queue, const AgedRow::Key& aged);

  // configure
  void configure(const Configure& command, Reply& reply);
  void create(const QueueConfig& config);
  void reconfigure(QueueContext& queue, const QueueConfig& config);
  void remove(QueueContext& queue);
  void purge(const Purge& command, Reply& reply);
  std::uint64_t purge_messages(QueueContext& queue);
  void schedule_reclaim(QueueContext& queue, bool removed);
  void reclaim();
  bool reclaim_queue(QueueContext& queue, std::size_t& budget);
  bool reclaim_ranks(QueueContext& queue, std::size_t& budget);
  bool reclaim_groups(QueueContext& queue, std::size_t& budget);
  void reclaim_message(QueueContext& queue, const MessageKey& key, MessageRow row);
  bool reclaim_transfers(const QueueContext& queue, std::size_t& budget);
  void finish_reclaim(QueueContext& queue);
  bool reclaim_waits() const;
  void new_epoch(const NewEpoch& command, Reply& reply);
  const EpochRow& epoch() const;

  // explain
  void explain_message(const QueueContext& queue, const MessageKey& key, const MessageRow& row, Stamps now,
                       Explanation& out) const;
  static std::int64_t lease_left_ms(const MessageRow& row, Stamps now) noexcept;
  void explain_group(const QueueContext& queue, const MessageKey& key, const MessageRow& row, Stamps now,
                     Explanation& out) const;
  void explain_queue(const QueueContext& queue, Stamps now, Explanation& out) const;
  static std::int64_t token_wait_ms(const RateLimit& rate, TokenBucket bucket, LeaseTime now);

  // query
  template <class Row>
  std::optional<Found<Row>> first_between(const typename Row::Key& from, const typename Row::Key& to) const;
  static Error absent(const QueueContext* queue);
  std::optional<WallTime> oldest(const QueueContext& queue) const;
  std::optional<WallTime> oldest_ready(const QueueContext& queue, std::uint8_t lane) const;
  bool shows(const QueueContext& queue, const MessageRow& row, const Reading& reading) const;
  void read_deliverable(const QueueContext& queue, Reading& reading) const;
  void read_lane_deliverable(const QueueContext& queue, std::uint8_t lane, Reading& reading) const;
  void read_all(const QueueContext& queue, Reading& reading) const;
  template <class Row>
  void read_rows(const QueueContext& queue, std::uint8_t lane, Reading& reading) const;
  bool offer(const QueueContext& queue, const MessageKey& key, const MessageRow& row, Reading& reading) const;
  MessageInfo describe(const MessageKey& key, const MessageRow& row, Stamps now, bool with_payload) const;

  T* tables_;
  Sessions<T> sessions_;
  LogIndex applied_;

  // Derived; dropped when it grows, and with a restart.
  mutable std::map<QueueId, QueueContext> contexts_;
  mutable QueueContext* recent_ = nullptr;
  std::size_t groups_held_ = 0;
  mutable QueueContext looked_at_;
  mutable LowerBound<LeaseDueRow> lease_due_;
  mutable LowerBound<WallDueRow> wall_due_;
  mutable LowerBound<FarDueRow> far_due_;
  mutable LowerBound<GroupTimerRow> timers_;
  mutable LowerBound<OutcomeDueRow> outcome_due_;
  mutable LowerBound<ScheduleDueRow> schedule_due_;
  /// The same without expiries, while times-to-live stand still (S64).
  mutable LowerBound<WallDueRow> delay_due_;
  mutable LowerBound<ReclaimRow> reclaim_;
  mutable std::optional<EpochRow> epoch_;

  // Of the entry being applied.
  EntryHeader header_;
  const SharedBytes* bytes_ = nullptr;
  Effects* effects_ = nullptr;
  std::vector<QueueContext*> touched_;
  std::size_t due_budget_ = 0;
  bool more_due_ = false;
  /// Bodies that schedules may still send.
  std::size_t run_bytes_left_ = 0;
  std::vector<QueueId> due_redrives_;
  /// The deduplication id asked about last is remembered, past its end.
  mutable bool old_send_ = false;

  // Planted bugs keep here what they hold back.
  std::vector<Newcomer> late_newcomers_;
  std::optional<std::pair<QueueId, Grant>> second_grant_;
};

}  // namespace v1
}  // namespace peerq::engine

#include "peerq/engine/queue_engine_apply.ipp"
#include "peerq/engine/queue_engine_cancel.ipp"
#include "peerq/engine/queue_engine_configure.ipp"
#include "peerq/engine/queue_engine_dead_letter.ipp"
#include "peerq/engine/queue_engine_deduplicate.ipp"
#include "peerq/engine/queue_engine_due.ipp"
#include "peerq/engine/queue_engine_explain.ipp"
#include "peerq/engine/queue_engine_group.ipp"
#include "peerq/engine/queue_engine_kick.ipp"
#include "peerq/engine/queue_engine_moving.ipp"
#include "peerq/engine/queue_engine_outcome.ipp"
#include "peerq/engine/queue_engine_overflow.ipp"
#include "peerq/engine/queue_engine_query.ipp"
#include "peerq/engine/queue_engine_rate.ipp"
#include "peerq/engine/queue_engine_receive.ipp"
#include "peerq/engine/queue_engine_redrive.ipp"
#include "peerq/engine/queue_engine_schedule.ipp"
#include "peerq/engine/queue_engine_send.ipp"
#include "peerq/engine/queue_engine_session.ipp"
#include "peerq/engine/queue_engine_settle.ipp"
#include "peerq/engine/queue_engine_several.ipp"
#include "peerq/engine/queue_engine_state.ipp"
#include "peerq/engine/queue_engine_transact.ipp"
#include "peerq/engine/queue_engine_window.ipp"
