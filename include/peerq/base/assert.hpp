#pragma once
// Assertions that stay on in every build: a broken invariant stops the process before it can write.
// Must not be used for anything that data, a user or another process can cause: those are errors.

#include <cstdio>
#include <cstdlib>

namespace peerq::detail {

[[noreturn]] inline void assert_failed(const char* expression, const char* file, int line) noexcept {
  std::fprintf(stderr, "peerq: assertion failed: %s (%s:%d)\n", expression, file, line);
  std::abort();
}

}  // namespace peerq::detail

#define PEERQ_ASSERT(expression) \
  ((expression) ? static_cast<void>(0) : ::peerq::detail::assert_failed(#expression, __FILE__, __LINE__))
