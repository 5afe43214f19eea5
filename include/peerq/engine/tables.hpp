#pragma once
// The ordered tables that the engine works on. Implementations: MemoryTables, DeltaTables over LMDB, and the
// test kit's; all pass tests/conformance/tables.
//
// Rules. The caller knows whether a row exists: `insert` needs it absent, `update` and `erase` need it
// present, so that no implementation has to look below to find out. `first` looks at most from `from` up to,
// not including, `to`. A read that fails (damaged row, EIO) throws `TablesFailure`; the entry is then
// abandoned, its changes are dropped with everything in memory, and the shard stops (S55). Nothing else is
// thrown. There is no rollback: commands check first and then change (docs/decisions.md).

#include <concepts>
#include <optional>
#include <utility>

#include "peerq/base/bytes.hpp"
#include "peerq/base/errc.hpp"
#include "peerq/base/ids.hpp"
#include "peerq/engine/moving_rows.hpp"
#include "peerq/engine/outcome_rows.hpp"
#include "peerq/engine/queue_rows.hpp"
#include "peerq/engine/reply.hpp"
#include "peerq/engine/rows.hpp"
#include "peerq/engine/schedule_rows.hpp"
#include "peerq/engine/session_rows.hpp"

namespace peerq::engine {
inline namespace v1 {

/// A row with its key.
template <class Row>
struct Found {
  typename Row::Key key;
  Row row;
};

/// A table could not be read. Never leaves the state machine.
struct TablesFailure {
  Error error;
};

template <class T, class Row>
concept TablesFor = requires(T tables, const T constant, const typename Row::Key key, const Row row) {
  { constant.template find<Row>(key) } -> std::same_as<std::optional<Row>>;
  { constant.template first<Row>(key, key) } -> std::same_as<std::optional<Found<Row>>>;
  tables.template insert<Row>(key, row);
  tables.template update<Row>(key, row);
  tables.template erase<Row>(key);
};

/// What the engine needs of its storage. Not thread-safe: one thread at a time.
template <class T>
concept Tables =
    TablesFor<T, MessageRow> && TablesFor<T, ReadyRow> && TablesFor<T, ParkedRow> && TablesFor<T, AgedRow> &&
    TablesFor<T, LeaseDueRow> && TablesFor<T, WallDueRow> && TablesFor<T, NoteRow> &&
    TablesFor<T, ForeignRow> && TablesFor<T, AttemptRow> && TablesFor<T, AttemptIdRow> &&
    TablesFor<T, QueueRow> && TablesFor<T, LaneRow> && TablesFor<T, ReclaimRow> && TablesFor<T, EpochRow> &&
    TablesFor<T, GroupNameRow> && TablesFor<T, GroupRow> && TablesFor<T, GroupOrderRow> &&
    TablesFor<T, GroupFlightRow> && TablesFor<T, RankRow> && TablesFor<T, GroupTimerRow> &&
    TablesFor<T, WindowRow> && TablesFor<T, DeduplicationRow> && TablesFor<T, DeduplicationEndRow> &&
    TablesFor<T, MessageDeduplicationRow> && TablesFor<T, SessionRow> && TablesFor<T, SessionReplyRow> &&
    TablesFor<T, SessionTimerRow> && TablesFor<T, SessionLeaseRow> && TablesFor<T, SessionCountRow> &&
    TablesFor<T, MovingRow> && TablesFor<T, TransferRow> && TablesFor<T, RedriveRow> &&
    TablesFor<T, OutcomeRow> && TablesFor<T, OutcomeDueRow> && TablesFor<T, ScheduleRow> &&
    TablesFor<T, ScheduleDueRow> && TablesFor<T, ScheduleCountRow> && TablesFor<T, FarDueRow> &&
    TablesFor<T, ConfigRow> && TablesFor<T, ShardRow> && TablesFor<T, CatalogQueueRow> &&
    TablesFor<T, CatalogIdRow> && TablesFor<T, CatalogSourceRow> && TablesFor<T, CatalogRemovedRow> &&
    TablesFor<T, CatalogCountersRow> &&
    requires(T tables, const T constant, MessageId id, SharedBytes bytes) {
      tables.insert_payload(id, bytes);
      tables.erase_payload(id);
      { constant.payload(id) } -> std::same_as<Payload>;
    };

}  // namespace v1
}  // namespace peerq::engine
