#include "testkit/sim_log.hpp"

#include <algorithm>
#include <optional>

#include "checksum/checksum.hpp"
#include "peerq/engine/layout.hpp"

namespace peerq::testkit {

namespace {

constexpr std::uint64_t sector_size = 512;
//  frame:  size (8) | checksum (8) | writes
constexpr std::size_t frame_head = 16;

void write_one(engine::RowWriter& out, const port::LogWrite& write) {
  out.field(write.shard);
  out.field(std::uint64_t{write.cut_from ? write.cut_from->value : 0});
  out.field(static_cast<std::uint32_t>(write.records.size()));
  for (const auto& record : write.records) {
    out.field(record.index);
    out.field(record.term);
    out.field(record.type);
    out.text(as_text(record.body.bytes()));
  }
  out.field(write.hard.has_value());
  if (write.hard) out.field(write.hard->term), out.field(write.hard->vote);
  out.field(write.snapshot.has_value());
  if (!write.snapshot) return;
  out.field(write.snapshot->index);
  out.field(write.snapshot->term);
  out.field(write.snapshot->configuration_index);
  out.field(write.snapshot->generation);
  out.text(write.snapshot->configuration);
}

std::string frame_of(const std::vector<port::LogWrite>& writes) {
  std::string body;
  engine::RowWriter out(body);
  for (const auto& write : writes) write_one(out, write);
  std::string frame;
  engine::RowWriter head(frame);
  head.field(std::uint64_t{body.size()});
  head.field(checksum(body.size(), as_bytes(body)));
  return frame + body;
}

/// The size of the frame that `bytes` begin with, if it is whole.
std::optional<std::size_t> whole_frame(std::string_view bytes) {
  if (bytes.size() < frame_head) return std::nullopt;
  engine::RowReader head(as_bytes(bytes.substr(0, frame_head)));
  std::uint64_t size = 0;
  std::uint64_t expected = 0;
  head.field(size);
  head.field(expected);
  if (size == 0 || size > bytes.size() - frame_head) return std::nullopt;
  if (checksum(size, as_bytes(bytes.substr(frame_head, size))) != expected) return std::nullopt;
  return frame_head + size;
}

std::uint64_t record_bytes(const port::LogRecord& record) { return record.body.size() + 32; }

}  // namespace

void SimShardLog::erase(std::map<LogIndex, port::LogRecord>::iterator from,
                        std::map<LogIndex, port::LogRecord>::iterator to) {
  for (auto record = from; record != to; ++record) bytes -= record_bytes(record->second);
  records.erase(from, to);
}

void SimShardLog::apply(const port::LogWrite& write) {
  if (write.cut_from) erase(records.lower_bound(*write.cut_from), records.end());
  for (const auto& record : write.records) {
    const LogIndex last = records.empty() ? snapshot.index : records.rbegin()->first;
    PEERQ_ASSERT(record.index == next(last));
    records.emplace(record.index, record);
    bytes += record_bytes(record);
  }
  if (write.hard) hard = *write.hard;
  if (write.snapshot) {
    snapshot = *write.snapshot;
    erase(records.begin(), records.upper_bound(snapshot.index));
  }
}

void SimJournal::apply(SimShardLogs& logs, const std::vector<port::LogWrite>& writes) {
  for (const auto& write : writes) logs[write.shard].apply(write);
}

void SimJournal::write(const std::vector<port::LogWrite>& writes) {
  if (writes.empty()) return;
  apply(current_, writes);
  unsynced_ += frame_of(writes);
  frames_.push_back(writes);
}

void SimJournal::sync() {
  for (const auto& writes : frames_) apply(durable_, writes);
  synced_size_ += unsynced_.size();
  frames_.clear();
  unsynced_.clear();
}

SimLogLosses SimJournal::tear(const std::function<bool(std::uint64_t)>& survives) {
  const std::uint64_t end = synced_size_ + unsynced_.size();
  bool any = false;
  for (std::uint64_t sector = synced_size_ / sector_size; sector * sector_size < end; ++sector) {
    if (survives(sector)) {
      any = true;
      continue;
    }
    const std::uint64_t from = std::max(sector * sector_size, synced_size_);
    const std::uint64_t to = std::min((sector + 1) * sector_size, end);
    std::fill_n(unsynced_.begin() + static_cast<std::ptrdiff_t>(from - synced_size_), to - from, '\0');
  }
  std::size_t whole = 0;
  std::string_view rest = unsynced_;
  while (const auto size = whole_frame(rest)) {
    rest.remove_prefix(*size);
    ++whole;
  }
  const bool torn = whole < frames_.size() && any;
  auto losses = keep_first(whole);
  if (torn) losses.torn = 1, losses.lost -= 1;
  return losses;
}

SimLogLosses SimJournal::keep_first(std::size_t commits) {
  commits = std::min(commits, frames_.size());
  const SimLogLosses losses{commits, 0, frames_.size() - commits};
  for (std::size_t i = 0; i < commits; ++i) {
    apply(durable_, frames_[i]);
    synced_size_ += frame_of(frames_[i]).size();
  }
  frames_.clear();
  unsynced_.clear();
  current_ = durable_;
  return losses;
}

std::uint64_t SimJournal::live_bytes() const noexcept {
  std::uint64_t sum = 0;
  for (const auto& [shard, log] : current_) sum += log.bytes;
  return sum;
}

}  // namespace peerq::testkit
