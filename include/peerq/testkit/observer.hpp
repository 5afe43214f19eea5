#pragma once
// Remembers what a node tells its host.

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "peerq/port/observer.hpp"

namespace peerq::testkit {

/// **Thread** the simulation's one.
class RecordingObserver final : public Observer {
 public:
  void log(LogLevel level, std::string_view line) noexcept override { lines_.emplace_back(level, line); }
  void event(NodeEvent event, std::string_view, std::uint64_t count) noexcept override {
    auto& seen = events_[event];
    seen.first += 1;
    seen.second += count;
  }
  void counter(std::string_view name, std::uint64_t by) noexcept override {
    counters_[std::string(name)] += by;
  }

  /// Lines of this level, oldest first.
  std::vector<std::string> lines(LogLevel level) const {
    std::vector<std::string> out;
    for (const auto& [of, line] : lines_) {
      if (of == level) out.push_back(line);
    }
    return out;
  }
  /// How often the event came.
  std::uint64_t times(NodeEvent event) const { return seen(event).first; }
  /// How many things it was about, all times together.
  std::uint64_t count(NodeEvent event) const { return seen(event).second; }
  std::uint64_t counter(const std::string& name) const {
    const auto found = counters_.find(name);
    return found == counters_.end() ? 0 : found->second;
  }

 private:
  std::pair<std::uint64_t, std::uint64_t> seen(NodeEvent event) const {
    const auto found = events_.find(event);
    return found == events_.end() ? std::pair<std::uint64_t, std::uint64_t>() : found->second;
  }

  std::vector<std::pair<LogLevel, std::string>> lines_;
  std::map<NodeEvent, std::pair<std::uint64_t, std::uint64_t>> events_;
  std::map<std::string, std::uint64_t> counters_;
};

}  // namespace peerq::testkit
