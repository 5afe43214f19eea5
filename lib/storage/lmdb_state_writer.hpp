#pragma once
// Writes a checkpoint's rows into LMDB so that pages stay well filled.
//
// LMDB splits a full page in half, except when the new key goes to the page's end: then the page stays full
// and a new one is begun. New rows of a queue that is not the last one fall in the middle of a page, before
// the next queue's first rows: every page behind them would stay half empty. So when a *run* of new keys
// between two existing ones is long, the rows behind it that share its page are taken out, the run goes to
// the page's end, and they are put back behind it. The first rows of a run wait until it is known whether it
// is long. **Source** docs/decisions.md, D17.

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "storage/lmdb_environment.hpp"
#include "storage/lmdb_state.hpp"
#include "storage/row_sums.hpp"
#include "storage/state_store.hpp"

namespace peerq::storage {

/// **Thread** the write transaction's. Must be gone before the transaction ends.
class LmdbStateWriter final : public RowSink {
 public:
  /// `trees` is what the last commit left.
  LmdbStateWriter(ShardId shard, const StateTables& tables, const LmdbTransaction& transaction,
                  const LmdbEnvironment& environment, std::vector<PageTree> trees)
      : shard_(shard),
        tables_(&tables),
        transaction_(transaction.get()),
        environment_(&environment),
        page_size_(environment.page_size()),
        trees_(std::move(trees)) {}

  Result<void> put(engine::TableId table, Bytes key, Bytes value, bool exists_below) override;
  Result<void> put_payload(MessageId id, Bytes payload, bool exists_below) override;
  Result<void> erase(engine::TableId table, Bytes key) override;
  Result<void> erase_payload(MessageId id) override;

  /// Ends the last run and writes the sums. To be called once, at the end. How the sum over all sums changed.
  Result<std::uint64_t> finish();

 private:
  struct StoredRow {
    std::string key;
    std::string value;
  };

  Result<void> use(engine::TableId table);
  Result<void> insert(Bytes key, Bytes value);
  Result<void> store_waiting();
  Result<void> begin_run(Bytes key);
  Result<void> end_run();
  /// Takes out the rows behind the run that lie on its last page.
  Result<void> take_out();
  bool in_run(Bytes key) const;
  /// Before LMDB touches the pages around the key.
  Result<void> check(Bytes key);
  /// Before LMDB frees the pages of a large value.
  Result<void> check_large(const MDB_val& key, const MDB_val& value) const;
  Result<void> erase_here(const MDB_val& key, const MDB_val& value);
  Result<void> store(Bytes key, Bytes value, unsigned flags);
  Result<void> put_chain(Bytes payload);
  Result<void> write_sum(Bytes bucket, const RowSum& change);
  Result<RowSum> find_sum(Bytes bucket, bool& there);
  Error failure(int code) const;
  Error missing() const;

  ShardId shard_;
  const StateTables* tables_;
  MDB_txn* transaction_;
  const LmdbEnvironment* environment_;
  std::uint64_t page_size_;
  std::vector<PageTree> trees_;

  engine::TableId table_{};
  MDB_dbi handle_ = 0;
  LmdbCursor cursor_;
  PageRange seen_;

  /// New keys between two neighbours of the table.
  bool running_ = false;
  bool long_ = false;
  std::size_t run_bytes_ = 0;
  std::vector<StoredRow> waiting_;
  /// The existing key behind the run; none at the table's end.
  std::optional<std::string> behind_;
  std::vector<StoredRow> taken_;
  SumChanges sums_;
  RowSum sum_of_sums_;
  std::string key_;
  std::string value_;
};

}  // namespace peerq::storage
