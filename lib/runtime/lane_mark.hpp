#pragma once
// Which executors' lanes the present thread is running: one that is ended from a task of its own could only
// wait for itself.

#include <utility>

namespace peerq::runtime {

/// Says that this thread runs a lane of `owner`, as long as it lives. **Thread** the one that made it.
class LaneMark {
 public:
  explicit LaneMark(const void* owner) noexcept : owner_(owner), outer_(std::exchange(innermost, this)) {}
  LaneMark(const LaneMark&) = delete;
  LaneMark& operator=(const LaneMark&) = delete;
  ~LaneMark() { innermost = outer_; }

  /// A host's thread may run a lane inside another's task, so all marks count.
  static bool is_set(const void* owner) noexcept {
    for (const LaneMark* mark = innermost; mark != nullptr; mark = mark->outer_) {
      if (mark->owner_ == owner) return true;
    }
    return false;
  }

 private:
  static inline thread_local const LaneMark* innermost = nullptr;

  const void* const owner_;
  const LaneMark* const outer_;
};

}  // namespace peerq::runtime
