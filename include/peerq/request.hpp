#pragma once
// Request and reply: what became of a message (S77).

#include <cstdint>
#include <stop_token>
#include <string>

#include "peerq/base/limits.hpp"
#include "peerq/delivery.hpp"
#include "peerq/message.hpp"

namespace peerq {

struct RequestOptions {
  /// Its time-to-live is cut to `timeout`; its own `timeout` does not count. With a deduplication id the
  /// request may be repeated, also by another life of the process: the message is sent once, and its outcome
  /// told again.
  SendOptions message = {};
  /// How long to wait for the outcome, and how long it is kept. 1 ms to 7 days.
  Milliseconds timeout = limits::timeout_default;
  /// Ends the call: with `cancelled` before the message was sent, also while the queue is full, which then is
  /// not sent; with `outcome_unknown` after that: the message is worked on all the same.
  std::stop_token stop = {};
};

/// How to wait for the outcome of a request that was sent before.
struct OutcomeOptions {
  /// At least 1 ms.
  Milliseconds timeout = limits::timeout_default;
  /// Ends the waiting with `cancelled`.
  std::stop_token stop = {};
};

enum class OutcomeKind : std::uint8_t {
  done,      ///< the worker deleted it; `result` is what it gave with `Delivery::done`
  failed,    ///< dead-lettered or parked: `cause`, `error`
  expired,   ///< its time was over
  cancelled  ///< cancelled, purged, dropped, or its queue was deleted
};

struct RequestOutcome {
  MessageId id = {};
  OutcomeKind kind = OutcomeKind::done;
  std::string result = {};
  Attributes attributes = {};
  FailureCause cause = FailureCause::none;
  /// The last reason that a worker gave.
  std::string error = {};

  bool ok() const noexcept { return kind == OutcomeKind::done; }
};

}  // namespace peerq
