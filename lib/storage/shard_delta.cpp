#include "storage/shard_delta.hpp"

#include "peerq/base/assert.hpp"
#include "peerq/base/plant.hpp"
#include "storage/snapshot_stream.hpp"

namespace peerq::storage {

namespace {

using engine::ShardRow;

/// How many entries pass between two looks at the room on disk.
constexpr std::uint32_t look_interval = 1024;

/// The frozen level, to be written.
class FrozenRows final : public RowSource {
 public:
  FrozenRows(ShardId shard, const DeltaLevel& level, std::uint64_t pages_per_row)
      : shard_(shard), level_(&level), pages_per_row_(pages_per_row) {}

  Result<void> give(RowSink& sink) const override { return level_->give(shard_, sink); }
  std::uint64_t write_size() const override { return level_->dirty_pages(pages_per_row_) * 4096; }

 private:
  ShardId shard_;
  const DeltaLevel* level_;
  std::uint64_t pages_per_row_;
};

}  // namespace

ShardDelta::ShardDelta(ShardId shard, StateStore& store, DeltaBudget& budget)
    : shard_(shard), store_(&store), budget_(&budget), tables_(DiskBase(shard, store)) {}

Result<void> ShardDelta::open() {
  try {
    if (auto row = tables_.find<ShardRow>({})) {
      saved_ = now_ = *row;
      saved_before_ = true;
    }
  } catch (const engine::TablesFailure& failure) {
    return failure.error;
  }
  return {};
}

void ShardDelta::applied(LogIndex index, Term term, Stamps stamps, std::size_t size) {
  now_.applied = index;
  now_.applied_term = term;
  now_.stamps = stamps;
  log_bytes_ += size;
  account();
}

void ShardDelta::passed(LogIndex index, Term term, bool configuration, Bytes body) {
  now_.applied = index;
  now_.applied_term = term;
  if (configuration) {
    now_.configuration_index = index;
    now_.configuration.assign(as_text(body));
  }
  log_bytes_ += body.size();
  account();
}

void ShardDelta::account() {
  budget_->set_active(shard_, tables_.active().memory());
  if (++entries_ % look_interval == 0) budget_->look_at_disk();
}

bool ShardDelta::checkpoint_due() const noexcept {
  if (course_ != Course::idle || now_.applied == saved_.applied) return false;
  const std::size_t dirty = tables_.active().dirty_pages(tables_.base().payload_pages_per_row());
  return budget_->freeze_due(shard_, dirty, log_bytes_);
}

bool ShardDelta::freeze(LogIndex durable) {
  PEERQ_ASSERT(course_ == Course::idle);
  if (now_.applied == saved_.applied || durable < now_.applied) return false;
  ShardRow row = now_;
  // Planted: the checkpoint says that it holds an entry more than it does.
  if (PEERQ_PLANTED(checkpoint_ahead_of_log)) row.applied = next(row.applied);
  if (saved_before_) {
    tables_.update<ShardRow>({}, row);
  } else {
    tables_.insert<ShardRow>({}, row);
  }
  saved_ = now_;
  saved_before_ = true;
  tables_.freeze();
  log_bytes_ = 0;
  course_ = Course::frozen;
  budget_->set_frozen(shard_, tables_.frozen()->memory());
  budget_->set_active(shard_, tables_.active().memory());
  return true;
}

Result<void> ShardDelta::write() {
  PEERQ_ASSERT(course_ == Course::frozen);
  const FrozenRows rows(shard_, *tables_.frozen(), 1024);
  auto written = store_->write(shard_, rows);
  if (written) course_ = Course::written;
  return written;
}

Result<engine::Checkpoint> ShardDelta::finish() {
  PEERQ_ASSERT(course_ == Course::written);
  // The new snapshot first: without it the rows of the frozen level would be nowhere.
  if (auto refreshed = store_->refresh(); !refreshed) return std::move(refreshed).error();
  tables_.drop_frozen();
  course_ = Course::idle;
  budget_->set_frozen(shard_, 0);
  budget_->look_at_disk();
  return engine::Checkpoint{saved_.applied, saved_.applied_term, saved_.configuration_index,
                            saved_.configuration};
}

std::unique_ptr<port::StateStream> ShardDelta::stream(std::size_t chunk_bytes) const {
  return std::make_unique<SnapshotStream>(shard_, store_->snapshot(), chunk_bytes);
}

Result<void> ShardDelta::stage() {
  budget_->set_active(shard_, tables_.active().memory());
  const std::size_t dirty = tables_.active().dirty_pages(tables_.base().payload_pages_per_row());
  if (!budget_->freeze_due(shard_, dirty, 0)) return {};
  tables_.freeze();
  course_ = Course::frozen;
  if (auto written = write(); !written) return written;
  if (auto finished = finish(); !finished) return finished.error();
  budget_->set_active(shard_, tables_.active().memory());
  return {};
}

void ShardDelta::received(const engine::ShardRow& now) {
  PEERQ_ASSERT(!saved_before_);
  now_ = now;
}

}  // namespace peerq::storage
