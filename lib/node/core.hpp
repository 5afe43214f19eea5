#pragma once
// The core of a node: takes requests, makes entries, carries out what they cause.
//
// All members that are not said to be for any thread are touched only by the thread that holds the token
// (`work_`): whoever raises it from 0. The holder runs steps until nothing new arrived. User code and
// blocking calls never run under the token: finished requests are collected and completed after it is given
// up.
//
// Where what is: core.cpp token and steps; admit.cpp gate and routing, transact.cpp of transactions;
// batch.cpp cutting entries; apply.cpp what entries cause; blocked.cpp senders that wait for room;
// session_flow.cpp sessions; catalog_flow.cpp creating and deleting queues; timing.cpp deadlines and ticks;
// checkpoints.cpp; recovery.cpp; closing.cpp; moves.cpp messages between shards; calendar_flow.cpp windows
// and schedules; outcomes.cpp who waits for what becomes of a message.

#include <array>
#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "node/log_writer.hpp"
#include "node/mailbox.hpp"
#include "node/request.hpp"
#include "node/shard.hpp"
#include "peerq/base/result.hpp"
#include "peerq/port/calendar.hpp"
#include "peerq/port/clock.hpp"
#include "peerq/port/codec.hpp"
#include "peerq/port/digest.hpp"
#include "peerq/port/entropy.hpp"
#include "peerq/port/executor.hpp"
#include "peerq/port/observer.hpp"
#include "peerq/port/replicator.hpp"
#include "peerq/port/store.hpp"

namespace peerq::node {

/// What a core works with; all outlive it, except the store and the replicators, which it owns.
struct CoreParts {
  std::shared_ptr<port::Clock> clock;
  std::shared_ptr<port::Executor> executor;
  std::shared_ptr<const port::Codec> codec;
  std::shared_ptr<const port::Digest> digest;
  std::shared_ptr<const port::Calendar> calendar;
  std::shared_ptr<Observer> observer;
  std::unique_ptr<port::Store> store;
  /// By shard id.
  std::array<std::unique_ptr<port::Replicator>, shard_count> replicators;
};

/// **Thread** public members from any thread.
class Core : public std::enable_shared_from_this<Core> {
 public:
  explicit Core(CoreParts parts);
  ~Core();
  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;

  /// Applies what the log holds beyond the tables, then finishes what the catalog has open. Before anything
  /// else. Blocks on the disk. **Errors** corrupt, version_mismatch, node_failed, storage_full.
  Result<void> recover();

  /// Hands a request over; `on_done` tells its end. Never blocks.
  void submit(std::shared_ptr<Request> request);

  /// Hands a request over and blocks until it is finished. The caller may run core and writer meanwhile.
  void call(const std::shared_ptr<Request>& request);

  /// Blocks until `word` is not 0; whoever changes it wakes. The caller may run the core meanwhile.
  void await_word(std::atomic<std::uint32_t>& word);

  /// Gives a request up: it ends soon with `cancelled`, or with its outcome if that was faster.
  void cancel(std::shared_ptr<Request> target);

  /// Refuses new requests, ends waiting ones with `closed`, lets entries under way end, writes a last
  /// checkpoint.
  /// **Errors** timeout when that takes longer than `deadline`; node_failed.
  Result<void> close(SteadyTime deadline);

  /// Refuses everything at once; nothing more is written than what is under way.
  void abandon();

  /// Waits until no write is under way after `abandon`: the executor may then be stopped. False at
  /// `deadline`.
  bool quiet(SteadyTime deadline);

  /// After the executor was stopped: lets go of the store; everything from now on gets `closed`.
  void shut();

  /// The calendar jumped, and that is right (S64).
  void confirm_clock();

  /// A message for another shard, as the entry there has it; a view of the request.
  static engine::Arrive arrival_of(const MoveRequest& request);

  /// What was read from the shard is damaged: it serves nothing any more (S55).
  void report_damage(ShardId shard, Error damage);

  bool accepts_sends() const noexcept { return accepts_sends_.load(std::memory_order_relaxed); }
  port::Clock& clock() const noexcept { return *parts_.clock; }
  port::Executor& executor() const noexcept { return *parts_.executor; }
  const port::Codec& codec() const noexcept { return *parts_.codec; }
  const port::Digest& digest() const noexcept { return *parts_.digest; }
  const port::Calendar& calendar() const noexcept { return *parts_.calendar; }
  Observer& observer() const noexcept { return *parts_.observer; }
  port::Store& store() const noexcept { return *parts_.store; }

 private:
  class TokenTask;
  class CallbackTask;
  template <class Fetch>
  class FetchTask;
  enum class Runner : std::uint8_t { caller, submitter, core_lane, writer_lane, stopped };
  using Done = std::vector<std::shared_ptr<Request>>;

  // core.cpp
  void run(Runner runner, const Request* own);
  void run_held(Runner runner);
  bool enter(Runner runner);
  bool hold(Runner runner);
  void pass_token();
  void post_writer();
  bool commit_and_enter(Runner runner);
  void step(bool stopped);
  void drain_mailbox();
  void finish(const std::shared_ptr<Request>& request, Error error = {});
  void complete(Done& done);
  void start_writer();
  void take_written();
  void write_failed(const Error& error, std::vector<port::LogWrite>&& writes);
  void fail_node(const std::string& file, const Error& error);
  void refresh_usage();
  void set_accepts_sends(bool accepts);
  Error check_room(const Shard& shard, std::size_t bytes) const;
  bool is_failed() const noexcept { return failed_.code != errc::ok; }

  // admit.cpp
  void admit(const std::shared_ptr<Request>& request);
  void admit_send(const std::shared_ptr<Request>& request, Shard& shard);
  void identify_by_content(const Shard& shard, QueueId queue, Outgoing& send);
  void admit_schedule(const std::shared_ptr<Request>& request, Shard& shard);
  void admit_receive(const std::shared_ptr<Request>& request, Shard& shard);
  void admit_receive_several(const std::shared_ptr<Request>& request, Shard& shard);
  Error check_sizes(const Shard& shard, QueueId queue, const Outgoing& sent, bool all) const;
  void admit_settle(const std::shared_ptr<Request>& request, Shard& shard);
  static void outdate(const Shard& shard, QueueId queue, std::vector<engine::SettleItem>& items,
                      const std::vector<std::uint32_t>& epochs);
  void admit_catalog(const std::shared_ptr<Request>& request);
  void find_queue(const std::shared_ptr<Request>& request);
  void list_queues(CatalogRequest& request);
  void admit_cancel(const CancelRequest& cancel);
  void answer_query(const std::shared_ptr<Request>& request, Shard& shard);
  void push_pending(Shard& shard, std::shared_ptr<Request> request, std::size_t bytes);
  void remove_pending(Shard& shard, const Request& request);
  bool can_get(Shard& shard, QueueId queue);
  static bool is_repeated(const Shard& shard, const ReceiveRequest& receive);
  bool answer_existing(const std::shared_ptr<Request>& request);
  bool is_configured(const engine::QueueConfig& config);
  Error check_queue(const Shard& shard, const Request& request) const;

  // blocked.cpp
  static std::size_t entry_bytes_of(const SendRequest& send);
  void admit_to_line(Shard& shard, std::shared_ptr<SendRequest> send);
  static void count_needs(Shard& shard, SendRequest& send);
  static bool fits(Shard& shard, const SendLine& line, const SendRequest& send);
  static bool may_go(Shard& shard, const SendLine& line, SendRequest& send);
  void shorten_wait(SendRequest& send) const;
  void go_ahead(Shard& shard, SendLine& line, std::shared_ptr<SendRequest> send);
  void wait_for_room(Shard& shard, std::shared_ptr<SendRequest> send);
  static void left_entry(Shard& shard, SendRequest& send);
  void advance_lines(Shard& shard);
  bool waits_on(Shard& shard, const std::shared_ptr<SendRequest>& send);
  static void keep_sent(SendRequest& send);
  static void keep_duplicates(Shard& shard, SendRequest& send);
  static Error join_parts(SendRequest& send, Error error);
  void expire_lines(Shard& shard);
  void end_line(Shard& shard, QueueId queue, const Error& error);
  void end_lines(Shard& shard, const Error& error);
  static bool has_line(const Shard& shard, QueueId queue);
  static bool has_new(Shard& shard, QueueId queue, const Outgoing& sends);

  // session_flow.cpp
  static bool was_answered(const Shard& shard, const Request& request);
  static Error check_repeated(const Request& request);
  void admit_session(const std::shared_ptr<Request>& request, Shard& shard);
  void note_session(const Shard& shard, SessionId session);
  void session_applied(const Shard& shard, const std::shared_ptr<SessionRequest>& request);
  void touch_session(const Request& request);

  // transact.cpp
  void admit_transact(const std::shared_ptr<Request>& request, Shard& shard);
  static Error refusal_of(Shard& shard, const TransactRequest& transact, const std::string& full);

  // batch.cpp
  bool pump(Shard& shard);
  bool may_cut(const Shard& shard) const;
  bool cut(Shard& shard);
  void add_pending(Shard& shard, EntryUnderWay& entry);
  void add_riders(Shard& shard, EntryUnderWay& entry);
  static Supply promised_of(const Shard& shard, QueueId queue);
  static bool gives_groups(Shard& shard, QueueId queue);
  static Supply supply_of(Shard& shard, QueueId queue, Supply sent, std::size_t receivers);
  static void ride(Shard& shard, EntryUnderWay& entry, QueueId queue, Supply left);
  void carry_out(Shard& shard, port::ReplicatorUpdate&& update, std::size_t bytes);

  // apply.cpp
  bool apply_committed(Shard& shard);
  void apply_entry(Shard& shard, EntryUnderWay& entry);
  static Result<engine::EntryView> view_of(Shard& shard, const EntryUnderWay& entry);
  void deliver_reply(Shard& shard, const std::shared_ptr<Request>& request, engine::Reply&& reply);
  void deliver_receive(Shard& shard, std::shared_ptr<ReceiveRequest> request);
  static void end_promise(Shard& shard, ReceiveRequest& request);
  void wait_in_line(Shard& shard, std::shared_ptr<ReceiveRequest> request);
  void give_back(Shard& shard, const ReceiveRequest& request);
  void fetch_cold(const std::shared_ptr<ReceiveRequest>& request);
  void fetch_cold_page(const std::shared_ptr<QueryRequest>& request);
  template <class Rows>
  static Error fetch_all(Rows& rows);
  static Error fetch_one(engine::Payload& payload);
  void complete_outside(const std::shared_ptr<Request>& request, Error error);
  void report(const Shard& shard);
  bool has_stopped(Shard& shard);
  void stop_shard(Shard& shard, Error error);
  void fail_everything(Shard& shard, const Error& error);

  // catalog_flow.cpp
  void catalog_applied(const std::shared_ptr<CatalogRequest>& request);
  void configure_applied(const std::shared_ptr<ConfigureRequest>& request);
  void confirmed(const std::shared_ptr<CatalogRequest>& parent);
  void creator_failed(const std::shared_ptr<CatalogRequest>& parent, const Error& error);
  void configure(const engine::Configure& what, std::shared_ptr<CatalogRequest> parent);
  void resume_catalog();
  void refresh_sync_interval();

  // moves.cpp
  void carry_moves();
  void begin_moves(Shard& shard, MoveChain chain);
  bool takes_moves(const Shard& target) const;
  static bool is_redrive_over(Shard& shard, const engine::MovingMessage& message);
  void read_moves(Shard& shard, std::vector<std::shared_ptr<MoveRequest>> batch);
  void moves_read(ReadMovesRequest& reader);
  void offer_moves(const std::vector<std::shared_ptr<MoveRequest>>& batch);
  void move_applied(const std::shared_ptr<MoveRequest>& request);
  void refuse_moves(Shard& source, const std::vector<engine::MovingMessage>& messages, errc code);
  void end_move(Shard& source, const engine::MovingRow::Key& key, errc code);
  void retry_moves(const MoveRequest& request);
  static void move_ended(Shard& source);

  // calendar_flow.cpp
  void resume_calendar();
  void resume_reply_queues();
  void delete_reply_queues(const std::vector<SessionId>& ended);
  void delete_reply_queue(const engine::QueueConfig& queue);
  void resolve_calendars();
  bool resolve_at_once(Shard& shard, QueueId queue, const std::shared_ptr<CatalogRequest>& parent);
  bool resolve_window(Shard& shard, QueueId queue, const std::shared_ptr<CatalogRequest>& parent = nullptr);
  void window_ended(const CalendarRequest& request);
  bool resolve_schedules(Shard& shard, QueueId queue);
  bool resolve_schedule(Shard& shard, QueueId queue, const engine::ScheduleInfo& schedule);
  bool calendar_failed(const std::string& name, const Error& error);

  // outcomes.cpp
  void admit_outcome(const std::shared_ptr<Request>& request, Shard& shard);
  bool answer_outcome(Shard& shard, OutcomeRequest& request);
  void wake_outcomes(Shard& shard);
  void expire_outcomes(Shard& shard);
  void end_outcomes(Shard& shard, const Error& error);

  // timing.cpp
  void expire_deadlines();
  void expire_pending(Shard& shard);
  void expire_creator(const Request& request);
  void consider_ticks();
  void admit_call(const std::shared_ptr<Request>& request);
  void run_calls();
  void arm_timer();
  SteadyTime due_at(Shard& shard);

  // checkpoints.cpp
  void consider_checkpoints();
  bool begin_checkpoint(Shard& shard);
  void post_checkpoint();
  void take_checkpoint();
  void give_up_checkpoint();

  // recovery.cpp
  Result<void> replay(Shard& shard);
  Result<void> replay_record(Shard& shard, const port::LogRecord& record, engine::Effects& effects);
  Result<void> checkpoint_while_replaying(Shard& shard);
  void begin_epochs();
  static bool closed_cleanly(const Shard& shard);
  static bool is_opening(const Shard& shard);

  // closing.cpp
  Result<void> await(SteadyTime deadline, const std::function<bool()>& reached);
  void advance_closing();
  void end_waiters(Shard& shard);
  bool is_idle() const;
  bool mark_clean();
  bool is_failed_outside() const noexcept { return failed_outside_.load(std::memory_order_acquire); }
  void shut_down();
  void refuse_everything();

  Shard& shard(ShardId id) noexcept { return shards_[id.value]; }

  /// A session that this process opened or took up.
  struct SessionUse {
    /// Bit n: it is open on shard n.
    unsigned open = 0;
    /// When it was last kept alive there, by shard.
    std::array<SteadyTime, shard_count> touched{};
  };

  CoreParts parts_;
  std::array<Shard, shard_count> shards_;
  LogWriter writer_;
  Mailbox mailbox_;
  /// The token: how many arrivals the holder has not looked at; 0 = free.
  std::atomic<std::uint32_t> work_{0};

  SteadyTime now_;
  /// Requests finished in this hold of the token, to be completed after it.
  Done done_;
  /// The holder is to see to it that the writer runs after the token is given up.
  bool writer_appointed_ = false;
  SteadyTime retry_write_at_ = SteadyTime::never();
  SteadyTime armed_at_ = SteadyTime::never();
  std::atomic<bool> timer_fired_{false};
  /// No request's deadline is earlier.
  SteadyTime next_deadline_ = SteadyTime::never();
  std::multimap<SteadyTime, std::shared_ptr<Request>> calls_;
  std::size_t unapplied_bytes_ = 0;
  std::map<SessionId, SessionUse> sessions_;
  /// Not before then are zones looked at: they could not be read.
  SteadyTime calendar_at_;
  /// The shortest of the interval queues.
  Milliseconds sync_interval_{limits::sync_interval_max};

  /// The shard whose checkpoint is under way.
  Shard* checkpointed_ = nullptr;
  Result<void> checkpoint_result_;
  std::atomic<bool> checkpoint_ready_{false};
  SteadyTime retry_checkpoint_at_ = SteadyTime::never();
  /// No more of them: the log keeps everything.
  bool checkpoints_failed_ = false;

  std::atomic<bool> accepts_sends_{true};
  std::uint64_t send_room_ = 0;
  bool clock_suspect_ = false;
  std::atomic<bool> confirm_clock_{false};
  /// A write of log or state failed: nothing is served any more. Whoever has seen `failed_outside_` may read
  /// it without the token.
  Error failed_;
  std::atomic<bool> failed_outside_{false};

  std::atomic<bool> closing_{false};
  std::atomic<bool> abandon_requested_{false};
  std::atomic<bool> closed_{false};
  bool abandoned_ = false;
  bool marked_clean_ = false;
  /// Closing has come to the last checkpoints.
  bool final_ = false;
  /// The store is gone.
  bool shut_ = false;
  /// Raised whenever a write, a checkpoint or the closing ends; `await` waits on it.
  std::atomic<std::uint32_t> progress_{0};
};

}  // namespace peerq::node
