#include "storage/page_guard.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "storage/page_view.hpp"

namespace peerq::storage {

namespace {

constexpr std::uint32_t meta_magic = 0xBEEFC0DE;
constexpr std::uint32_t meta_version = 1;
constexpr std::size_t meta_size = page_header_size + 136;
constexpr std::uint64_t no_page = ~std::uint64_t{0};
constexpr std::uint16_t free_tree_flags = 8;  // keys are numbers
constexpr std::uint16_t depth_max = 32;
constexpr std::size_t map_step = std::size_t{64} << 20;

/// A tree's 48 bytes; none when they cannot be right.
std::optional<PageTree> read_tree(const std::byte* at, std::uint16_t flags) noexcept {
  PageTree tree;
  tree.depth = page_number_at<std::uint16_t>(at + 6);
  tree.branch_pages = page_number_at<std::uint64_t>(at + 8);
  tree.leaf_pages = page_number_at<std::uint64_t>(at + 16);
  tree.overflow_pages = page_number_at<std::uint64_t>(at + 24);
  tree.rows = page_number_at<std::uint64_t>(at + 32);
  tree.root = page_number_at<std::uint64_t>(at + 40);
  const bool empty = tree.root == no_page;
  if (page_number_at<std::uint16_t>(at + 4) != flags || tree.depth > depth_max) return std::nullopt;
  if (empty != (tree.depth == 0) || empty != (tree.rows == 0) || empty != (tree.leaf_pages == 0))
    return std::nullopt;
  return tree;
}

/// The child of a branch on the way to `key`, or to what is before it.
std::size_t child_for(const PageView& page, Bytes key, bool before) noexcept {
  std::size_t low = 0;
  std::size_t high = page.count();
  while (high - low > 1) {
    const std::size_t middle = low + (high - low) / 2;
    const int order = key_order(page.key(middle), key);
    (order < 0 || (order == 0 && !before) ? low : high) = middle;
  }
  return low;
}

}  // namespace

bool PageRange::holds(Bytes key) const noexcept {
  return known_ && (!has_low_ || key_order(as_bytes(low_), key) <= 0) &&
         (!has_high_ || key_order(key, as_bytes(high_)) < 0);
}

void PageRange::set(std::optional<Bytes> low, std::optional<Bytes> high) {
  known_ = true;
  has_low_ = low.has_value();
  has_high_ = high.has_value();
  low_.assign(low ? as_text(*low) : std::string_view());
  high_.assign(high ? as_text(*high) : std::string_view());
}

Error PageGuard::damaged(std::uint64_t number, const char* what) const {
  return {errc::corrupt, fmt::format("{}: page {}: {}", path_, number, what)};
}

Result<std::unique_ptr<PageGuard>> PageGuard::open(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0 && errno == ENOENT) return std::unique_ptr<PageGuard>();
  if (descriptor < 0) return Error(errc::node_failed, fmt::format("{}: {}", path, std::strerror(errno)));
  std::unique_ptr<PageGuard> guard(new PageGuard(path, descriptor));
  if (auto mapped = guard->map_file(); !mapped) return std::move(mapped).error();
  if (guard->file_size_ == 0) return std::unique_ptr<PageGuard>();
  return guard;
}

PageGuard::~PageGuard() {
  if (base_ != nullptr) munmap(const_cast<std::byte*>(base_), mapped_);
  close(descriptor_);
}

/// Maps what the file has now; beyond its end nothing may be touched.
Result<void> PageGuard::map_file() {
  struct stat facts {};
  if (fstat(descriptor_, &facts) != 0) return Error(errc::node_failed, path_);
  file_size_ = static_cast<std::uint64_t>(facts.st_size);
  if (file_size_ <= mapped_) return {};
  const std::size_t size = (file_size_ + file_size_ / 2 + map_step) / map_step * map_step;
  if (base_ != nullptr) munmap(const_cast<std::byte*>(base_), mapped_);
  void* base = mmap(nullptr, size, PROT_READ, MAP_SHARED | MAP_NORESERVE, descriptor_, 0);
  base_ = base == MAP_FAILED ? nullptr : static_cast<const std::byte*>(base);
  mapped_ = base_ == nullptr ? 0 : size;
  if (base_ == nullptr) return Error(errc::node_failed, fmt::format("{}: cannot be mapped", path_));
  return {};
}

Result<PageGuard::Meta> PageGuard::read_meta(std::uint64_t number, std::uint64_t page_size) {
  if ((number + 1) * page_size > file_size_) return damaged(number, "the file is too short");
  const std::byte* page = base_ + number * page_size;
  const std::byte* meta = page + page_header_size;
  const PageView view(page, page_size);
  const bool ours = view.number() == number && view.flags() == page_is_meta &&
                    page_number_at<std::uint32_t>(meta) == meta_magic;
  if (!ours) return damaged(number, "is no meta page of LMDB");
  if (page_number_at<std::uint32_t>(meta + 4) != meta_version) {
    return Error(errc::version_mismatch, fmt::format("{}: another format of LMDB", path_));
  }
  const auto free = read_tree(meta + 24, free_tree_flags);
  const auto main = read_tree(meta + 72, 0);
  if (!free || !main || page_number_at<std::uint32_t>(meta + 24) != page_size) {
    return damaged(number, "the meta page is damaged");
  }
  return Meta{*free, *main, page_number_at<std::uint64_t>(meta + 120),
              page_number_at<std::uint64_t>(meta + 128)};
}

/// Each commit writes the meta page of its own parity, so the two always hold neighbouring ids.
Result<PageGuard::Meta> PageGuard::newest_meta() {
  if (file_size_ < meta_size) return damaged(0, "the file is too short");
  page_size_ = page_number_at<std::uint32_t>(base_ + page_header_size + 24);
  const bool possible = page_size_ >= 512 && page_size_ <= 65536 && (page_size_ & (page_size_ - 1)) == 0;
  if (!possible) return damaged(0, "the page size is damaged");
  auto even = read_meta(0, page_size_);
  if (!even) return std::move(even).error();
  auto odd = read_meta(1, page_size_);
  if (!odd) return std::move(odd).error();
  const std::uint64_t low = std::min(even->transaction, odd->transaction);
  const std::uint64_t high = std::max(even->transaction, odd->transaction);
  const bool fresh = high == 0;
  if (!fresh && (high != low + 1 || even->transaction % 2 != 0))
    return damaged(0, "the meta pages do not agree");
  Meta newest = even->transaction > odd->transaction ? *even : *odd;
  last_page_ = newest.last_page;
  checked_.resize(last_page_ + 1, false);
  return newest;
}

/// The head of a row's own pages: LMDB believes it when it frees them.
Result<void> PageGuard::check_large(const PageView& page, std::size_t at) {
  const std::uint64_t number = page.large_page(at);
  const PageView large(base_ + number * page_size_, page_size_);
  const bool good = large.number() == number && large.flags() == page_is_overflow &&
                    large.overflow_pages() == page.large_count(at);
  return good ? Result<void>() : Result<void>(damaged(number, "another page is in its place"));
}

Result<void> PageGuard::check_page(std::uint64_t number, bool leaf, const std::optional<Bytes>& low,
                                   const std::optional<Bytes>& high) {
  if (number > last_page_ || (number + 1) * page_size_ > file_size_)
    return damaged(number, "lies outside the file");
  if (checked_[number]) return {};
  const PageView page(base_ + number * page_size_, page_size_);
  if (page.number() != number) return damaged(number, "another page is in its place");
  if (page.flags() != (leaf ? page_is_leaf : page_is_branch)) return damaged(number, "is of another kind");
  if (!page.sound(last_page_, false)) return damaged(number, "its contents are damaged");
  const std::size_t first = leaf ? 0 : 1;
  const bool fits = (!low || key_order(*low, page.key(first)) <= 0) &&
                    (!high || key_order(page.key(page.count() - 1), *high) < 0);
  if (!fits) return damaged(number, "holds keys that belong elsewhere");
  if (leaf) {
    for (std::size_t at = 0; at < page.count(); ++at) {
      if (page.node_flags(at) != node_is_large) continue;
      if ((page.large_page(at) + page.large_count(at)) * page_size_ > file_size_) {
        return damaged(number, "a row lies outside the file");
      }
      if (auto good = check_large(page, at); !good) return good;
    }
  }
  checked_[number] = true;
  return {};
}

Result<PageGuard::Way> PageGuard::descend(const PageTree& tree, Bytes key, Side side, bool with_neighbours) {
  Way way;
  std::uint64_t number = tree.root;
  for (std::uint16_t level = 1;; ++level) {
    if (auto good = check_page(number, level == tree.depth, way.low, way.high); !good)
      return std::move(good).error();
    if (level == tree.depth) return way;
    const PageView page(base_ + number * page_size_, page_size_);
    const std::size_t at = child_for(page, key, side == Side::before);
    const auto check_child = [&](std::size_t child) {
      const auto low = child == 0 ? way.low : std::optional(page.key(child));
      const auto high = child + 1 < page.count() ? std::optional(page.key(child + 1)) : way.high;
      return check_page(page.child(child), level + 1 == tree.depth, low, high);
    };
    way.first = at == 0;
    way.last = at + 1 == page.count();
    if (with_neighbours && !way.first) {
      if (auto good = check_child(at - 1); !good) return std::move(good).error();
    }
    if (with_neighbours && !way.last) {
      if (auto good = check_child(at + 1); !good) return std::move(good).error();
    }
    if (at > 0) way.low = page.key(at);
    if (!way.last) way.high = page.key(at + 1);
    number = page.child(at);
  }
}

Result<void> PageGuard::check_key(const PageTree& tree, Bytes key, PageRange& seen) {
  if (tree.depth == 0) return {};
  if (seen.holds(key)) return {};
  const std::lock_guard lock(mutex_);
  auto way = descend(tree, key, Side::at, true);
  if (!way) return std::move(way).error();
  // A step to the next or previous row may leave the branch.
  if (way->last && way->high) {
    if (auto next = descend(tree, *way->high, Side::at, false); !next) return std::move(next).error();
  }
  if (way->first && way->low) {
    if (auto before = descend(tree, *way->low, Side::before, false); !before)
      return std::move(before).error();
  }
  seen.set(way->low, way->high);
  return {};
}

/// Every page of a tree, counted.
class PageGuard::Walk {
 public:
  Walk(PageGuard& guard, std::vector<bool>& used, bool numbers)
      : guard_(&guard), used_(&used), numbers_(numbers) {}

  /// Calls `visit(page, at)` for every row in order.
  template <class Visit>
  Result<void> tree(const PageTree& tree, Visit visit) {
    if (tree.depth == 0) return {};
    if (auto walked = page(tree.root, tree.depth, {}, {}, visit); !walked) return walked;
    const bool counted = found_.rows == tree.rows && found_.leaf_pages == tree.leaf_pages &&
                         found_.branch_pages == tree.branch_pages &&
                         found_.overflow_pages == tree.overflow_pages;
    return counted ? Result<void>() : Result<void>(guard_->damaged(tree.root, "rows or pages are missing"));
  }

 private:
  template <class Visit>
  Result<void> page(std::uint64_t number, std::uint16_t levels, std::optional<Bytes> low,
                    std::optional<Bytes> high, Visit& visit) {
    if (auto taken = take(number, 1); !taken) return taken;
    const PageView view(guard_->base_ + number * guard_->page_size_, guard_->page_size_);
    if (view.number() != number) return guard_->damaged(number, "another page is in its place");
    if (view.flags() != (levels == 1 ? page_is_leaf : page_is_branch)) {
      return guard_->damaged(number, "is of another kind");
    }
    if (!view.sound(guard_->last_page_, numbers_)) return guard_->damaged(number, "its contents are damaged");
    const std::size_t first = levels == 1 ? 0 : 1;
    const bool fits = (!low || key_order(*low, view.key(first), numbers_) <= 0) &&
                      (!high || key_order(view.key(view.count() - 1), *high, numbers_) < 0);
    if (!fits) return guard_->damaged(number, "holds keys that belong elsewhere");
    if (!numbers_) guard_->checked_[number] = true;
    ++(levels == 1 ? found_.leaf_pages : found_.branch_pages);
    for (std::size_t at = 0; at < view.count(); ++at) {
      const auto from = at == 0 ? low : std::optional(view.key(at));
      const auto to = at + 1 < view.count() ? std::optional(view.key(at + 1)) : high;
      auto done = levels == 1 ? row(view, at, visit)
                              : page(view.child(at), static_cast<std::uint16_t>(levels - 1), from, to, visit);
      if (!done) return done;
    }
    return {};
  }

  template <class Visit>
  Result<void> row(const PageView& view, std::size_t at, Visit& visit) {
    const bool ascends = !last_ || key_order(*last_, view.key(at), numbers_) < 0;
    if (!ascends) return guard_->damaged(view.number(), "holds keys that belong elsewhere");
    last_ = view.key(at);
    ++found_.rows;
    if (view.node_flags(at) == node_is_large) {
      if (auto taken = take(view.large_page(at), view.large_count(at)); !taken) return taken;
      if (auto good = guard_->check_large(view, at); !good) return good;
      found_.overflow_pages += view.large_count(at);
    }
    return visit(view, at);
  }

  /// Pages are used once, and lie in the file.
  Result<void> take(std::uint64_t number, std::uint64_t count) {
    const bool inside = number >= 2 && number <= guard_->last_page_ &&
                        count <= guard_->last_page_ - number + 1 &&
                        (number + count) * guard_->page_size_ <= guard_->file_size_;
    if (!inside) return guard_->damaged(number, "lies outside the file");
    for (std::uint64_t i = number; i < number + count; ++i) {
      if ((*used_)[i]) return guard_->damaged(i, "is used twice");
      (*used_)[i] = true;
    }
    return {};
  }

  PageGuard* guard_;
  std::vector<bool>* used_;
  bool numbers_;
  PageTree found_;
  std::optional<Bytes> last_;
};

/// LMDB takes new pages from these lists: a page that is in use must not be among them. Of an older list that
/// a lost write left in place the newest commit is missing, or the pages do not add up.
Result<void> PageGuard::check_free(const Meta& meta, std::vector<bool>& used, std::vector<bool>& pages) {
  std::uint64_t newest = 0;
  auto walked =
      Walk(*this, used, true).tree(meta.free, [&](const PageView& view, std::size_t at) -> Result<void> {
        const bool large = view.node_flags(at) == node_is_large;
        const std::byte* data =
            large ? base_ + view.large_page(at) * page_size_ + page_header_size : view.data(at);
        const std::uint64_t room = view.data_size(at) / 8;
        const std::uint64_t count = room == 0 ? 0 : page_number_at<std::uint64_t>(data);
        if (view.key(at).size() != 8 || room == 0 || count >= room)
          return damaged(view.number(), "a free list is damaged");
        std::uint64_t above = last_page_ + 1;
        for (std::uint64_t i = 1; i <= count; ++i) {
          const auto number = page_number_at<std::uint64_t>(data + i * 8);
          if (number < 2 || number >= above || pages[number])
            return damaged(view.number(), "a free list is damaged");
          pages[number] = true;
          above = number;
        }
        newest = page_number_at<std::uint64_t>(view.key(at).data());
        return {};
      });
  if (!walked) return walked;
  const bool last_is_there = meta.free.rows == 0 || newest == meta.transaction;
  return last_is_there ? Result<void>() : Result<void>(damaged(meta.free.root, "a free list is missing"));
}

Result<PageTrees> PageGuard::read_trees(const PageTree& main) {
  PageTrees out;
  std::vector<bool> used(last_page_ + 1, false);
  auto walked =
      Walk(*this, used, false).tree(main, [&](const PageView& view, std::size_t at) -> Result<void> {
        if (view.node_flags(at) != node_is_table) return {};
        const auto tree = view.data_size(at) == 48 ? read_tree(view.data(at), 0) : std::nullopt;
        if (!tree) return damaged(view.number(), "a table's facts are damaged");
        out.emplace(as_text(view.key(at)), *tree);
        return {};
      });
  if (!walked) return std::move(walked).error();
  return out;
}

Result<void> PageGuard::check_start(bool whole) {
  const std::lock_guard lock(mutex_);
  auto meta = newest_meta();
  if (!meta) return std::move(meta).error();
  auto tables = read_trees(meta->main);
  if (!tables) return std::move(tables).error();
  std::vector<bool> used(last_page_ + 1, false);
  std::vector<bool> free(last_page_ + 1, false);
  if (auto good = check_free(*meta, used, free); !good) return good;
  const auto ignore = [](const PageView&, std::size_t) -> Result<void> { return {}; };
  if (auto good = Walk(*this, used, false).tree(meta->main, ignore); !good) return good;
  for (const auto& [name, tree] : *tables) {
    if (!whole) break;
    if (auto good = Walk(*this, used, false).tree(tree, ignore); !good) return good;
  }
  for (std::uint64_t number = 0; number <= last_page_; ++number) {
    if (used[number] && free[number]) return damaged(number, "is in use and in a free list");
  }
  std::uint64_t pages = 2 + meta->main.pages() + meta->free.pages();
  for (const auto& [name, tree] : *tables) pages += tree.pages();
  pages += static_cast<std::uint64_t>(std::count(free.begin(), free.end(), true));
  if (pages != last_page_ + 1) return damaged(meta->free.root, "pages are neither in use nor free, or both");
  return {};
}

Result<PageTrees> PageGuard::trees(std::uint64_t transaction) {
  const std::lock_guard lock(mutex_);
  if (auto mapped = map_file(); !mapped) return std::move(mapped).error();
  auto meta = newest_meta();
  if (!meta) return std::move(meta).error();
  if (meta->transaction != transaction) return damaged(0, "is not what was committed");
  return read_trees(meta->main);
}

}  // namespace peerq::storage
