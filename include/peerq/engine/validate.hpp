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
    for (const auto& element : value) text.append(text.empty() ? "" : ",").append(std::to_string(element));
    return {0, text};
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

inline void check_sizes(const QueueOptions& options, OptionsCheck& check) {
  const auto number = [](std::uint64_t value) { return shown(std::min<std::uint64_t>(value, INT64_MAX)); };
  check.range("max_message_size", number(options.max_message_size), number(1),
              number(limits::max_message_size_max));
  if (options.max_messages) {
    check.range("max_messages", number(*options.max_messages), number(0), number(limits::max_messages_max));
  }
  if (options.max_bytes) {
    check.range("max_bytes", number(*options.max_bytes), number(options.max_message_size),
                number(limits::max_bytes_max));
  }
  check.range("max_in_flight", number(options.max_in_flight), number(0), number(limits::max_in_flight_max));
  check.range("max_receives", number(options.max_receives), number(0), number(limits::max_receives_max));
  check.range("number of tags", number(options.tags.size()), number(0), number(limits::tags_max));
  for (const auto& [key, value] : options.tags) {
    check.range("size of a tag's key", number(key.size()), number(0), number(limits::tag_key_size_max));
    check.range("size of a tag's value", number(value.size()), number(0), number(limits::tag_value_size_max));
  }
}

inline void check_times(const QueueOptions& options, OptionsCheck& check) {
  const Milliseconds none{0};
  check.range("sync_interval", shown(options.sync_interval), shown(limits::sync_interval_min),
              shown(limits::sync_interval_max));
  check.range("visibility_timeout", shown(options.visibility_timeout), shown(limits::visibility_timeout_min),
              shown(limits::visibility_timeout_max));
  check.range("max_lease_time", shown(options.max_lease_time), shown(options.visibility_timeout),
              shown(limits::max_lease_time_max));
  check.range("delay", shown(options.delay), shown(none), shown(limits::delay_max));
  if (options.time_to_live) {
    check.range("time_to_live", shown(*options.time_to_live), shown(limits::time_to_live_min),
                shown(limits::expiry_max));
  }
  if (options.retention) {
    check.range("retention", shown(*options.retention), shown(limits::retention_min),
                shown(limits::expiry_max));
  }
  check.range("retry.base", shown(options.retry.base), shown(none), shown(limits::retry_base_max));
  check.range("retry.cap", shown(options.retry.cap), shown(none), shown(limits::retry_cap_max));
  check.range("retry.factor_thousandths", shown(options.retry.factor_thousandths), shown(1'000),
              shown(10'000));
  check.range("retry.jitter_thousandths", shown(options.retry.jitter_thousandths), shown(0), shown(1'000));
}

/// What belongs to features that this version does not have is refused, never stored.
inline void check_supported(const QueueOptions& options, OptionsCheck& check) {
  const QueueOptions plain;
  const auto only = [&](std::string_view name, const auto& value, const auto& built) {
    if (value == built) return;
    check.require(
        false, errc::not_supported,
        std::string(name) + " is " + shown(value).show() + "; this version has only " + shown(built).show());
  };
  only("type", options.type, plain.type);
  only("partitions", options.partitions, plain.partitions);
  only("overflow", options.overflow, plain.overflow);
  only("poison", options.poison, plain.poison);
  only("priority_mode", options.priority_mode, plain.priority_mode);
  only("weights", options.weights, plain.weights);
  only("priority_aging", options.priority_aging, plain.priority_aging);
  only("max_in_flight_per_group", options.max_in_flight_per_group, plain.max_in_flight_per_group);
  only("rate.per_second_thousandths", options.rate.per_second_thousandths, plain.rate.per_second_thousandths);
  only("rate.burst", options.rate.burst, plain.rate.burst);
  only("group_rate.per_second_thousandths", options.group_rate.per_second_thousandths,
       plain.group_rate.per_second_thousandths);
  only("group_rate.burst", options.group_rate.burst, plain.group_rate.burst);
  only("deduplication_window", options.deduplication_window, plain.deduplication_window);
  only("content_based_deduplication", options.content_based_deduplication, plain.content_based_deduplication);
}

}  // namespace detail

/// S5. **Errors** invalid_name, which says what a name must be.
inline Error validate_name(std::string_view name) {
  const auto allowed = [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.' || c == '-';
  };
  const bool good = !name.empty() && name.size() <= limits::queue_name_size_max && name.front() != '.' &&
                    !name.starts_with("_sys.") && std::all_of(name.begin(), name.end(), allowed);
  if (good) return {};
  std::string shown;
  for (const char c : name.substr(0, limits::queue_name_size_max))
    shown.push_back(c >= ' ' && c <= '~' ? c : '?');
  return {errc::invalid_name, "\"" + shown + "\""};
}

/// Every parameter by itself; what needs other queues is the catalog's.
/// **Errors** invalid_argument, not_supported, invalid_name: the detail names field, value and limit.
inline Error validate(const QueueOptions& options) {
  detail::OptionsCheck check;
  const bool known = options.durability <= Durability::memory;
  check.require(known, errc::invalid_argument, "durability is unknown; sync, interval or memory");
  detail::check_sizes(options, check);
  detail::check_times(options, check);
  detail::check_supported(options, check);
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
