// Entries are built in two passes: everything that is structure first, then the payloads. So the exact size
// is known before, only the structure has to be zeroed, and payloads lie together at the end.

#include <entry.capnp.h>

#include <variant>

#include "peerq/base/assert.hpp"
#include "wire/entry.hpp"
#include "wire/queue_options.hpp"
#include "wire/segment.hpp"

namespace peerq::wire {

namespace {

using engine::Command;
using engine::SendItem;
using engine::SettleItem;

template <class Schema>
constexpr std::size_t size_of = capnp::sizeInWords<Schema>();

/// Words of structure, and of the payloads behind it.
struct Words {
  std::size_t structure = 0;
  std::size_t payloads = 0;
};

/// Which optional columns a send needs.
struct SendColumns {
  explicit SendColumns(std::span<const SendItem> items) noexcept {
    for (const auto& item : items) {
      priorities |= item.priority != limits::priority_default;
      due |= item.due.ms != 0;
      time_to_live |= item.time_to_live_ms != 0;
      groups |= !item.group_id.empty();
      deduplication |= !item.deduplication_id.empty();
      outcomes |= item.outcome_until.ms != 0;
    }
  }
  bool any() const noexcept {
    return priorities || due || time_to_live || groups || deduplication || outcomes;
  }

  bool priorities = false;
  bool due = false;
  bool time_to_live = false;
  bool groups = false;
  bool deduplication = false;
  bool outcomes = false;
};

struct SettleColumns {
  explicit SettleColumns(std::span<const SettleItem> items) noexcept {
    for (const auto& item : items) {
      values |= item.value_ms != -1;
      reasons |= !item.reason.empty();
      results |= !item.result.empty();
    }
  }
  bool values = false;
  bool reasons = false;
  bool results = false;
};

engine::Settle erases_of(const engine::Transact::Part& part) noexcept {
  return {.queue = part.queue, .verb = engine::Verb::erase, .items = part.erases};
}

engine::Send sends_of(const engine::Transact::Part& part) noexcept {
  return {.queue = part.queue, .items = part.sends};
}

/// Adds up what each kind of command takes.
class Sizer {
 public:
  Words measure(std::span<const Command> commands) {
    words_.structure = 1 + size_of<schema::Entry>;
    if (!commands.empty()) words_.structure += 1 + commands.size() * size_of<schema::Command>;
    for (const auto& command : commands) {
      if (command.origin != engine::Origin{}) words_.structure += size_of<schema::Origin>;
      std::visit(*this, command.body);
    }
    return words_;
  }

  void operator()(const engine::Tick&) noexcept {}
  void operator()(const engine::Purge&) noexcept {}
  void operator()(const engine::Send& send) noexcept {
    words_.structure += size_of<schema::Send>;
    const std::size_t count = send.items.size();
    words_.structure += count + words_of(count * sizeof(std::uint32_t));
    for (const auto& item : send.items) words_.payloads += words_of(item.payload.size());
    if (const SendColumns columns(send.items); columns.any()) add_extras(send, columns);
  }
  void operator()(const engine::Receive& receive) noexcept {
    words_.structure += size_of<schema::Receive> + words_of(receive.attempt_id.size());
  }
  void operator()(const engine::Settle& settle) noexcept {
    words_.structure += size_of<schema::Settle>;
    if (settle.items.empty()) return;
    const SettleColumns columns(settle.items);
    const std::size_t count = settle.items.size();
    words_.structure += 1 + count * size_of<schema::Settle::Lease>;
    if (columns.values) words_.structure += count;
    if (columns.reasons) words_.structure += count;
    if (columns.results) words_.structure += count;
    for (const auto& item : settle.items) {
      words_.structure += words_of(item.reason.size()) + words_of(item.result.size());
    }
  }
  void operator()(const engine::ReceiveSeveral& receive) noexcept {
    words_.structure += size_of<schema::ReceiveSeveral>;
    if (receive.queues.empty()) return;
    words_.structure += 1 + receive.queues.size() * size_of<schema::ReceiveSeveral::Weighted>;
  }
  void operator()(const engine::Transact& transact) noexcept {
    words_.structure += 1 + transact.parts.size() * size_of<schema::Part>;  // an empty list has its tag too
    for (const auto& part : transact.parts) {
      (*this)(erases_of(part));
      (*this)(sends_of(part));
    }
  }
  void operator()(const engine::OpenSession&) noexcept {}
  void operator()(const engine::CloseSession&) noexcept {}
  void operator()(const engine::StartRedrive&) noexcept { words_.structure += size_of<schema::StartRedrive>; }
  void operator()(const engine::StopRedrive&) noexcept {}
  void operator()(const engine::Arrive& arrive) noexcept {
    words_.structure += size_of<schema::Arrive> + size_of<schema::Kick::Id> +
                        words_of(arrive.payload.size()) + words_of(arrive.group_id.size()) +
                        words_of(arrive.note.size());
  }
  void operator()(const engine::Moved&) noexcept { words_.structure += size_of<schema::Moved>; }
  void operator()(const engine::PutSchedule& put) noexcept {
    words_.structure += size_of<schema::PutSchedule> + text_words(put.name) + text_words(put.specification) +
                        text_words(put.zone) + words_of(put.item.payload.size()) +
                        words_of(put.item.group_id.size()) + put.runs_ms.size();
  }
  void operator()(const engine::ExtendSchedule& extend) noexcept {
    words_.structure += size_of<schema::ExtendSchedule> + text_words(extend.name) + extend.runs_ms.size();
  }
  void operator()(const engine::RemoveSchedule& remove) noexcept {
    words_.structure += words_of(remove.name.size() + 1);  // an empty text has its NUL too
  }
  void operator()(const engine::Kick& kick) noexcept {
    words_.structure += size_of<schema::Kick> + ids_words(kick.ids);
  }
  void operator()(const engine::Cancel& cancel) noexcept {
    words_.structure += size_of<schema::Cancel> + ids_words(cancel.ids);
  }
  void operator()(const engine::ChangeGroup& change) noexcept {
    words_.structure += size_of<schema::ChangeGroup> + words_of(change.group_id.size());
  }
  void operator()(const engine::SetWindow& window) noexcept {
    words_.structure += size_of<schema::SetWindow> + window.turns_ms.size();
  }
  void operator()(const engine::Configure& configure) noexcept {
    const auto& config = configure.config;
    words_.structure += size_of<schema::Configure> + text_words(config.name) + options_words(config.options);
  }
  void operator()(const engine::CreateQueue& create) noexcept { add_named(create.name, &create.options); }
  void operator()(const engine::UpdateQueue& update) noexcept { add_named(update.name, &update.options); }
  void operator()(const engine::PauseQueue& pause) noexcept { add_named(pause.name, nullptr); }
  void operator()(const engine::DeleteQueue& remove) noexcept { add_named(remove.name, nullptr); }
  void operator()(const engine::Configured&) noexcept { words_.structure += size_of<schema::Configured>; }
  void operator()(const engine::NewEpoch&) noexcept { words_.structure += size_of<schema::NewEpoch>; }

 private:
  static std::size_t ids_words(std::span<const MessageId> ids) noexcept {
    return ids.empty() ? 0 : 1 + ids.size() * size_of<schema::Kick::Id>;
  }
  void add_extras(const engine::Send& send, const SendColumns& columns) noexcept {
    const std::size_t count = send.items.size();
    words_.structure += size_of<schema::Send::Extras>;
    if (columns.priorities) words_.structure += words_of(count);
    if (columns.due) words_.structure += count;
    if (columns.time_to_live) words_.structure += count;
    if (columns.groups) words_.structure += count;
    if (columns.deduplication) words_.structure += count;
    if (columns.outcomes) words_.structure += count;
    for (const auto& item : send.items) {
      words_.structure += words_of(item.group_id.size()) + words_of(item.deduplication_id.size());
    }
  }
  void add_named(std::string_view name, const QueueOptions* options) noexcept {
    words_.structure += size_of<schema::NamedQueue> + text_words(name);
    if (options != nullptr) words_.structure += options_words(*options);
  }

  Words words_;
};

void set_name(schema::NamedQueue::Builder to, std::string_view name) {
  if (!name.empty()) fill(to.initName(static_cast<unsigned>(name.size())), name);
}

void set_blob(capnp::List<capnp::Data>::Builder list, unsigned i, Bytes bytes) {
  if (!bytes.empty()) list.set(i, to_data(bytes));
}

void write_extras(schema::Send::Extras::Builder extras, std::span<const SendItem> items,
                  const SendColumns& columns) {
  const auto count = static_cast<unsigned>(items.size());
  if (columns.priorities) {
    auto list = extras.initPriorities(count);
    for (unsigned i = 0; i < count; ++i) list.set(i, items[i].priority);
  }
  if (columns.due) {
    auto list = extras.initDueMs(count);
    for (unsigned i = 0; i < count; ++i) list.set(i, items[i].due.ms);
  }
  if (columns.time_to_live) {
    auto list = extras.initTimeToLiveMs(count);
    for (unsigned i = 0; i < count; ++i) list.set(i, items[i].time_to_live_ms);
  }
  if (columns.groups) {
    auto list = extras.initGroupIds(count);
    for (unsigned i = 0; i < count; ++i) set_blob(list, i, items[i].group_id);
  }
  if (columns.deduplication) {
    auto list = extras.initDeduplicationIds(count);
    for (unsigned i = 0; i < count; ++i) set_blob(list, i, items[i].deduplication_id);
  }
  if (columns.outcomes) {
    auto list = extras.initOutcomeUntilMs(count);
    for (unsigned i = 0; i < count; ++i) list.set(i, items[i].outcome_until.ms);
  }
}

/// Writes one kind of command's structure.
class Writer {
 public:
  explicit Writer(schema::Command::Builder to) : to_(to) {}

  void operator()(const engine::Tick&) { to_.setTick(); }
  void operator()(const engine::Send& send) {
    to_.setQueue(send.queue.value);
    write_send(to_.initSend(), send);
  }
  void operator()(const engine::Receive& receive) {
    to_.setQueue(receive.queue.value);
    auto out = to_.initReceive();
    out.setMaxMessages(receive.max_messages);
    out.setMaxBytes(receive.max_bytes);
    out.setVisibilityMs(receive.visibility_ms);
    out.setErase(receive.erase);
    if (!receive.attempt_id.empty()) out.setAttemptId(to_data(receive.attempt_id));
    out.setBindToSession(receive.bind_to_session);
  }
  void operator()(const engine::Settle& settle) {
    to_.setQueue(settle.queue.value);
    write_settle(to_.initSettle(), settle);
  }
  void operator()(const engine::ReceiveSeveral& receive) {
    auto out = to_.initReceiveSeveral();
    out.setMaxMessages(receive.max_messages);
    out.setMaxBytes(receive.max_bytes);
    out.setVisibilityMs(receive.visibility_ms);
    if (receive.queues.empty()) return;
    auto list = out.initQueues(static_cast<unsigned>(receive.queues.size()));
    for (unsigned i = 0; i < list.size(); ++i) {
      list[i].setQueue(receive.queues[i].queue.value);
      list[i].setWeight(receive.queues[i].weight);
    }
  }
  void operator()(const engine::Transact& transact) {
    auto list = to_.initTransact(static_cast<unsigned>(transact.parts.size()));
    for (unsigned i = 0; i < list.size(); ++i) {
      auto part = list[i];
      part.setQueue(transact.parts[i].queue.value);
      write_settle(part.initErases(), erases_of(transact.parts[i]));
      write_send(part.initSends(), sends_of(transact.parts[i]));
    }
  }
  void operator()(const engine::OpenSession& open) { to_.setOpenSession(open.session.value); }
  void operator()(const engine::CloseSession& close) { to_.setCloseSession(close.session.value); }
  void operator()(const engine::StartRedrive& start) {
    to_.setQueue(start.queue.value);
    auto out = to_.initStartRedrive();
    out.setTarget(start.target.value);
    out.setSource(start.source.value);
    out.setMaxMessages(start.max_messages);
    out.setCauses(start.causes);
    out.setRate(start.rate);
  }
  void operator()(const engine::StopRedrive& stop) {
    to_.setQueue(stop.queue.value);
    to_.setStopRedrive();
  }
  void operator()(const engine::Arrive& arrive) {
    to_.setQueue(arrive.queue.value);
    auto out = to_.initArrive();
    out.setFrom(arrive.from.value);
    out.setTransfer(arrive.transfer);
    out.setAfter(arrive.after);
    write_id(out.initId(), arrive.id);
    if (!arrive.payload.empty()) out.setPayload(to_data(arrive.payload));
    out.setCountedBytes(arrive.counted_bytes);
    out.setAttempt(arrive.attempt);
    out.setPriority(arrive.priority);
    out.setRedriven(arrive.redriven);
    out.setFirstSentMs(arrive.first_sent.ms);
    out.setTimeToLiveMs(arrive.time_to_live_ms);
    if (!arrive.group_id.empty()) out.setGroupId(to_data(arrive.group_id));
    if (!arrive.note.empty()) out.setNote(to_data(arrive.note));
  }
  void operator()(const engine::Moved& moved) {
    to_.setQueue(moved.queue.value);
    auto out = to_.initMoved();
    out.setTarget(moved.target.value);
    out.setTransfer(moved.transfer);
    out.setRefused(static_cast<std::uint16_t>(moved.refused));
  }
  void operator()(const engine::PutSchedule& put) {
    to_.setQueue(put.queue.value);
    auto out = to_.initPutSchedule();
    if (!put.name.empty()) fill(out.initName(static_cast<unsigned>(put.name.size())), put.name);
    const auto& specification = put.specification;
    if (!specification.empty())
      fill(out.initSpecification(static_cast<unsigned>(specification.size())), specification);
    if (!put.zone.empty()) fill(out.initZone(static_cast<unsigned>(put.zone.size())), put.zone);
    out.setMissed(static_cast<std::uint8_t>(put.missed));
    out.setPriority(put.item.priority);
    out.setCountedBytes(put.item.counted_bytes);
    out.setAnchorMs(put.anchor.ms);
    out.setTimeToLiveMs(put.item.time_to_live_ms);
    if (!put.item.payload.empty()) out.setPayload(to_data(put.item.payload));
    if (!put.item.group_id.empty()) out.setGroupId(to_data(put.item.group_id));
    write_times(out, put.runs_ms);
  }
  void operator()(const engine::ExtendSchedule& extend) {
    to_.setQueue(extend.queue.value);
    auto out = to_.initExtendSchedule();
    if (!extend.name.empty()) fill(out.initName(static_cast<unsigned>(extend.name.size())), extend.name);
    out.setVersion(extend.version);
    write_times(out, extend.runs_ms);
  }
  void operator()(const engine::RemoveSchedule& remove) {
    to_.setQueue(remove.queue.value);
    auto room = to_.initRemoveSchedule(static_cast<unsigned>(remove.name.size()));
    if (!remove.name.empty()) fill(room, remove.name);
  }
  void operator()(const engine::Kick& kick) {
    to_.setQueue(kick.queue.value);
    auto out = to_.initKick();
    out.setMaxMessages(kick.max_messages);
    write_ids(out, kick.ids);
  }
  void operator()(const engine::Cancel& cancel) {
    to_.setQueue(cancel.queue.value);
    write_ids(to_.initCancel(), cancel.ids);
  }
  void operator()(const engine::ChangeGroup& change) {
    to_.setQueue(change.queue.value);
    auto out = to_.initChangeGroup();
    out.setVerb(static_cast<std::uint8_t>(change.verb));
    if (!change.group_id.empty()) out.setGroupId(to_data(change.group_id));
  }
  void operator()(const engine::SetWindow& window) {
    to_.setQueue(window.queue.value);
    auto out = to_.initSetWindow();
    out.setVersion(window.version);
    out.setOpen(window.open);
    if (window.turns_ms.empty()) return;
    auto turns = out.initTurnsMs(static_cast<unsigned>(window.turns_ms.size()));
    for (unsigned i = 0; i < turns.size(); ++i) turns.set(i, window.turns_ms[i]);
  }
  void operator()(const engine::Purge& purge) {
    to_.setQueue(purge.queue.value);
    to_.setPurge();
  }
  void operator()(const engine::Configure& configure) {
    const auto& config = configure.config;
    to_.setQueue(config.id.value);
    auto out = to_.initConfigure();
    out.setRemoved(configure.removed);
    out.setPaused(config.paused);
    out.setVersion(config.version);
    out.setDeadLetter(config.dead_letter.value);
    if (!config.name.empty()) fill(out.initName(static_cast<unsigned>(config.name.size())), config.name);
    write_options(out.initOptions(), config.options);
  }
  void operator()(const engine::CreateQueue& create) {
    auto out = to_.initCreateQueue();
    set_name(out, create.name);
    write_options(out.initOptions(), create.options);
  }
  void operator()(const engine::UpdateQueue& update) {
    to_.setQueue(update.queue.value);
    auto out = to_.initUpdateQueue();
    set_name(out, update.name);
    write_options(out.initOptions(), update.options);
  }
  void operator()(const engine::PauseQueue& pause) {
    to_.setQueue(pause.queue.value);
    auto out = to_.initPauseQueue();
    out.setFlag(pause.paused);
    set_name(out, pause.name);
  }
  void operator()(const engine::DeleteQueue& remove) {
    to_.setQueue(remove.queue.value);
    auto out = to_.initDeleteQueue();
    out.setFlag(remove.force);
    set_name(out, remove.name);
  }
  void operator()(const engine::Configured& configured) {
    to_.setQueue(configured.queue.value);
    to_.initConfigured().setVersion(configured.version);
  }
  void operator()(const engine::NewEpoch& epoch) { to_.initNewEpoch().setNumberFloor(epoch.number_floor); }

 private:
  static void write_id(schema::Kick::Id::Builder out, const MessageId& id) {
    out.setIncarnation(id.incarnation.value);
    out.setSequence(id.sequence.value);
  }
  template <class Builder>
  static void write_times(Builder out, std::span<const std::int64_t> from) {
    if (from.empty()) return;
    auto runs = out.initRunsMs(static_cast<unsigned>(from.size()));
    for (unsigned i = 0; i < runs.size(); ++i) runs.set(i, from[i]);
  }
  static void write_send(schema::Send::Builder out, const engine::Send& send) {
    out.setAtomic(send.atomic);
    if (send.items.empty()) return;
    const auto count = static_cast<unsigned>(send.items.size());
    out.initPayloads(count);
    auto sizes = out.initCountedBytes(count);
    for (unsigned i = 0; i < count; ++i) sizes.set(i, send.items[i].counted_bytes);
    if (const SendColumns columns(send.items); columns.any())
      write_extras(out.initExtras(), send.items, columns);
  }
  static void write_settle(schema::Settle::Builder out, const engine::Settle& settle) {
    out.setVerb(static_cast<std::uint8_t>(settle.verb));
    if (!settle.items.empty()) write_items(out, settle.items);
  }
  template <class Builder>
  static void write_ids(Builder out, std::span<const MessageId> from) {
    if (from.empty()) return;
    auto ids = out.initIds(static_cast<unsigned>(from.size()));
    for (unsigned i = 0; i < ids.size(); ++i) write_id(ids[i], from[i]);
  }
  static void write_items(schema::Settle::Builder out, std::span<const SettleItem> items) {
    const SettleColumns columns(items);
    const auto count = static_cast<unsigned>(items.size());
    auto leases = out.initLeases(count);
    for (unsigned i = 0; i < count; ++i) {
      auto lease = leases[i];
      lease.setSequence(items[i].lease.sequence.value);
      lease.setAttempt(items[i].lease.attempt);
    }
    if (columns.values) {
      auto values = out.initValuesMs(count);
      for (unsigned i = 0; i < count; ++i) values.set(i, items[i].value_ms);
    }
    if (columns.reasons) {
      auto reasons = out.initReasons(count);
      for (unsigned i = 0; i < count; ++i) set_blob(reasons, i, items[i].reason);
    }
    if (columns.results) {
      auto results = out.initResults(count);
      for (unsigned i = 0; i < count; ++i) set_blob(results, i, items[i].result);
    }
  }

  schema::Command::Builder to_;
};

void write_origin(schema::Command::Builder to, const engine::Origin& origin) {
  if (origin == engine::Origin{}) return;
  auto out = to.initOrigin();
  out.setSession(origin.session.value);
  out.setSequence(origin.sequence);
  out.setPrincipal(origin.principal.value);
}

/// The second pass. Nothing here was zeroed.
void write_payloads(schema::Send::Builder to, std::span<const SendItem> items) {
  if (items.empty()) return;
  auto payloads = to.getPayloads();
  for (unsigned i = 0; i < payloads.size(); ++i) {
    const Bytes payload = items[i].payload;
    if (!payload.empty()) fill_unzeroed(payloads.init(i, static_cast<unsigned>(payload.size())), payload);
  }
}

}  // namespace

SharedBytes encode_entry(const engine::EntryHeader& header, std::span<const Command> commands) {
  const Words words = Sizer().measure(commands);
  Segment segment(words.structure + words.payloads, words.structure);

  auto entry = segment.builder().initRoot<schema::Entry>();
  entry.setVersion(header.version);
  entry.setExpiryHalted(header.expiry_halted);
  entry.setStorageFull(header.storage_full);
  entry.setLeaseUs(header.stamps.lease.us);
  entry.setWallMs(header.stamps.wall.ms);
  entry.setProposer(header.proposer.value);
  if (commands.empty()) return segment.finish();

  auto list = entry.initCommands(static_cast<unsigned>(commands.size()));
  for (unsigned i = 0; i < list.size(); ++i) {
    write_origin(list[i], commands[i].origin);
    std::visit(Writer(list[i]), commands[i].body);
  }
  for (unsigned i = 0; i < list.size(); ++i) {
    if (const auto* send = std::get_if<engine::Send>(&commands[i].body))
      write_payloads(list[i].getSend(), send->items);
    if (const auto* transact = std::get_if<engine::Transact>(&commands[i].body)) {
      auto parts = list[i].getTransact();
      for (unsigned j = 0; j < parts.size(); ++j)
        write_payloads(parts[j].getSends(), transact->parts[j].sends);
    }
  }
  return segment.finish();
}

}  // namespace peerq::wire
