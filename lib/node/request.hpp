#pragma once
// What the facade asks of the core, and where the answer is put. A request is shared by the caller and the
// core; the core alone touches it between `submit` and the moment `done` becomes `ended`.

#include <atomic>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "peerq/base/bytes.hpp"
#include "peerq/base/errc.hpp"
#include "peerq/base/ids.hpp"
#include "peerq/base/time.hpp"
#include "peerq/base/unique_function.hpp"
#include "peerq/engine/command.hpp"
#include "peerq/engine/query.hpp"
#include "peerq/engine/reply.hpp"
#include "peerq/port/digest.hpp"
#include "peerq/port/store.hpp"

namespace peerq::node {

enum class Kind : std::uint8_t {
  send,
  receive,
  settle,
  kick,
  purge,
  cancel_messages,
  change_group,
  transact,
  session,
  create_queue,
  update_queue,
  pause_queue,
  delete_queue,
  find_queue,
  list_queues,
  facts,
  page,
  get,
  explain,
  groups,
  redrive_status,
  schedules,
  start_redrive,
  stop_redrive,
  put_schedule,
  remove_schedule,
  outcome,          ///< waits for what becomes of a message
  move,             ///< internal: a message for another shard
  moves_read,       ///< internal: the payloads of such messages are in memory
  moved,            ///< internal: the other shard's answer
  set_window,       ///< internal: turns of a delivery window
  extend_schedule,  ///< internal: more runs
  configure,        ///< internal: the catalog's word for a queue's shard
  configured,       ///< internal: the shard's answer for the catalog
  epoch,            ///< internal: numbers and receipts of a shard start anew
  cancel,           ///< gives up another request
  call_at,          ///< runs a function at a time
  usage,            ///< what the store takes on disk
  damage,           ///< somebody outside of the core read what is damaged
};

/// Rough size of a small command inside an entry.
inline constexpr std::size_t command_bytes = 96;

/// Where a request stands; touched by the core alone.
enum class Stage : std::uint8_t { fresh, pending, waiting, proposed, fetching, finished };

struct Request {
  explicit Request(Kind k) noexcept : kind(k) {}
  virtual ~Request() = default;
  Request(const Request&) = delete;
  Request& operator=(const Request&) = delete;

  const Kind kind;
  Stage stage = Stage::fresh;
  /// The caller cancelled it while its entry was under way: what it is granted goes back (S23).
  bool cancelled = false;
  /// `on_done` is short and never blocks: it may run on whatever thread finished the request.
  bool inline_done = false;
  /// Its session has its outcome: nothing but that is asked for.
  bool answered = false;
  QueueId queue;
  ShardId shard;
  /// What it will take in an entry, roughly.
  std::size_t pending_bytes = 0;
  SteadyTime deadline = SteadyTime::never();
  engine::Origin origin;

  /// The outcome; `reply` is valid when `error.code` is ok.
  Error error;
  engine::Reply reply;
  /// Local time of the stamps of the entry that carried it: leases granted count from here (S65).
  SteadyTime stamped_at;
  LeaseTime stamped_lease;

  /// See the constants below; callers wait on it.
  std::atomic<std::uint32_t> done{open};
  static constexpr std::uint32_t open = 0;
  static constexpr std::uint32_t awaited = 1;
  static constexpr std::uint32_t ended = 2;
  /// Runs once when the outcome is there.
  UniqueFunction<void(Request&)> on_done;

  /// Mailbox link; keeps the request alive while it is in the mailbox.
  Request* next = nullptr;
  std::shared_ptr<Request> self;

  bool finished() const noexcept { return done.load(std::memory_order_acquire) == ended; }
};

/// Messages on their way into one queue, and what their items point into. May be moved, not copied.
struct Outgoing {
  std::vector<engine::SendItem> items;
  /// What the items' payloads point into.
  std::vector<SharedBytes> payloads;
  /// What the items' group and deduplication ids point into.
  std::list<std::string> names;
  std::size_t payload_bytes = 0;
  /// Of the bodies, one for each item or none at all: deduplication ids, should the queue make them of
  /// bodies.
  std::vector<port::Digest::Value> digests;
  /// Set by the gate: the queue does.
  bool content_based = false;

  Outgoing() = default;
  Outgoing(Outgoing&&) = default;
  Outgoing& operator=(Outgoing&&) = default;
};

struct SendRequest final : Request, Outgoing {
  SendRequest() noexcept : Request(Kind::send) {}
  bool atomic = false;

  // In a queue that lets its senders wait for room (blocked.cpp):
  /// Place in line, whether it waits or not.
  std::uint64_t place = 0;
  /// Counted in its line while it is under way.
  std::uint64_t ahead_messages = 0;
  std::uint64_t ahead_bytes = 0;
  /// What of it needs room: no duplicate does (S17). One that does not fit is counted once more when nobody
  /// is ahead of it.
  struct Needs {
    std::uint64_t messages = 0;
    std::uint64_t bytes = 0;
    std::uint64_t bytes_of_first = 0;
  };
  Needs needs;
  bool counted_alone = false;
  /// A batch that is sent in parts: all of it, what became of it, and which of it `items` are.
  std::vector<engine::SendItem> asked;
  std::vector<engine::ItemReply> decided;
  std::vector<std::size_t> open;
};

struct TransactRequest final : Request {
  struct Part {
    QueueId queue;
    /// For texts.
    std::string name;
    std::vector<engine::SettleItem> erases;
    std::vector<std::uint32_t> epochs;
    Outgoing sends;
    /// Of each send: its place among the caller's.
    std::vector<std::size_t> places;
  };

  TransactRequest() noexcept : Request(Kind::transact) {}
  std::vector<Part> parts;
  /// Of the parts, made at the gate: the command points to them.
  std::vector<engine::Transact::Part> views;
};

/// What receivers that wait may get: of a FIFO queue a group goes to one of them (S43).
struct Supply {
  std::uint64_t messages = 0;
  std::uint64_t groups = 0;
};

struct ReceiveRequest final : Request {
  ReceiveRequest() noexcept : Request(Kind::receive) {}
  std::uint32_t max_messages = 1;
  std::uint64_t max_bytes = limits::receive_bytes_default;
  std::int64_t visibility_ms = 0;
  bool erase = false;
  bool bind_to_session = false;
  std::string attempt_id;
  /// Until when to wait for a first message; never later than `deadline`.
  SteadyTime wait_until;
  /// Place in the line of its queue's waiters; kept when it rode in vain.
  std::uint64_t ticket = 0;
  /// Counted in the promises of that queue while it rides.
  Supply promised;
  QueueId promised_on;
  /// Epoch of the receipts of what it was granted; of several queues: of each grant.
  std::uint32_t epoch = 0;
  std::vector<std::uint32_t> epochs;
  /// From several queues of the shard; empty: from `queue`.
  std::vector<engine::WeightedQueue> several;

  /// Calls `visit` with each queue that it receives from.
  template <class Visit>
  void visit_queues(Visit visit) const {
    if (several.empty()) return visit(queue);
    for (const auto& one : several) visit(one.queue);
  }
  std::uint32_t epoch_of(std::size_t grant) const { return several.empty() ? epoch : epochs[grant]; }
};

struct SettleRequest final : Request {
  SettleRequest() noexcept : Request(Kind::settle) {}
  engine::Verb verb = engine::Verb::erase;
  std::vector<engine::SettleItem> items;
  /// What the items' results point into.
  std::vector<SharedBytes> results;
  std::vector<std::uint32_t> epochs;
  /// What the items' reasons point into.
  std::string reason;
};

struct KickRequest final : Request {
  KickRequest() noexcept : Request(Kind::kick) {}
  std::vector<MessageId> ids;
  std::uint32_t max_messages = 0;
};

struct CancelMessagesRequest final : Request {
  CancelMessagesRequest() noexcept : Request(Kind::cancel_messages) {}
  std::vector<MessageId> ids;
};

struct ChangeGroupRequest final : Request {
  ChangeGroupRequest() noexcept : Request(Kind::change_group) {}
  engine::GroupVerb verb = engine::GroupVerb::pause;
  std::string group_id;
};

/// start_redrive, stop_redrive
struct RedriveRequest final : Request {
  using Request::Request;
  engine::StartRedrive command;
};

struct OutcomeRequest final : Request {
  OutcomeRequest() noexcept : Request(Kind::outcome) {}
  MessageId id;
  engine::OutcomeRow outcome;
  /// The outcome is known: there is none.
  Error failure;
};

struct MoveRequest final : Request {
  MoveRequest() noexcept : Request(Kind::move) {}
  engine::MovingMessage message;
  ShardId source;
  /// The message's note, encoded.
  std::string note;
};

struct ReadMovesRequest final : Request {
  ReadMovesRequest() noexcept : Request(Kind::moves_read) {}
  std::vector<std::shared_ptr<MoveRequest>> batch;
  Error failure;
};

struct MovedRequest final : Request {
  MovedRequest() noexcept : Request(Kind::moved) {}
  engine::MovingRow::Key key;
  errc refused = errc::ok;
};

struct CatalogRequest;

/// set_window, extend_schedule
struct CalendarRequest final : Request {
  using Request::Request;
  /// set_window: whom to answer when the windows of all of its queues are set.
  std::shared_ptr<CatalogRequest> parent;
  std::string name;
  std::uint64_t version = 0;
  bool open = false;
  std::vector<std::int64_t> times_ms;
};

/// put_schedule, remove_schedule
struct ScheduleRequest final : Request, Outgoing {
  using Request::Request;
  std::string name;
  std::string specification;
  std::string zone;
  MissedRuns missed = MissedRuns::one;
  /// Set by the gate: the shard's time, and the first runs from there.
  WallTime anchor;
  std::vector<std::int64_t> runs_ms;
};

struct PurgeRequest final : Request {
  PurgeRequest() noexcept : Request(Kind::purge) {}
};

struct SessionRequest final : Request {
  enum class Verb : std::uint8_t { open, keep, close };
  SessionRequest() noexcept : Request(Kind::session) {}
  Verb verb = Verb::open;
  SessionId session;
};

struct UsageRequest final : Request {
  UsageRequest() noexcept : Request(Kind::usage) {}
  port::StoreUsage usage;
};

/// create, update, pause, delete, find, list
struct CatalogRequest final : Request {
  using Request::Request;
  std::string name;
  QueueOptions options;
  bool flag = false;  ///< pause: paused; delete: force
  /// list
  std::string prefix;
  std::string after;
  std::size_t max = 0;
  std::vector<engine::QueueConfig> configs;
  /// Shards that have yet to confirm.
  std::size_t unconfirmed = 0;
};

/// A session's own queue for replies (S77).
std::string reply_queue_name(SessionId session);
bool is_reply_queue(std::string_view name) noexcept;

struct QueryRequest final : Request {
  using Request::Request;
  engine::PageRequest page_request;
  MessageId id;
  engine::QueueFacts facts;
  engine::MessagePage page;
  engine::Explanation explanation;
  /// explain: of the receipts now given
  std::uint32_t epoch = 0;
  /// groups
  std::string after;
  std::size_t max_groups = 0;
  engine::GroupPage groups;
  std::optional<engine::RedriveRow> redrive;
  std::vector<engine::ScheduleInfo> schedules;
};

/// configure, configured
struct ConfigureRequest final : Request {
  using Request::Request;
  engine::Configure configure;
  /// Whom to answer when all of its queues are configured.
  std::shared_ptr<CatalogRequest> parent;
};

struct EpochRequest final : Request {
  EpochRequest() noexcept : Request(Kind::epoch) {}
  /// False: only a mark in the log that the shard was opened.
  bool starts_anew = true;
  std::uint64_t number_floor = 0;
};

struct DamageRequest final : Request {
  DamageRequest() noexcept : Request(Kind::damage) {}
  Error damage;
};

struct CancelRequest final : Request {
  CancelRequest() noexcept : Request(Kind::cancel) {}
  std::shared_ptr<Request> target;
};

struct CallAtRequest final : Request {
  CallAtRequest() noexcept : Request(Kind::call_at) {}
  SteadyTime at;
};

}  // namespace peerq::node
