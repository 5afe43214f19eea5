#pragma once
// Room for the arrays that the views of a decoded entry point to: grows without moving what was given out,
// and keeps its memory for the next entry.

#include <algorithm>
#include <cstddef>
#include <memory>
#include <span>
#include <vector>

namespace peerq::wire {

/// **Thread** one at a time.
template <class T>
class Pool {
 public:
  /// `count` objects with whatever was in them before; they stay where they are until `reset`.
  std::span<T> take(std::size_t count) {
    if (count == 0) return {};
    if (chunks_.empty() || count > chunks_.back().size - used_) grow(count);
    T* const first = chunks_.back().objects.get() + used_;
    used_ += count;
    return {first, count};
  }

  /// Ends everything given out. What took several chunks gets one for the next time.
  void reset() {
    if (chunks_.size() > 1) {
      std::size_t total = 0;
      for (const auto& chunk : chunks_) total += chunk.size;
      chunks_.clear();
      if (total <= kept_max) grow(total);
    }
    used_ = 0;
  }

 private:
  /// Larger memory is given back after an unusual entry.
  static constexpr std::size_t kept_max = 65'536;

  struct Chunk {
    std::unique_ptr<T[]> objects;
    std::size_t size = 0;
  };

  void grow(std::size_t count) {
    const std::size_t size = std::max(count, chunks_.empty() ? std::size_t{64} : 2 * chunks_.back().size);
    chunks_.push_back({std::make_unique<T[]>(size), size});
    used_ = 0;
  }

  std::vector<Chunk> chunks_;
  std::size_t used_ = 0;
};

}  // namespace peerq::wire
