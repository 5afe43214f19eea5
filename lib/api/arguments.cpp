#include "api/arguments.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "peerq/engine/validate.hpp"

namespace peerq::detail {

namespace {

template <class... Arguments>
Error invalid(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
  return {errc::invalid_argument, fmt::format(format, std::forward<Arguments>(arguments)...)};
}

Error outside(std::string_view field, Milliseconds value, Milliseconds least, Milliseconds most) {
  return invalid("{} is {} ms, must be {} to {} ms", field, value.count(), least.count(), most.count());
}

Error check_attributes(const Attributes& attributes) {
  if (attributes.size() > limits::attributes_max) {
    return invalid("{} attributes, at most {}", attributes.size(), limits::attributes_max);
  }
  for (const auto& [key, value] : attributes) {
    if (key.empty() || key.size() > limits::attribute_key_size_max) {
      return invalid("an attribute key has {} bytes, must have 1 to {}", key.size(),
                     limits::attribute_key_size_max);
    }
    const auto printable = [](char c) { return c >= 0x20 && c <= 0x7e; };
    if (!std::all_of(key.begin(), key.end(), printable))
      return invalid("an attribute key is not printable ASCII");
  }
  return {};
}

Error check_order(const SendOptions& options) {
  if (options.priority > limits::priority_max) {
    return invalid("priority is {}, must be 0 to {}", options.priority, limits::priority_max);
  }
  if (options.group_id.size() > limits::group_id_size_max) {
    return invalid("group_id has {} bytes, at most {}", options.group_id.size(), limits::group_id_size_max);
  }
  if (options.deduplication_id.size() > limits::deduplication_id_size_max) {
    return invalid("deduplication_id has {} bytes, at most {}", options.deduplication_id.size(),
                   limits::deduplication_id_size_max);
  }
  return {};
}

/// The past means now, so only the far future is wrong (S16).
Error check_deliver_at(std::chrono::system_clock::time_point time, WallTime now) {
  const auto latest = now + limits::delay_max;
  if (time <= std::chrono::system_clock::time_point(Milliseconds(latest.ms))) return {};
  const auto at = std::chrono::duration_cast<Milliseconds>(time.time_since_epoch());
  return invalid("deliver_at is {} ms from now, must be at most {} ms", at.count() - now.ms,
                 limits::delay_max.count());
}

}  // namespace

Error check_timeout(Milliseconds timeout) {
  if (timeout < limits::timeout_min)
    return invalid("timeout is {} ms, must be at least 1 ms", timeout.count());
  return {};
}

Error check_message(std::string_view body, const SendOptions& options, WallTime now) {
  if (body.size() > limits::max_message_size_max) {
    return {errc::message_too_large,
            fmt::format("{} bytes, no queue takes more than {}", body.size(), limits::max_message_size_max)};
  }
  if (options.delay && options.deliver_at) return invalid("delay and deliver_at are both given");
  if (options.delay && (*options.delay < Milliseconds(0) || *options.delay > limits::delay_max)) {
    return outside("delay", *options.delay, Milliseconds(0), limits::delay_max);
  }
  if (options.deliver_at) {
    if (Error error = check_deliver_at(*options.deliver_at, now); error.code != errc::ok) return error;
  }
  if (options.time_to_live &&
      (*options.time_to_live < limits::time_to_live_min || *options.time_to_live > limits::expiry_max)) {
    return outside("time_to_live", *options.time_to_live, limits::time_to_live_min, limits::expiry_max);
  }
  if (options.correlation_id.size() > limits::correlation_id_size_max) {
    return invalid("correlation_id has {} bytes, at most {}", options.correlation_id.size(),
                   limits::correlation_id_size_max);
  }
  if (!options.reply_to.empty()) {
    if (Error error = engine::validate_any_name(options.reply_to); error.code != errc::ok) {
      return {error.code, "reply_to: " + error.detail};
    }
  }
  if (Error error = check_attributes(options.attributes); error.code != errc::ok) return error;
  return check_order(options);
}

Error check_receive(const ReceiveOptions& options) {
  if (options.max_messages < 1 || options.max_messages > limits::receive_messages_max) {
    return invalid("max_messages is {}, must be 1 to {}", options.max_messages, limits::receive_messages_max);
  }
  if (options.max_bytes < 1 || options.max_bytes > limits::receive_bytes_max) {
    return invalid("max_bytes is {}, must be 1 to {}", options.max_bytes, limits::receive_bytes_max);
  }
  if (options.wait < Milliseconds(0))
    return invalid("wait is {} ms, must not be negative", options.wait.count());
  if (options.visibility_timeout && (*options.visibility_timeout < limits::visibility_timeout_min ||
                                     *options.visibility_timeout > limits::visibility_timeout_max)) {
    return outside("visibility_timeout", *options.visibility_timeout, limits::visibility_timeout_min,
                   limits::visibility_timeout_max);
  }
  if (options.attempt_id.size() > limits::attempt_id_size_max) {
    return invalid("attempt_id has {} bytes, at most {}", options.attempt_id.size(),
                   limits::attempt_id_size_max);
  }
  return check_timeout(options.timeout);
}

Error check_receive_and_delete(const ReceiveOptions& options) {
  if (!options.attempt_id.empty()) {
    return invalid("attempt_id is given to receive_and_delete: nothing is left that a repeat could find");
  }
  return check_receive(options);
}

Error check_nack(const NackOptions& options) {
  if (options.delay && (*options.delay < Milliseconds(0) || *options.delay > limits::delay_max)) {
    return outside("delay", *options.delay, Milliseconds(0), limits::delay_max);
  }
  return {};
}

Error check_extend(Milliseconds duration) {
  if (duration < Milliseconds(0)) return invalid("duration is {} ms, must not be negative", duration.count());
  return {};
}

Error check_group(std::string_view group_id) {
  if (group_id.empty() || group_id.size() > limits::group_id_size_max) {
    return invalid("group_id has {} bytes, must have 1 to {}", group_id.size(), limits::group_id_size_max);
  }
  return {};
}

Error check_batch(std::size_t count, std::string_view what) {
  if (count == 0) return invalid("no {}; give at least one", what);
  if (count > limits::batch_max) {
    return {errc::batch_too_large, fmt::format("{} {}, at most {}", count, what, limits::batch_max)};
  }
  return {};
}

}  // namespace peerq::detail
