// Opening: apply what the log holds beyond the tables, then finish what the catalog has open.

#include "node/core.hpp"
#include "peerq/base/plant.hpp"

namespace peerq::node {

Result<void> Core::recover() {
  now_ = parts_.clock->steady();
  for (auto& shard : shards_) {
    if (shard.keep == Keep::memory) continue;
    if (auto replayed = replay(shard); !replayed) return replayed;
  }
  for (auto& shard : shards_) {
    Stamps newest = shard.machine->stamps();
    if (PEERQ_PLANTED(delay_ignored_on_restart)) newest.wall = newest.wall + limits::delay_max;
    shard.stamper.emplace(*parts_.clock, newest);
    shard.stamped_at = now_;
    shard.committed = shard.durable = shard.machine->applied();
  }
  begin_epochs();
  refresh_sync_interval();
  refresh_usage();
  resume_catalog();
  resume_calendar();
  resume_reply_queues();
  parts_.observer->event(NodeEvent::recovered, "", 1);
  run(Runner::caller, nullptr);
  parts_.observer->event(NodeEvent::opened, "", 1);
  return {};
}

Result<void> Core::replay(Shard& shard) {
  auto state = parts_.store->log().state(shard.id);
  if (!state) return state.error();
  shard.last_record_type = port::EntryType::command;
  const LogIndex first = next(shard.machine->applied());
  if (first > state->last) return {};
  engine::Effects effects;
  return parts_.store->log().read(
      shard.id, first, state->last, [&](const port::LogRecord& record) -> Result<void> {
        if (auto replayed = replay_record(shard, record, effects); !replayed) return replayed;
        shard.log_bytes += record.body.size();
        return shard.machine->checkpoint_due() ? checkpoint_while_replaying(shard) : Result<void>();
      });
}

Result<void> Core::replay_record(Shard& shard, const port::LogRecord& record, engine::Effects& effects) {
  shard.last_record_type = record.type;
  if (record.type != port::EntryType::command) {
    const bool configuration = record.type == port::EntryType::change;
    return shard.machine->pass(record.index, record.term, configuration, record.body.bytes());
  }
  auto view = shard.decoder->decode(record.body);
  if (!view) return view.error();
  effects.clear();
  return shard.machine->apply(record.index, record.term, *view, effects);
}

/// A long log must not outgrow the memory budget; the log keeps its records until the node runs.
Result<void> Core::checkpoint_while_replaying(Shard& shard) {
  if (!shard.machine->freeze(shard.machine->applied())) return {};
  if (auto written = shard.machine->write_checkpoint(); !written) return written;
  auto finished = shard.machine->finish_checkpoint();
  return finished ? Result<void>() : Result<void>(finished.error());
}

/// Shards that may have forgotten what they acknowledged never give a number or an attempt a second time
/// (S58, S82): numbers go on where no former run can have been, and receipts of former runs are stale.
void Core::begin_epochs() {
  std::int64_t now_ms = 0;
  for (const auto& shard : shards_) now_ms = std::max(now_ms, shard.stamper->peek().wall.ms);
  for (const ShardId id : {interval_shard, memory_shard}) {
    Shard& shard = this->shard(id);
    auto request = std::make_shared<EpochRequest>();
    request->shard = id;
    request->starts_anew = id == memory_shard || !closed_cleanly(shard);
    // 65,536 numbers for each millisecond of the calendar: no lane gives them out that fast.
    request->number_floor = static_cast<std::uint64_t>(now_ms) << 16;
    push_pending(shard, std::move(request), 64);
  }
  // The mark of a clean close must not be the last word of a life that acknowledges what it has not written.
  Shard& interval = shard(interval_shard);
  cut(interval);
  interval.opened_at = interval.under_way.back().index;
  writer_.hurry();
}

/// Whether the entry that opened the shard is still to be written.
bool Core::is_opening(const Shard& shard) { return shard.durable < shard.opened_at; }

/// The interval shard's last record says whether its log is complete.
bool Core::closed_cleanly(const Shard& shard) {
  return shard.last_record_type == port::EntryType::barrier || shard.machine->applied() <= LogIndex(1);
}

}  // namespace peerq::node
