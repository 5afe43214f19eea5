#pragma once
// Whether a queue's name and parameters are within their limits, and in what two sets of parameters differ.
// Pure; the gate asks before an entry is made, the catalog again when it is applied.
// **Source** docs/semantics.md, parameters and limits; S5, S6, S9.

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>

#include "peerq/base/errc.hpp"
#include "peerq/base/limits.hpp"
#include "peerq/base/queue_options.hpp"

namespace peerq::engine {
inline namespace v1 {

/// A parameter as a number, for the texts of errors; durations in ms, none as -1.
struct ShownValue {
  std::int64_t number = 0;
  std::string text;

  std::string show() const { return text.empty() ? std::to_string(number) : text; }
};

namespace detail {

template <class Value>
ShownValue shown(const Value& value) {
  if constexpr (requires { value.has_value(); }) {
    return value ? shown(*value) : ShownValue{-1, "none"};
  } else if constexpr (requires { value.count(); }) {
    return {value.count(), std::to_string(value.count()) + " ms"};
  } else if constexpr (std::is_same_v<Value, bool>) {
    return {value, value ? "true" : "false"};
  } else if constexpr (std::is_convertible_v<Value, std::string_view>) {
    return {0, value.empty() ? "none" : "\"" + std::string(value) + "\""};
  } else if constexpr (requires { value.size(); }) {
    std::string text;
    for (const auto& element : value) text.append(text.empty() ? "" : ",").append(shown(element).show());
    return {0, text.empty() ? "none" : text};
  } else if constexpr (requires { value.zone; }) {
    const auto minutes = [](auto time) { return std::to_string(time.count()); };
    return {0, value.zone + " " + minutes(value.from) + "-" + minutes(value.to) + " min, days " +
                   std::to_string(value.days)};
  } else {
    return {static_cast<std::int64_t>(value), {}};
  }
}

constexpr std::string_view text_of(QueueType type) { return type == QueueType::fifo ? "fifo" : "standard"; }
constexpr std::string_view text_of(Durability durability) {
  constexpr std::array<std::string_view, 3> names{"sync", "interval", "memory"};
  const auto index = static_cast<std::size_t>(durability);
  return index < names.size() ? names[index] : "unknown";
}
constexpr std::string_view text_of(Overflow overflow) {
  constexpr std::array<std::string_view, 3> names{"reject", "drop_oldest", "block"};
  const auto index = static_cast<std::size_t>(overflow);
  return index < names.size() ? names[index] : "unknown";
}
constexpr std::string_view text_of(Poison poison) { return poison == Poison::block ? "block" : "park_group"; }
constexpr std::string_view text_of(PriorityMode mode) {
  return mode == PriorityMode::strict ? "strict" : "weighted";
}

template <class Enum>
  requires std::is_enum_v<Enum>
ShownValue shown(const Enum& value) {
  return {static_cast<std::int64_t>(value), std::string(text_of(value))};
}

/// Calls `visit(name, value of a, value of b)` for every parameter that counts in a comparison, in the order
/// of the table in docs/semantics.md (tags do not count), until it returns false.
template <class Visit>
void visit_pairs(const QueueOptions& a, const QueueOptions& b, Visit visit) {
#define PEERQ_FIELD(name, field) \
  if (!visit(std::string_view(name), a.field, b.field)) return;
  PEERQ_FIELD("type", type)
  PEERQ_FIELD("durability", durability)
  PEERQ_FIELD("sync_interval", sync_interval)
  PEERQ_FIELD("partitions", partitions)
  PEERQ_FIELD("max_message_size", max_message_size)
  PEERQ_FIELD("max_messages", max_messages)
  PEERQ_FIELD("max_bytes", max_bytes)
  PEERQ_FIELD("overflow", overflow)
  PEERQ_FIELD("visibility_timeout", visibility_timeout)
  PEERQ_FIELD("max_lease_time", max_lease_time)
  PEERQ_FIELD("delay", delay)
  PEERQ_FIELD("time_to_live", time_to_live)
  PEERQ_FIELD("retention", retention)
  PEERQ_FIELD("max_receives", max_receives)
  PEERQ_FIELD("dead_letter_queue", dead_letter_queue)
  PEERQ_FIELD("dead_letter_expired", dead_letter_expired)
  PEERQ_FIELD("poison", poison)
  PEERQ_FIELD("retry.base", retry.base)
  PEERQ_FIELD("retry.cap", retry.cap)
  PEERQ_FIELD("retry.factor_thousandths", retry.factor_thousandths)
  PEERQ_FIELD("retry.jitter_thousandths", retry.jitter_thousandths)
  PEERQ_FIELD("priority_mode", priority_mode)
  PEERQ_FIELD("weights", weights)
  PEERQ_FIELD("priority_aging", priority_aging)
  PEERQ_FIELD("max_in_flight", max_in_flight)
  PEERQ_FIELD("max_in_flight_per_group", max_in_flight_per_group)
  PEERQ_FIELD("rate.per_second_thousandths", rate.per_second_thousandths)
  PEERQ_FIELD("rate.burst", rate.burst)
  PEERQ_FIELD("group_rate.per_second_thousandths", group_rate.per_second_thousandths)
  PEERQ_FIELD("group_rate.burst", group_rate.burst)
  PEERQ_FIELD("deduplication_window", deduplication_window)
  PEERQ_FIELD("content_based_deduplication", content_based_deduplication)
  PEERQ_FIELD("windows", windows)
#undef PEERQ_FIELD
}

/// Collects the first failure.
class OptionsCheck {
 public:
  void range(std::string_view name, const ShownValue& value, const ShownValue& min, const ShownValue& max) {
    if (error_.code != errc::ok || (value.number >= min.number && value.number <= max.number)) return;
    error_ = {errc::invalid_argument, std::string(name) + " is " + value.show() + ", not between " +
                                          min.show() + " and " + max.show()};
  }
  void require(bool holds, errc code, std::string_view what) {
    if (error_.code == errc::ok && !holds) error_ = {code, std::string(what)};
  }
  Error take() { return std::move(error_); }

 private:
  Error error_;
};

inline ShownValue shown_number(std::uint64_t value) {
  return shown(static_cast<std::int64_t>(std::min<std::uint64_t>(value, INT64_MAX)));
}

/// What belongs to features that this version does not have is refused, never stored.
template <class Value>
void check_only(OptionsCheck& check, std::string_view name, const Value& value, const Value& built) {
  if (value == built) return;
  check.require(
      false, errc::not_supported,
      std::string(name) + " is " + shown(value).show() + "; this version has only " + shown(built).show());
}

inline void check_kind(const QueueOptions& options, OptionsCheck& check) {
  check.require(options.type <= QueueType::fifo, errc::invalid_argument, "type is unknown; standard or fifo");
  check.require(options.durability <= Durability::memory, errc::invalid_argument,
                "durability is unknown; sync, interval or memory");
  check.range("sync_interval", shown(options.sync_interval), shown(limits::sync_interval_min),
              shown(limits::sync_interval_max));
  check_only(check, "partitions", options.partitions, std::uint32_t{1});
}

inline void check_sizes(const QueueOptions& options, OptionsCheck& check) {
  check.range("max_message_size", shown_number(options.max_message_size), shown_number(1),
              shown_number(limits::max_message_size_max));
  if (options.max_messages) {
    check.range("max_messages", shown_number(*options.max_messages), shown_number(0),
                shown_number(limits::max_messages_max));
  }
  if (options.max_bytes) {
    check.range("max_bytes", shown_number(*options.max_bytes), shown_number(options.max_message_size),
                shown_number(limits::max_bytes_max));
  }
  check.require(options.overflow <= Overflow::block, errc::invalid_argument,
                "overflow is unknown; reject, drop_oldest or block");
}

inline void check_times(const QueueOptions& options, OptionsCheck& check) {
  check.range("visibility_timeout", shown(options.visibility_timeout), shown(limits::visibility_timeout_min),
              shown(limits::visibility_timeout_max));
  check.range("max_lease_time", shown(options.max_lease_time), shown(options.visibility_timeout),
              shown(limits::max_lease_time_max));
  check.range("delay", shown(options.delay), shown(Milliseconds(0)), shown(limits::delay_max));
  if (options.time_to_live) {
    check.range("time_to_live", shown(*options.time_to_live), shown(limits::time_to_live_min),
                shown(limits::expiry_max));
  }
  if (options.retention) {
    check.range("retention", shown(*options.retention), shown(limits::retention_min),
                shown(limits::expiry_max));
  }
}

inline void check_failures(const QueueOptions& options, OptionsCheck& check) {
  check.range("max_receives", shown_number(options.max_receives), shown_number(0),
              shown_number(limits::max_receives_max));
  check.require(options.poison <= Poison::park_group, errc::invalid_argument,
                "poison is unknown; block or park_group");
  check.range("retry.base", shown(options.retry.base), shown(Milliseconds(0)), shown(limits::retry_base_max));
  check.range("retry.cap", shown(options.retry.cap), shown(Milliseconds(0)), shown(limits::retry_cap_max));
  check.range("retry.factor_thousandths", shown(options.retry.factor_thousandths), shown(1'000),
              shown(10'000));
  check.range("retry.jitter_thousandths", shown(options.retry.jitter_thousandths), shown(0), shown(1'000));
}

inline void check_priorities(const QueueOptions& options, OptionsCheck& check) {
  check.require(options.priority_mode <= PriorityMode::weighted, errc::invalid_argument,
                "priority_mode is unknown; strict or weighted");
  for (std::size_t level = 0; level < options.weights.size(); ++level) {
    check.range("weights[" + std::to_string(level) + "]", shown(options.weights[level]),
                shown(limits::weight_min), shown(limits::weight_max));
  }
  if (options.priority_aging.count() == 0) return;
  check.range("priority_aging", shown(options.priority_aging), shown(limits::priority_aging_min),
              shown(limits::priority_aging_max));
}

inline void check_rate(std::string_view name, const RateLimit& limit, OptionsCheck& check) {
  check.range(std::string(name) + ".per_second_thousandths", shown_number(limit.per_second_thousandths),
              shown_number(0), shown_number(limits::rate_thousandths_max));
  check.range(std::string(name) + ".burst", shown_number(limit.burst), shown_number(0),
              shown_number(limits::burst_max));
}

inline void check_flow(const QueueOptions& options, OptionsCheck& check) {
  check.range("max_in_flight", shown_number(options.max_in_flight), shown_number(0),
              shown_number(limits::max_in_flight_max));
  check.range("max_in_flight_per_group", shown_number(options.max_in_flight_per_group), shown_number(0),
              shown_number(limits::max_in_flight_max));
  check_rate("rate", options.rate, check);
  check_rate("group_rate", options.group_rate, check);
}

inline void check_deduplication(const QueueOptions& options, OptionsCheck& check) {
  check.range("deduplication_window", shown(options.deduplication_window), shown(Milliseconds(0)),
              shown(limits::deduplication_window_max));
}

/// Whether the zone is known is the proposer's to say.
inline void check_windows(const QueueOptions& options, OptionsCheck& check) {
  check.range("number of windows", shown_number(options.windows.size()), shown_number(0),
              shown_number(limits::windows_max));
  for (const DeliveryWindow& window : options.windows) {
    check.range("size of a window's zone", shown_number(window.zone.size()), shown_number(1),
                shown_number(limits::zone_size_max));
    check.range("a window's from, in minutes", shown(window.from.count()), shown(0), shown(24 * 60 - 1));
    check.range("a window's to, in minutes", shown(window.to.count()), shown(0), shown(24 * 60));
    check.range("a window's days", shown(window.days), shown(1), shown(0x7f));
  }
}

inline void check_tags(const QueueOptions& options, OptionsCheck& check) {
  check.range("number of tags", shown_number(options.tags.size()), shown_number(0),
              shown_number(limits::tags_max));
  for (const auto& [key, value] : options.tags) {
    check.range("size of a tag's key", shown_number(key.size()), shown_number(0),
                shown_number(limits::tag_key_size_max));
    check.range("size of a tag's value", shown_number(value.size()), shown_number(0),
                shown_number(limits::tag_value_size_max));
  }
}

}  // namespace detail

/// S5, with the names that the node itself gives. **Errors** invalid_name, which says what a name must be.
inline Error validate_any_name(std::string_view name) {
  const auto allowed = [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.' || c == '-';
  };
  const bool good = !name.empty() && name.size() <= limits::queue_name_size_max && name.front() != '.' &&
                    std::all_of(name.begin(), name.end(), allowed);
  if (good) return {};
  std::string shown;
  for (const char c : name.substr(0, limits::queue_name_size_max))
    shown.push_back(c >= ' ' && c <= '~' ? c : '?');
  return {errc::invalid_name, "\"" + shown + "\""};
}

/// S5: a name that users give.
inline Error validate_name(std::string_view name) {
  if (name.starts_with("_sys.")) return {errc::invalid_name, "\"_sys.\" is reserved"};
  return validate_any_name(name);
}

/// Every parameter by itself; what needs other queues is the catalog's.
/// **Errors** invalid_argument, not_supported, invalid_name: the detail names field, value and limit.
inline Error validate(const QueueOptions& options) {
  detail::OptionsCheck check;
  detail::check_kind(options, check);
  detail::check_sizes(options, check);
  detail::check_times(options, check);
  detail::check_failures(options, check);
  detail::check_priorities(options, check);
  detail::check_flow(options, check);
  detail::check_deduplication(options, check);
  detail::check_windows(options, check);
  detail::check_tags(options, check);
  if (Error error = check.take(); error.code != errc::ok) return error;
  if (options.dead_letter_queue.empty()) return {};
  Error error = validate_name(options.dead_letter_queue);
  if (error.code != errc::ok) error.detail.insert(0, "dead_letter_queue ");
  return error;
}

/// The first parameter that differs, as "name is <of a>, not <of b>"; empty when none does. Tags do not count
/// (S6).
inline std::string first_difference(const QueueOptions& a, const QueueOptions& b) {
  std::string out;
  detail::visit_pairs(a, b, [&](std::string_view name, const auto& of_a, const auto& of_b) {
    if (of_a == of_b) return true;
    out.append(name).append(" is ").append(detail::shown(of_a).show());
    out.append(", not ").append(detail::shown(of_b).show());
    return false;
  });
  return out;
}

}  // namespace v1
}  // namespace peerq::engine
