// Entries are read in place: payloads, reasons, names and ids are views into the entry's bytes.

#include <entry.capnp.h>

#include <string>
#include <utility>
#include <vector>

#include "wire/entry.hpp"
#include "wire/pool.hpp"
#include "wire/queue_options.hpp"
#include "wire/segment.hpp"

namespace peerq::wire {

namespace {

using engine::Command;
using engine::CommandBody;
using engine::SendItem;
using engine::SettleItem;

/// Bytes that are no entry; `guarded` turns what Cap'n Proto finds into the same error.
struct Malformed {
  const char* what;
};

void require(bool condition, const char* what) {
  if (!condition) throw Malformed{what};
}

/// An optional column: absent, or one element for each item.
template <class List>
bool present(const List& column, unsigned count) {
  require(column.size() == 0 || column.size() == count, "a column's length");
  return column.size() != 0;
}

class Decoder final : public port::EntryDecoder {
 public:
  Result<engine::EntryView> decode(SharedBytes bytes) override;

 private:
  Result<engine::EntryView> read(schema::Entry::Reader entry, SharedBytes bytes);
  void read_body(schema::Command::Reader command, CommandBody& out);
  void read_second_body(schema::Command::Reader command, CommandBody& out);
  engine::Send read_send(QueueId queue, schema::Send::Reader send);
  void read_extras(schema::Send::Extras::Reader extras, std::span<SendItem> items);
  engine::Settle read_settle(QueueId queue, schema::Settle::Reader settle);
  engine::ReceiveSeveral read_several(schema::ReceiveSeveral::Reader receive);
  engine::Transact read_transact(capnp::List<schema::Part>::Reader parts);
  engine::PutSchedule read_schedule(QueueId queue, schema::PutSchedule::Reader put);
  std::span<const std::int64_t> read_times(capnp::List<std::int64_t>::Reader from);
  std::span<const MessageId> read_ids(capnp::List<schema::Kick::Id>::Reader from);

  std::vector<Command> commands_;
  Pool<SendItem> sends_;
  Pool<SettleItem> settles_;
  Pool<MessageId> ids_;
  Pool<std::int64_t> times_;
  Pool<engine::WeightedQueue> queues_;
  Pool<engine::Transact::Part> parts_;
  std::size_t words_ = 0;
};

Result<engine::EntryView> Decoder::decode(SharedBytes bytes) {
  commands_.clear();
  sends_.reset();
  settles_.reset();
  ids_.reset();
  times_.reset();
  queues_.reset();
  parts_.reset();
  if (!is_segment(bytes.bytes())) return Error(errc::corrupt, "entry: its size or place");
  words_ = bytes.size() / word_size;
  return guarded(errc::corrupt, "entry", [&]() -> Result<engine::EntryView> {
    SegmentReader reader(bytes.bytes());
    try {
      return read(reader.root<schema::Entry>(), std::move(bytes));
    } catch (const Malformed& malformed) {
      return Error(errc::corrupt, std::string("entry: ").append(malformed.what));
    }
  });
}

Result<engine::EntryView> Decoder::read(schema::Entry::Reader entry, SharedBytes bytes) {
  engine::EntryView view;
  view.header.version = entry.getVersion();
  if (view.header.version > engine::entry_version) {
    return Error(errc::version_mismatch, "an entry of format " + std::to_string(view.header.version));
  }
  require(view.header.version != 0, "its version");
  view.header.expiry_halted = entry.getExpiryHalted();
  view.header.storage_full = entry.getStorageFull();
  view.header.stamps = {{entry.getLeaseUs()}, {entry.getWallMs()}};
  view.header.proposer = PeerId(entry.getProposer());

  const auto commands = entry.getCommands();
  require(commands.size() <= words_ / capnp::sizeInWords<schema::Command>(), "more commands than fit");
  commands_.reserve(commands.size());
  for (const auto command : commands) {
    auto& out = commands_.emplace_back();
    if (command.hasOrigin()) {
      const auto origin = command.getOrigin();
      out.origin = {SessionId(origin.getSession()), origin.getSequence(), PrincipalId(origin.getPrincipal())};
    }
    read_body(command, out.body);
  }
  view.commands = commands_;
  view.bytes = std::move(bytes);
  return view;
}

engine::Receive read_receive(QueueId queue, schema::Receive::Reader receive) {
  return {.queue = queue,
          .max_messages = receive.getMaxMessages(),
          .max_bytes = receive.getMaxBytes(),
          .visibility_ms = receive.getVisibilityMs(),
          .erase = receive.getErase(),
          .attempt_id = from_data(receive.getAttemptId()),
          .bind_to_session = receive.getBindToSession()};
}

void read_configure(QueueId queue, schema::Configure::Reader configure, engine::Configure& out) {
  out.removed = configure.getRemoved();
  out.config.id = queue;
  out.config.version = configure.getVersion();
  out.config.name = from_text(configure.getName());
  out.config.dead_letter = QueueId(configure.getDeadLetter());
  out.config.paused = configure.getPaused();
  require(read_options(configure.getOptions(), out.config.options), "a queue's parameters");
}

template <class Named>
void read_named(schema::NamedQueue::Reader named, Named& out) {
  out.name = from_text(named.getName());
  if constexpr (requires { out.options; }) {
    require(read_options(named.getOptions(), out.options), "a queue's parameters");
  }
}

engine::ChangeGroup read_change(QueueId queue, schema::ChangeGroup::Reader change) {
  require(change.getVerb() <= static_cast<std::uint8_t>(engine::GroupVerb::unpark), "an unknown verb");
  return {queue, static_cast<engine::GroupVerb>(change.getVerb()), from_data(change.getGroupId())};
}

MessageId read_id(schema::Kick::Id::Reader id) {
  return {QueueId(id.getIncarnation()), Sequence{id.getSequence()}};
}

engine::StartRedrive read_redrive(QueueId queue, schema::StartRedrive::Reader start) {
  return {.queue = queue,
          .target = QueueId(start.getTarget()),
          .causes = start.getCauses(),
          .source = QueueId(start.getSource()),
          .rate = start.getRate(),
          .max_messages = start.getMaxMessages()};
}

engine::Arrive read_arrive(QueueId queue, schema::Arrive::Reader arrive) {
  engine::Arrive out;
  out.queue = queue;
  out.id = read_id(arrive.getId());
  out.from = QueueId(arrive.getFrom());
  out.transfer = arrive.getTransfer();
  out.after = arrive.getAfter();
  out.payload = from_data(arrive.getPayload());
  out.counted_bytes = arrive.getCountedBytes();
  out.priority = arrive.getPriority();
  out.attempt = arrive.getAttempt();
  out.first_sent = {arrive.getFirstSentMs()};
  out.time_to_live_ms = arrive.getTimeToLiveMs();
  out.redriven = arrive.getRedriven();
  out.group_id = from_data(arrive.getGroupId());
  out.note = from_data(arrive.getNote());
  return out;
}

engine::Moved read_moved(QueueId queue, schema::Moved::Reader moved) {
  require(name_of(static_cast<errc>(moved.getRefused())) != "unknown", "an unknown error");
  return {queue, QueueId(moved.getTarget()), moved.getTransfer(), static_cast<errc>(moved.getRefused())};
}

/// Each kind is made in place: moving a whole command costs more than reading it.
void Decoder::read_body(schema::Command::Reader command, CommandBody& out) {
  const QueueId queue(command.getQueue());
  switch (command.which()) {
    case schema::Command::TICK: return;
    case schema::Command::SEND: return void(out = read_send(queue, command.getSend()));
    case schema::Command::RECEIVE: return void(out = read_receive(queue, command.getReceive()));
    case schema::Command::SETTLE: return void(out = read_settle(queue, command.getSettle()));
    case schema::Command::KICK: {
      const auto kick = command.getKick();
      return void(out = engine::Kick{queue, read_ids(kick.getIds()), kick.getMaxMessages()});
    }
    case schema::Command::PURGE: return void(out = engine::Purge{queue});
    case schema::Command::CONFIGURE:
      return read_configure(queue, command.getConfigure(), out.emplace<engine::Configure>());
    case schema::Command::CREATE_QUEUE:
      return read_named(command.getCreateQueue(), out.emplace<engine::CreateQueue>());
    case schema::Command::UPDATE_QUEUE: {
      auto& update = out.emplace<engine::UpdateQueue>();
      update.queue = queue;
      return read_named(command.getUpdateQueue(), update);
    }
    case schema::Command::PAUSE_QUEUE: {
      auto& pause = out.emplace<engine::PauseQueue>();
      const auto named = command.getPauseQueue();
      pause.queue = queue;
      pause.paused = named.getFlag();
      return read_named(named, pause);
    }
    case schema::Command::DELETE_QUEUE: {
      auto& remove = out.emplace<engine::DeleteQueue>();
      const auto named = command.getDeleteQueue();
      remove.queue = queue;
      remove.force = named.getFlag();
      return read_named(named, remove);
    }
    case schema::Command::CONFIGURED:
      return void(out = engine::Configured{queue, command.getConfigured().getVersion()});
    case schema::Command::NEW_EPOCH:
      return void(out = engine::NewEpoch{command.getNewEpoch().getNumberFloor()});
    case schema::Command::CANCEL:
      return void(out = engine::Cancel{queue, read_ids(command.getCancel().getIds())});
    case schema::Command::CHANGE_GROUP: return void(out = read_change(queue, command.getChangeGroup()));
    case schema::Command::SET_WINDOW: {
      const auto window = command.getSetWindow();
      return void(out = engine::SetWindow{queue, window.getVersion(), window.getOpen(),
                                          read_times(window.getTurnsMs())});
    }
    default: return read_second_body(command, out);
  }
}

/// What the second format added and is rare.
void Decoder::read_second_body(schema::Command::Reader command, CommandBody& out) {
  const QueueId queue(command.getQueue());
  switch (command.which()) {
    case schema::Command::RECEIVE_SEVERAL: return void(out = read_several(command.getReceiveSeveral()));
    case schema::Command::TRANSACT: return void(out = read_transact(command.getTransact()));
    case schema::Command::OPEN_SESSION:
      return void(out = engine::OpenSession{SessionId(command.getOpenSession())});
    case schema::Command::CLOSE_SESSION:
      return void(out = engine::CloseSession{SessionId(command.getCloseSession())});
    case schema::Command::START_REDRIVE: return void(out = read_redrive(queue, command.getStartRedrive()));
    case schema::Command::STOP_REDRIVE: return void(out = engine::StopRedrive{queue});
    case schema::Command::ARRIVE: return void(out = read_arrive(queue, command.getArrive()));
    case schema::Command::MOVED: return void(out = read_moved(queue, command.getMoved()));
    case schema::Command::PUT_SCHEDULE: return void(out = read_schedule(queue, command.getPutSchedule()));
    case schema::Command::EXTEND_SCHEDULE: {
      const auto extend = command.getExtendSchedule();
      return void(out = engine::ExtendSchedule{queue, from_text(extend.getName()), extend.getVersion(),
                                               read_times(extend.getRunsMs())});
    }
    case schema::Command::REMOVE_SCHEDULE:
      return void(out = engine::RemoveSchedule{queue, from_text(command.getRemoveSchedule())});
    default: throw Malformed{"an unknown kind of command"};
  }
}

engine::ReceiveSeveral Decoder::read_several(schema::ReceiveSeveral::Reader receive) {
  const auto from = receive.getQueues();
  require(from.size() <= words_, "more queues than fit");
  const auto queues = queues_.take(from.size());
  for (unsigned i = 0; i < from.size(); ++i) queues[i] = {QueueId(from[i].getQueue()), from[i].getWeight()};
  return {queues, receive.getMaxMessages(), receive.getMaxBytes(), receive.getVisibilityMs()};
}

engine::Transact Decoder::read_transact(capnp::List<schema::Part>::Reader from) {
  require(from.size() <= words_, "more parts than fit");
  const auto parts = parts_.take(from.size());
  for (unsigned i = 0; i < from.size(); ++i) {
    const QueueId queue(from[i].getQueue());
    parts[i] = {queue, read_settle(queue, from[i].getErases()).items,
                read_send(queue, from[i].getSends()).items};
  }
  return {parts};
}

engine::PutSchedule Decoder::read_schedule(QueueId queue, schema::PutSchedule::Reader put) {
  require(put.getMissed() <= static_cast<std::uint8_t>(MissedRuns::all), "an unknown way with missed runs");
  engine::PutSchedule out;
  out.queue = queue;
  out.name = from_text(put.getName());
  out.specification = from_text(put.getSpecification());
  out.zone = from_text(put.getZone());
  out.missed = static_cast<MissedRuns>(put.getMissed());
  out.anchor = {put.getAnchorMs()};
  out.item.payload = from_data(put.getPayload());
  out.item.counted_bytes = put.getCountedBytes();
  out.item.priority = put.getPriority();
  out.item.time_to_live_ms = put.getTimeToLiveMs();
  out.item.group_id = from_data(put.getGroupId());
  out.runs_ms = read_times(put.getRunsMs());
  return out;
}

engine::Send Decoder::read_send(QueueId queue, schema::Send::Reader send) {
  const auto payloads = send.getPayloads();
  const auto sizes = send.getCountedBytes();
  const unsigned count = payloads.size();
  require(count <= words_ && sizes.size() == count, "a send's columns");
  const auto items = sends_.take(count);
  for (unsigned i = 0; i < count; ++i) {
    auto& item = items[i] = SendItem{};
    item.payload = from_data(payloads[i]);
    item.counted_bytes = sizes[i];
  }
  if (send.hasExtras()) read_extras(send.getExtras(), items);
  return {.queue = queue, .atomic = send.getAtomic(), .items = items};
}

void Decoder::read_extras(schema::Send::Extras::Reader extras, std::span<SendItem> items) {
  const auto count = static_cast<unsigned>(items.size());
  if (const auto column = extras.getPriorities(); present(column, count)) {
    for (unsigned i = 0; i < count; ++i) items[i].priority = column[i];
  }
  if (const auto column = extras.getDueMs(); present(column, count)) {
    for (unsigned i = 0; i < count; ++i) items[i].due = {column[i]};
  }
  if (const auto column = extras.getTimeToLiveMs(); present(column, count)) {
    for (unsigned i = 0; i < count; ++i) items[i].time_to_live_ms = column[i];
  }
  if (const auto column = extras.getGroupIds(); present(column, count)) {
    for (unsigned i = 0; i < count; ++i) items[i].group_id = from_data(column[i]);
  }
  if (const auto column = extras.getDeduplicationIds(); present(column, count)) {
    for (unsigned i = 0; i < count; ++i) items[i].deduplication_id = from_data(column[i]);
  }
  if (const auto column = extras.getOutcomeUntilMs(); present(column, count)) {
    for (unsigned i = 0; i < count; ++i) items[i].outcome_until = {column[i]};
  }
}

engine::Settle Decoder::read_settle(QueueId queue, schema::Settle::Reader settle) {
  require(settle.getVerb() <= static_cast<std::uint8_t>(engine::Verb::reject), "an unknown verb");
  const auto leases = settle.getLeases();
  const unsigned count = leases.size();
  require(count <= words_ / capnp::sizeInWords<schema::Settle::Lease>(), "more leases than fit");
  const auto items = settles_.take(count);
  for (unsigned i = 0; i < count; ++i) {
    const auto lease = leases[i];
    auto& item = items[i] = SettleItem{};
    item.lease = {{lease.getSequence()}, lease.getAttempt()};
  }
  if (const auto column = settle.getValuesMs(); present(column, count)) {
    for (unsigned i = 0; i < count; ++i) items[i].value_ms = column[i];
  }
  if (const auto column = settle.getReasons(); present(column, count)) {
    for (unsigned i = 0; i < count; ++i) items[i].reason = from_data(column[i]);
  }
  if (const auto column = settle.getResults(); present(column, count)) {
    for (unsigned i = 0; i < count; ++i) items[i].result = from_data(column[i]);
  }
  return {.queue = queue, .verb = static_cast<engine::Verb>(settle.getVerb()), .items = items};
}

std::span<const std::int64_t> Decoder::read_times(capnp::List<std::int64_t>::Reader from) {
  require(from.size() <= words_, "more times than fit");
  const auto times = times_.take(from.size());
  for (unsigned i = 0; i < from.size(); ++i) times[i] = from[i];
  return times;
}

std::span<const MessageId> Decoder::read_ids(capnp::List<schema::Kick::Id>::Reader from) {
  require(from.size() <= words_ / capnp::sizeInWords<schema::Kick::Id>(), "more ids than fit");
  const auto ids = ids_.take(from.size());
  for (unsigned i = 0; i < from.size(); ++i) ids[i] = read_id(from[i]);
  return ids;
}

}  // namespace

std::unique_ptr<port::EntryDecoder> make_entry_decoder() { return std::make_unique<Decoder>(); }

}  // namespace peerq::wire
