#pragma once
// The tables that are ordered (all but messages and payloads), as a list of types, and what storage has to
// know of a row type.

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <tuple>
#include <type_traits>

#include "peerq/engine/moving_rows.hpp"
#include "peerq/engine/outcome_rows.hpp"
#include "peerq/engine/queue_rows.hpp"
#include "peerq/engine/rows.hpp"
#include "peerq/engine/schedule_rows.hpp"
#include "peerq/engine/session_rows.hpp"
#include "storage/segment_table.hpp"

namespace peerq::storage {

template <class... Rows>
struct RowList {
  /// `Holder<Row>` for every row of the list.
  template <template <class> class Holder>
  using Tuple = std::tuple<Holder<Rows>...>;

  /// Calls `visit.operator()<Row>()` in order until one returns false.
  template <class Visit>
  static bool for_each(Visit visit) {
    return (visit.template operator()<Rows>() && ...);
  }
};

/// In the order of their numbers on disk.
using OrderedRows =
    RowList<engine::ShardRow, engine::ConfigRow, engine::QueueRow, engine::LaneRow, engine::ReadyRow,
            engine::ParkedRow, engine::AgedRow, engine::LeaseDueRow, engine::WallDueRow, engine::NoteRow,
            engine::ForeignRow, engine::AttemptRow, engine::AttemptIdRow, engine::ReclaimRow,
            engine::EpochRow, engine::CatalogQueueRow, engine::CatalogIdRow, engine::CatalogSourceRow,
            engine::CatalogRemovedRow, engine::CatalogCountersRow, engine::GroupNameRow, engine::GroupRow,
            engine::GroupOrderRow, engine::GroupFlightRow, engine::RankRow, engine::GroupTimerRow,
            engine::WindowRow, engine::DeduplicationRow, engine::DeduplicationEndRow,
            engine::MessageDeduplicationRow, engine::SessionRow, engine::SessionReplyRow,
            engine::SessionTimerRow, engine::SessionLeaseRow, engine::SessionCountRow, engine::MovingRow,
            engine::TransferRow, engine::RedriveRow, engine::OutcomeRow, engine::OutcomeDueRow,
            engine::ScheduleRow, engine::ScheduleDueRow, engine::ScheduleCountRow, engine::FarDueRow>;

inline DenseKey dense(const engine::MessageKey& key) noexcept {
  return {key.queue.value, key.sequence.value};
}
inline DenseKey dense(MessageId id) noexcept { return {id.incarnation.value, id.sequence.value}; }
inline engine::MessageKey message_key(DenseKey key) noexcept {
  return {QueueId(key.queue), Sequence{key.number}};
}

/// An archive that counts the bytes that a row or key takes.
class SizeCounter {
 public:
  static constexpr bool reading = false;

  template <class T>
  void field(const T& value) {
    size_ += sizeof(engine::detail::to_unsigned(engine::detail::number_in(value)));
  }
  void text(std::string_view value) { size_ += sizeof(std::uint32_t) + value.size(); }
  void rest(std::string_view value) { size_ += value.size(); }
  bool more(bool needed) const noexcept { return needed; }

  std::size_t size() const noexcept { return size_; }

 private:
  std::size_t size_ = 0;
};

/// Bytes that a row or key holds outside itself; rows without texts hold none.
template <class Part>
std::size_t held_outside(const Part& part) {
  if constexpr (std::is_trivially_copyable_v<Part>) {
    return 0;
  } else {
    SizeCounter counter;
    Part::layout(counter, part);
    return counter.size();
  }
}

}  // namespace peerq::storage
