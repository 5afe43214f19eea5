#pragma once
// Looks at LMDB's pages before LMDB does. LMDB believes what is on its pages: a damaged one makes it read or
// write anywhere, or lose rows without a word. So the pages on the way to a key, and their neighbours, are
// checked here first, once each: number, kind, bounds, order of keys, range that the page above gives it.
// Rows have their own seals. The format is that of LMDB 0.9 (data version 1). **Source** docs/decisions.md,
// D15; docs/formats.md, pages.
//
//   page | number 8 | pad 2 | flags 2 | lower 2 | upper 2 | pointers 2 each ... | free | nodes |
//   node | low 2 | high 2 | flags 2 | key size 2 | key | data |
//          of a branch: low, high and flags are the number of the page below
//   meta | page header 16 | magic 4 | version 4 | address 8 | map 8 | free tree 48 | main tree 48 |
//          last page 8 | id 8 |

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "peerq/base/bytes.hpp"
#include "peerq/base/result.hpp"

namespace peerq::storage {

class PageView;

/// Where a table's pages begin.
struct PageTree {
  std::uint64_t root = ~std::uint64_t{0};
  std::uint16_t depth = 0;
  std::uint64_t branch_pages = 0;
  std::uint64_t leaf_pages = 0;
  std::uint64_t overflow_pages = 0;
  std::uint64_t rows = 0;

  std::uint64_t pages() const noexcept { return branch_pages + leaf_pages + overflow_pages; }
};

/// The tables of one moment, by name.
using PageTrees = std::map<std::string, PageTree, std::less<>>;

/// Keys whose leaf page was checked.
class PageRange {
 public:
  bool holds(Bytes key) const noexcept;
  void set(std::optional<Bytes> low, std::optional<Bytes> high);
  void forget() noexcept { known_ = false; }

 private:
  bool known_ = false;
  bool has_low_ = false;
  bool has_high_ = false;
  std::string low_;
  std::string high_;
};

/// An environment's data file, read beside LMDB. **Thread** any. **Errors** of every member: corrupt,
/// node_failed.
class PageGuard {
 public:
  /// Opens the file; null when there is none, or an empty one.
  static Result<std::unique_ptr<PageGuard>> open(const std::string& path);

  PageGuard(const PageGuard&) = delete;
  PageGuard& operator=(const PageGuard&) = delete;
  ~PageGuard();

  /// Before LMDB opens the file: its meta pages, the list of tables, the list of free pages; all of every
  /// table when `whole`, else what is needed later.
  Result<void> check_start(bool whole);

  /// The tables as the transaction of this id left them.
  Result<PageTrees> trees(std::uint64_t transaction);

  /// The pages that LMDB may touch to find, insert or erase this key, or to step from it to a neighbour.
  Result<void> check_key(const PageTree& tree, Bytes key, PageRange& seen);

 private:
  struct Meta {
    PageTree free;
    PageTree main;
    std::uint64_t last_page = 0;
    std::uint64_t transaction = 0;
  };
  /// What is found on the way down to a leaf.
  struct Way {
    std::optional<Bytes> low;
    std::optional<Bytes> high;
    bool first = false;
    bool last = false;
  };
  enum class Side : std::uint8_t { at, before };
  class Walk;

  PageGuard(std::string path, int descriptor) : path_(std::move(path)), descriptor_(descriptor) {}

  Result<void> map_file();
  Result<Meta> read_meta(std::uint64_t number, std::uint64_t file_size);
  Result<Meta> newest_meta();
  Result<PageTrees> read_trees(const PageTree& main);
  Result<void> check_free(const Meta& meta, std::vector<bool>& used, std::vector<bool>& pages);
  Result<void> check_large(const PageView& page, std::size_t at);
  Result<void> check_page(std::uint64_t number, bool leaf, const std::optional<Bytes>& low,
                          const std::optional<Bytes>& high);
  Result<Way> descend(const PageTree& tree, Bytes key, Side side, bool with_neighbours);
  Error damaged(std::uint64_t number, const char* what) const;

  std::string path_;
  int descriptor_;
  std::mutex mutex_;
  const std::byte* base_ = nullptr;
  std::size_t mapped_ = 0;
  std::uint64_t file_size_ = 0;
  std::uint64_t page_size_ = 4096;
  std::uint64_t last_page_ = 0;
  std::vector<bool> checked_;
};

}  // namespace peerq::storage
