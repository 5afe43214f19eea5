#pragma once
// A callable that is moved, not copied: std::move_only_function of C++23, as far as the library needs it.

#include <memory>
#include <type_traits>
#include <utility>

#include "peerq/base/assert.hpp"

namespace peerq {

template <class Signature>
class UniqueFunction;

/// Owns one callable. Calling an empty one is a bug. **Thread** as the callable.
template <class R, class... Arguments>
class UniqueFunction<R(Arguments...)> {
 public:
  UniqueFunction() = default;

  template <class F>
    requires(!std::is_same_v<std::decay_t<F>, UniqueFunction> && std::is_invocable_r_v<R, F&, Arguments...>)
  // Implicit as in std::function; what is required above keeps it from hiding the move constructor.
  // NOLINTNEXTLINE(google-explicit-constructor, bugprone-forwarding-reference-overload)
  UniqueFunction(F&& f) : callable_(std::make_unique<Holder<std::decay_t<F>>>(std::forward<F>(f))) {}

  explicit operator bool() const noexcept { return callable_ != nullptr; }

  R operator()(Arguments... arguments) {
    PEERQ_ASSERT(callable_ != nullptr);
    return callable_->call(std::forward<Arguments>(arguments)...);
  }

 private:
  struct Base {
    virtual ~Base() = default;
    virtual R call(Arguments... arguments) = 0;
  };
  template <class F>
  struct Holder final : Base {
    explicit Holder(F&& f) : function(std::move(f)) {}
    explicit Holder(const F& f) : function(f) {}
    R call(Arguments... arguments) override { return function(std::forward<Arguments>(arguments)...); }
    F function;
  };

  std::unique_ptr<Base> callable_;
};

/// Work to be run once.
using Task = UniqueFunction<void()>;

}  // namespace peerq
