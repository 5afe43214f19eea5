#pragma once
// What the host sees of the inside: log lines, events and counters. The library never writes to stdout or
// stderr (except a failed assertion).

#include <cstdint>
#include <string_view>

namespace peerq {

enum class LogLevel : std::uint8_t { debug, info, warning, error };

/// Something worth an alarm or a metric.
enum class NodeEvent : std::uint8_t {
  opened,
  recovered,
  checkpoint_done,
  checkpoint_failed,
  storage_full,
  storage_freed,
  clock_suspect,
  clock_confirmed,
  shard_stopped,
  node_failed,
  closed,
  message_expired,
  message_dead_lettered,
  message_parked,
  lease_lapsed,
};

/// Receives what the library has to tell. Every member does nothing by default.
///
/// **Thread** called from any thread, several at once; must not block and must not call the node.
/// An exception that leaves a member ends the process (they are called from noexcept code).
class Observer {
 public:
  virtual ~Observer() = default;
  virtual void log(LogLevel level, std::string_view line) noexcept { (void)level, (void)line; }
  /// `count` is how many things; `subject` names the queue, shard or file, if any.
  virtual void event(NodeEvent event, std::string_view subject, std::uint64_t count) noexcept {
    (void)event, (void)subject, (void)count;
  }
  /// A counter grew by `by`. Names are listed in docs/operations.md.
  virtual void counter(std::string_view name, std::uint64_t by) noexcept { (void)name, (void)by; }
};

}  // namespace peerq
