#pragma once
// Hears from a node how many commits its log made and how many bytes each one had, so that a floor can do the
// same.

#include <cstdint>
#include <mutex>
#include <numeric>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "peerq/observer.hpp"

namespace peerq::bench {

/// Bytes of each commit of the log, in order.
struct Commits {
  std::vector<std::uint64_t> sizes = {};

  std::uint64_t bytes() const { return std::accumulate(sizes.begin(), sizes.end(), std::uint64_t{0}); }
};

/// **Thread** any.
class LogCounters final : public Observer {
 public:
  void counter(std::string_view name, std::uint64_t by) noexcept override {
    if (name != "log.bytes") return;  // once for each commit
    const std::lock_guard lock(mutex_);
    commits_.sizes.push_back(by);
  }
  void log(LogLevel level, std::string_view line) noexcept override {
    if (level != LogLevel::error) return;
    const std::lock_guard lock(mutex_);
    last_error_ = line;
  }

  /// The commits since the last call.
  Commits take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(commits_, {});
  }
  std::string last_error() {
    const std::lock_guard lock(mutex_);
    return last_error_;
  }

 private:
  std::mutex mutex_;
  Commits commits_;
  std::string last_error_;
};

}  // namespace peerq::bench
