#pragma once
// Sums over the rows on disk, bucket by bucket: what finds a lost write.
//
// A write that the disk lost leaves an older page in its place. All rows on it have good seals, yet some are
// of yesterday, and some are missing or back. So the rows whose keys begin alike are a *bucket*, and the
// shard's table of sums says of every bucket how many rows it has and what their seals add up to. A bucket is
// compared with its sum before anything in it is believed for the first time (row_sum_check.hpp); the sums
// themselves are compared with the record of the last commit at open. Payloads have none: they never change
// under their id.
// **Source** docs/formats.md, sums; docs/decisions.md, D16.

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "peerq/base/bytes.hpp"
#include "peerq/engine/rows.hpp"

namespace peerq::storage {

/// The table of sums: not one of the engine's.
inline constexpr auto sums_table = static_cast<engine::TableId>(31);

/// Of a bucket, or a change of one: then the numbers wrap around.
struct RowSum {
  std::uint64_t rows = 0;
  std::uint64_t seals = 0;

  /// A row with its seal comes in, or goes out.
  void add(Bytes value) noexcept;
  void remove(Bytes value) noexcept;
  void add(const RowSum& change) noexcept;
  bool empty() const noexcept { return rows == 0 && seals == 0; }

  friend bool operator==(const RowSum&, const RowSum&) = default;
  static void layout(auto& archive, auto& sum) {
    archive.field(sum.rows);
    archive.field(sum.seals);
  }
};

/// How many bytes of the table's keys name a bucket; none when its rows have no sums.
std::optional<std::size_t> bucket_size(engine::TableId table) noexcept;

/// Replaces `out` with the key of the sum of the bucket that `key` belongs to: the table's number, then the
/// bucket.
void bucket_key(engine::TableId table, std::size_t size, Bytes key, std::string& out);

/// What a checkpoint changes, by key of the sum. **Thread** one at a time.
class SumChanges {
 public:
  void add(engine::TableId table, Bytes key, Bytes value) {
    change(table, key, [&](RowSum& sum) { sum.add(value); });
  }
  void remove(engine::TableId table, Bytes key, Bytes value) {
    change(table, key, [&](RowSum& sum) { sum.remove(value); });
  }

  const std::map<std::string, RowSum>& all() const noexcept { return changes_; }

 private:
  template <class Apply>
  void change(engine::TableId table, Bytes key, Apply apply) {
    const auto size = bucket_size(table);
    if (!size) return;
    bucket_key(table, *size, key, key_);
    if (latest_ == changes_.end() || latest_->first != key_) latest_ = changes_.try_emplace(key_).first;
    apply(latest_->second);
  }

  std::map<std::string, RowSum> changes_;
  /// Rows come in the order of their keys.
  std::map<std::string, RowSum>::iterator latest_ = changes_.end();
  std::string key_;
};

}  // namespace peerq::storage
