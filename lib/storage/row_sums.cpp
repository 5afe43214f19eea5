#include "storage/row_sums.hpp"

#include <algorithm>

#include "storage/row_seal.hpp"

namespace peerq::storage {

namespace {

std::uint64_t seal_of(Bytes value) noexcept {
  std::uint32_t seal = 0;
  if (value.size() >= row_seal_size) engine::RowReader(value.last(row_seal_size)).field(seal);
  return seal;
}

}  // namespace

void RowSum::add(Bytes value) noexcept {
  ++rows;
  seals += seal_of(value);
}

void RowSum::remove(Bytes value) noexcept {
  --rows;
  seals -= seal_of(value);
}

void RowSum::add(const RowSum& change) noexcept {
  rows += change.rows;
  seals += change.seals;
}

/// So that a bucket has some hundreds of rows at most where rows are many, and the sums stay few: 256 numbers
/// of a lane, 65 ms of leases, 256 ms of the calendar, 256 queues or groups.
std::optional<std::size_t> bucket_size(engine::TableId table) noexcept {
  using engine::TableId;
  if (table == sums_table) return std::nullopt;
  switch (table) {
    case TableId::payloads: return std::nullopt;
    case TableId::messages:
    case TableId::ready:
    case TableId::parked:
    case TableId::notes:
    case TableId::aged:
    case TableId::attempts:
    case TableId::groups:
    case TableId::group_order:
    case TableId::group_flights:
    case TableId::deduplication_ends:
    case TableId::message_deduplication:
    case TableId::outcomes: return 15;
    case TableId::ranks: return 16;
    case TableId::far_due: return 22;  // 65,536 numbers of a queue, of which a bucket of time has a few
    case TableId::foreign:
    case TableId::moving: return 23;
    case TableId::lease_due:
    case TableId::group_timers:
    case TableId::session_timers: return 6;
    case TableId::wall_due:
    case TableId::outcome_due:
    case TableId::schedule_due: return 7;
    case TableId::group_names:
    case TableId::deduplication: return 10;  // the queue, and how the name begins
    case TableId::attempt_ids:
    case TableId::session_replies:
    case TableId::session_leases:
    case TableId::schedules: return 8;
    case TableId::sessions: return 1;
    case TableId::configs:
    case TableId::queues:
    case TableId::lanes:
    case TableId::reclaim:
    case TableId::windows:
    case TableId::transfers:
    case TableId::redrives:
    case TableId::catalog_ids:
    case TableId::catalog_sources:
    case TableId::catalog_removed: return 7;
    default: return 0;  // one row, or names: all of the table
  }
}

void bucket_key(engine::TableId table, std::size_t size, Bytes key, std::string& out) {
  out.assign(1, static_cast<char>(table));
  out.append(as_text(key.first(std::min(size, key.size()))));
}

}  // namespace peerq::storage
