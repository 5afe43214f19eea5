#pragma once
// A value or an error, shaped as a subset of std::expected.

#include <stdexcept>
#include <type_traits>
#include <utility>
#include <variant>

#include "peerq/base/assert.hpp"
#include "peerq/base/errc.hpp"

namespace peerq {

/// Thrown by `Result::value()` when there is no value, and by nothing else in the library.
class BadResult : public std::runtime_error {
 public:
  explicit BadResult(Error error) : std::runtime_error(error.text()), error_(std::move(error)) {}
  const Error& error() const noexcept { return error_; }

 private:
  Error error_;
};

/// A `T`, or the `Error` that kept it from being made.
///
/// **Errors** `value()` throws `BadResult`; `operator*` and `->` need `has_value()`.
/// **Thread** as a `T`.
template <class T = void>
class [[nodiscard]] Result {
 public:
  using value_type = T;

  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}      // NOLINT
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT
  Result(errc code) : state_(std::in_place_index<1>, Error(code)) {}         // NOLINT

  bool has_value() const noexcept { return state_.index() == 0; }
  explicit operator bool() const noexcept { return has_value(); }

  T& value() & { return check(), *std::get_if<0>(&state_); }
  const T& value() const& { return check(), *std::get_if<0>(&state_); }
  /// On an rvalue the value is returned, not referred to: `for (auto& d : queue.receive().value())` is safe.
  T value() && { return check(), std::move(*std::get_if<0>(&state_)); }

  T& operator*() & noexcept { return need(), *std::get_if<0>(&state_); }
  const T& operator*() const& noexcept { return need(), *std::get_if<0>(&state_); }
  T operator*() && noexcept { return need(), std::move(*std::get_if<0>(&state_)); }
  T* operator->() noexcept { return need(), std::get_if<0>(&state_); }
  const T* operator->() const noexcept { return need(), std::get_if<0>(&state_); }

  const Error& error() const& noexcept { return PEERQ_ASSERT(!has_value()), *std::get_if<1>(&state_); }
  Error error() && noexcept { return PEERQ_ASSERT(!has_value()), std::move(*std::get_if<1>(&state_)); }

  template <class U>
  T value_or(U&& other) const& {
    return has_value() ? **this : static_cast<T>(std::forward<U>(other));
  }

 private:
  void check() const {
    if (!has_value()) throw BadResult(*std::get_if<1>(&state_));
  }
  void need() const noexcept { PEERQ_ASSERT(has_value()); }

  std::variant<T, Error> state_;
};

/// Success, or an error.
template <>
class [[nodiscard]] Result<void> {
 public:
  using value_type = void;

  Result() = default;
  Result(Error error) : error_(std::move(error)) {}  // NOLINT
  Result(errc code) : error_(code) {}                // NOLINT

  bool has_value() const noexcept { return error_.code == errc::ok; }
  explicit operator bool() const noexcept { return has_value(); }
  void value() const {
    if (!has_value()) throw BadResult(error_);
  }
  const Error& error() const& noexcept { return PEERQ_ASSERT(!has_value()), error_; }
  Error error() && noexcept { return PEERQ_ASSERT(!has_value()), std::move(error_); }

 private:
  Error error_;
};

}  // namespace peerq
