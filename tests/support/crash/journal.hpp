#pragma once
// What a recorded workload was told, with the place in the trace at which each call began and at which it
// returned: a crash at position p comes after every call with end <= p, and before every call with start >=
// p.

#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "peerq/base/ids.hpp"
#include "support/history/body.hpp"

namespace peerq::crash {

enum class Did : std::uint8_t {
  opened,
  created_queue,
  deleted_queue,
  sent,
  /// Handed out under a lease.
  leased,
  /// Handed out and removed in one step.
  took,
  erased,
  /// Nacked, released, rejected or extended.
  returned,
  purged,
};

struct JournalEntry {
  Did did = Did::opened;
  std::uint64_t start = 0;
  std::uint64_t end = 0;
  std::int64_t end_us = 0;
  /// Acknowledged; else whether it happened is unknown. Calls that were refused are not in the journal.
  bool acknowledged = true;
  std::string queue;
  MessageId id;
  std::uint32_t attempt = 0;
  history::BodyTag body;
  std::uint64_t body_size = 0;
  /// Sent with a time-to-live: may go by itself.
  bool may_expire = false;
};

/// A name of a message as text, for reports.
std::string text_of(const MessageId& id);

/// **Thread** `add` any.
class Journal {
 public:
  void add(JournalEntry entry) {
    const std::lock_guard lock(mutex_);
    entries_.push_back(std::move(entry));
  }
  const std::vector<JournalEntry>& entries() const noexcept { return entries_; }

  /// Throw std::runtime_error.
  void write(const std::string& path) const;
  static std::vector<JournalEntry> read(const std::string& path);

 private:
  std::mutex mutex_;
  std::vector<JournalEntry> entries_;
};

}  // namespace peerq::crash
