#pragma once
// Numbers as people read them.

#include <cstdint>
#include <string>
#include <string_view>

namespace demo {

/// 1234567 -> "1,234,567".
inline std::string grouped(std::uint64_t number) {
  std::string out = std::to_string(number);
  for (std::size_t at = out.size(); at > 3;) out.insert(at -= 3, 1, ',');
  return out;
}

/// "1 file", "2 files".
inline std::string counted(std::uint64_t number, std::string_view what) {
  return grouped(number).append(" ").append(what).append(number == 1 ? "" : "s");
}

}  // namespace demo
