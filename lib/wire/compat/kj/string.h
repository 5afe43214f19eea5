// Cap'n Proto before 1.0.1 does not compile as C++20 with clang 16 and newer: kj leaves out the comparison
// below there, and capnp/blob.h still uses it. This header stands before kj's own and adds it.
#pragma once
#include_next <kj/string.h>

namespace kj {

// With an explicit conversion: `b == a` would find this very function with its parameters reversed.
inline bool operator==(const char* a, const StringPtr& b) { return b == StringPtr(a); }

}  // namespace kj
