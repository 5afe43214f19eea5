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
  FrozenRows(ShardId shard, const DeltaLevel& level, std::uint64_t write_size)
      : shard_(shard), level_(&level), write_size_(write_size) {}

  Result<void> give(RowSink& sink) const override { return level_->give(shard_, sink); }
  std::uint64_t write_size() const override { return write_size_; }

 private:
  ShardId shard_;
  const DeltaLevel* level_;
  std::uint64_t write_size_;
};

constexpr std::uint64_t page_size = 4096;
/// Times 1,024: a page for each payload, to be sure of the room.
constexpr std::uint64_t whole_pages = 1024;

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

std::size_t ShardDelta::dirty_pages(const DeltaLevel& level, std::uint64_t payload_pages_per_row) const {
  return level.dirty_pages(payload_pages_per_row,
                           [&](engine::TableId table) { return tables_.base().pages(table); });
}

void ShardDelta::account() {
  const DeltaLevel& active = tables_.active();
  dirty_pages_ = dirty_pages(active, tables_.base().payload_pages_per_row());
  budget_->set_active(shard_, active.memory(), dirty_pages_);
  if (++entries_ % look_interval == 0) budget_->look_at_disk();
}

bool ShardDelta::checkpoint_due() const noexcept {
  if (course_ != Course::idle || now_.applied == saved_.applied) return false;
  return budget_->freeze_due(shard_, dirty_pages_, log_bytes_);
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
  write_size_ = dirty_pages(tables_.active(), whole_pages) * page_size;
  tables_.freeze();
  log_bytes_ = 0;
  course_ = Course::frozen;
  budget_->set_frozen(shard_, tables_.frozen()->memory());
  account();
  return true;
}

Result<void> ShardDelta::write() {
  PEERQ_ASSERT(course_ == Course::frozen);
  const FrozenRows rows(shard_, *tables_.frozen(), write_size_);
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
  account();
  if (!budget_->freeze_due(shard_, dirty_pages_, 0)) return {};
  write_size_ = dirty_pages(tables_.active(), whole_pages) * page_size;
  tables_.freeze();
  course_ = Course::frozen;
  if (auto written = write(); !written) return written;
  if (auto finished = finish(); !finished) return finished.error();
  account();
  return {};
}

void ShardDelta::received(const engine::ShardRow& now) {
  PEERQ_ASSERT(!saved_before_);
  now_ = now;
}

}  // namespace peerq::storage
