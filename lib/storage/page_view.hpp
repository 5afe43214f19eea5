#pragma once
// One page of LMDB's file, looked at with every bound checked. **Source** page_guard.hpp, the layouts.

#include <cstdint>
#include <cstring>

#include "peerq/base/bytes.hpp"

namespace peerq::storage {

inline constexpr std::uint16_t page_is_branch = 1;
inline constexpr std::uint16_t page_is_leaf = 2;
inline constexpr std::uint16_t page_is_overflow = 4;
inline constexpr std::uint16_t page_is_meta = 8;
inline constexpr std::size_t page_header_size = 16;
inline constexpr std::size_t node_header_size = 8;
inline constexpr std::uint16_t node_is_large = 1;
inline constexpr std::uint16_t node_is_table = 2;

/// A number at a place of the file, which has the machine's byte order.
template <class Number>
Number page_number_at(const std::byte* at) noexcept {
  Number out{};
  std::memcpy(&out, at, sizeof(out));
  return out;
}

/// Order of LMDB's keys; of free lists, whose keys are numbers, with `numbers`.
inline int key_order(Bytes a, Bytes b, bool numbers = false) noexcept {
  if (numbers && a.size() == 8 && b.size() == 8) {
    const auto left = page_number_at<std::uint64_t>(a.data());
    const auto right = page_number_at<std::uint64_t>(b.data());
    return left < right ? -1 : left > right ? 1 : 0;
  }
  const std::size_t size = a.size() < b.size() ? a.size() : b.size();
  const int order = size == 0 ? 0 : std::memcmp(a.data(), b.data(), size);
  if (order != 0) return order;
  return a.size() < b.size() ? -1 : a.size() > b.size() ? 1 : 0;
}

/// A branch or leaf page. Its nodes may be read once `sound` said so.
class PageView {
 public:
  PageView(const std::byte* page, std::uint64_t size) noexcept : page_(page), size_(size) {}

  std::uint64_t number() const noexcept { return page_number_at<std::uint64_t>(page_); }
  std::uint16_t flags() const noexcept { return half(10); }
  std::uint32_t overflow_pages() const noexcept { return page_number_at<std::uint32_t>(page_ + 12); }
  bool leaf() const noexcept { return flags() == page_is_leaf; }
  std::size_t count() const noexcept { return (lower() - page_header_size) / 2; }

  Bytes key(std::size_t at) const noexcept { return {node(at) + node_header_size, key_size(at)}; }
  std::uint16_t node_flags(std::size_t at) const noexcept {
    return page_number_at<std::uint16_t>(node(at) + 4);
  }

  /// Of a branch.
  std::uint64_t child(std::size_t at) const noexcept {
    return low_half(at) | (std::uint64_t{node_flags(at)} << 32);
  }
  /// Of a leaf: size of the data, wherever it is.
  std::uint64_t data_size(std::size_t at) const noexcept { return low_half(at); }
  const std::byte* data(std::size_t at) const noexcept { return node(at) + node_header_size + key_size(at); }
  /// Of a leaf's large node: the first page of its data, and how many.
  std::uint64_t large_page(std::size_t at) const noexcept { return page_number_at<std::uint64_t>(data(at)); }
  std::uint64_t large_count(std::size_t at) const noexcept {
    return (page_header_size - 1 + data_size(at)) / size_ + 1;
  }

  /// Whether every bound and every node is where it may be, keys ascend, and numbers of pages are at most
  /// `last_page`.
  bool sound(std::uint64_t last_page, bool numbers) const noexcept;

 private:
  std::uint16_t half(std::size_t at) const noexcept { return page_number_at<std::uint16_t>(page_ + at); }
  std::size_t lower() const noexcept { return half(12); }
  std::size_t upper() const noexcept { return half(14); }
  std::size_t pointer(std::size_t at) const noexcept { return half(page_header_size + at * 2); }
  const std::byte* node(std::size_t at) const noexcept { return page_ + pointer(at); }
  std::uint16_t key_size(std::size_t at) const noexcept {
    return page_number_at<std::uint16_t>(node(at) + 6);
  }
  std::uint64_t low_half(std::size_t at) const noexcept { return page_number_at<std::uint32_t>(node(at)); }
  bool sound_node(std::size_t at, std::uint64_t last_page, std::size_t& size) const noexcept;

  const std::byte* page_;
  std::uint64_t size_;
};

}  // namespace peerq::storage
