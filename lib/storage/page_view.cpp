#include "storage/page_view.hpp"

namespace peerq::storage {

bool PageView::sound_node(std::size_t at, std::uint64_t last_page, std::size_t& size) const noexcept {
  const std::size_t start = pointer(at);
  if (start < upper() || start % 2 != 0 || start + node_header_size > size_) return false;
  size = node_header_size + key_size(at);
  if (!leaf()) {
    if (child(at) < 2 || child(at) > last_page) return false;
  } else if (node_flags(at) == node_is_large) {
    size += sizeof(std::uint64_t);
    if (start + size > size_) return false;
    if (large_page(at) < 2 || large_page(at) > last_page) return false;
    if (large_count(at) > last_page - large_page(at) + 1) return false;
  } else {
    if (node_flags(at) != 0 && node_flags(at) != node_is_table) return false;
    if (data_size(at) > size_) return false;
    size += data_size(at);
  }
  return start + size <= size_;
}

bool PageView::sound(std::uint64_t last_page, bool numbers) const noexcept {
  if (lower() < page_header_size || lower() % 2 != 0 || lower() > upper() || upper() > size_) return false;
  if (count() < (leaf() ? 1U : 2U)) return false;
  std::size_t taken = 0;
  for (std::size_t at = 0; at < count(); ++at) {
    std::size_t size = 0;
    if (!sound_node(at, last_page, size)) return false;
    taken += (size + 1) & ~std::size_t{1};
    const bool compared = leaf() ? at > 0 : at > 1;  // a branch's first key means nothing
    if (compared && key_order(key(at - 1), key(at), numbers) >= 0) return false;
  }
  return taken == size_ - upper();  // nodes lie side by side
}

}  // namespace peerq::storage
