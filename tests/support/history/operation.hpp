#pragma once
// One operation of a recorded history and its text form: one line,
//   <process>.<number>.<part> <start>-<end> <kind> <outcome> key=value...
// Times are microseconds of one monotonic clock; an operation that has not ended has `?` as its end.
// Keys: q queue, m message, n attempt, c receive count, v lease or time granted in ms, d delay in ms, i log
// index, body <producer>:<number> or `bad`, code errc, src queue that dead-lettered, dump number of a state
// dump; the words gone, returned, again, erase, empty stand alone.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "peerq/base/errc.hpp"
#include "support/history/body.hpp"

namespace peerq::history {

enum class Kind : std::uint8_t {
  send,
  receive,
  erase,
  extend,
  nack,
  release,
  reject,
  kick,
  purge,
  /// The message is in this queue in the state dump of this number.
  state,
  /// The queue was received from and deleted until three polls were empty, after faults, leases and delays
  /// ended.
  drained,
};

/// `info`: unknown; it may still take effect at any later time.
enum class Outcome : std::uint8_t { ok, fail, info };

struct Operation {
  std::uint32_t process = 0;
  std::uint64_t number = 0;
  /// A receive of several messages is one operation in several parts.
  std::uint32_t part = 0;
  Kind kind = Kind::send;
  Outcome outcome = Outcome::info;
  std::int64_t start_us = 0;
  /// None = not ended when the record was made.
  std::optional<std::int64_t> end_us;

  std::string queue = "q";
  /// Empty = unknown or none.
  std::string message;
  std::uint32_t attempt = 0;
  std::uint32_t receive_count = 0;
  std::int64_t lease_ms = 0;
  std::int64_t delay_ms = 0;
  std::uint64_t log_index = 0;
  std::optional<BodyTag> body;
  bool body_bad = false;
  errc code = errc::ok;
  std::string source;
  std::uint32_t dump = 0;
  bool already_gone = false;
  bool already_returned = false;
  /// A receive repeated under its attempt id.
  bool again = false;
  /// receive_and_delete.
  bool erased = false;
  /// A receive that got nothing.
  bool empty = false;

  friend bool operator==(const Operation&, const Operation&) = default;
};

std::string_view name_of(Kind kind) noexcept;
std::string_view name_of(Outcome outcome) noexcept;

/// Without the end of line.
std::string to_text(const Operation& operation);
/// None when the line is not an operation. A line may leave out the number and part.
std::optional<Operation> parse_operation(std::string_view line);

}  // namespace peerq::history
