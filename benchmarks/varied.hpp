#pragma once
// What makes messages differ: numbers and texts that look random and are the same in every run.

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace peerq::bench {

/// Of different numbers different ones, in no order (splitmix64).
constexpr std::uint64_t mixed(std::uint64_t number) noexcept {
  number += 0x9e3779b97f4a7c15;
  number = (number ^ (number >> 30)) * 0xbf58476d1ce4e5b9;
  number = (number ^ (number >> 27)) * 0x94d049bb133111eb;
  return number ^ (number >> 31);
}

/// 32 hex digits, as long as a UUID without its dashes: an id like those that programs make.
inline void write_id(std::uint64_t number, std::string& out) {
  constexpr char digits[] = "0123456789abcdef";
  constexpr std::size_t half = 16;
  out.resize(2 * half);
  std::uint64_t bits = mixed(number);
  for (std::size_t at = 0; at < out.size(); ++at, bits >>= 4) {
    if (at == half) bits = mixed(~number);
    out[at] = digits[bits & 15U];
  }
}

/// As many names as there are groups.
inline std::vector<std::string> group_names(std::size_t count) {
  std::vector<std::string> out(count);
  for (std::size_t i = 0; i < count; ++i) write_id(i, out[i]);
  return out;
}

}  // namespace peerq::bench
