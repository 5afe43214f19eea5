#include "storage/disk_base.hpp"

namespace peerq::storage {

namespace {

/// A payload on disk, in the snapshot that was current when it was asked for.
class DiskPayload final : public engine::PayloadSource {
 public:
  DiskPayload(std::shared_ptr<Snapshot> snapshot, ShardId shard, MessageId id)
      : snapshot_(std::move(snapshot)), shard_(shard), id_(id) {}

  Result<SharedBytes> fetch() override { return snapshot_->payload(shard_, id_); }

 private:
  std::shared_ptr<Snapshot> snapshot_;
  ShardId shard_;
  MessageId id_;
};

}  // namespace

std::shared_ptr<engine::PayloadSource> DiskBase::payload(MessageId id) const {
  return std::make_shared<DiskPayload>(store_->snapshot(), shard_, id);
}

void DiskBase::forget(const Snapshot* now) const {
  seen_ = now;
  last_message_.known = false;
  OrderedRows::for_each([&]<class Row>() {
    std::get<Search<Row>>(last_).known = false;
    return true;
  });
}

void DiskBase::damaged(engine::TableId table) const {
  throw engine::TablesFailure{
      Error(errc::corrupt, table_text(shard_, table) + ": a row does not match its checksum or layout")};
}

}  // namespace peerq::storage
