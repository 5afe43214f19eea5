#pragma once
// Bytes that are looked at (`Bytes`) and bytes that are shared (`SharedBytes`).

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>
#include <utility>

#include "peerq/base/assert.hpp"

namespace peerq {

/// A view of bytes owned by somebody else.
using Bytes = std::span<const std::byte>;

/// The bytes of a text. **Ownership** the text's.
inline Bytes as_bytes(std::string_view text) noexcept {
  return std::as_bytes(std::span<const char>(text.data(), text.size()));
}

/// The text made of these bytes. **Ownership** the bytes' owner's.
inline std::string_view as_text(Bytes bytes) noexcept {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

inline bool equal(Bytes a, Bytes b) noexcept {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size()) == 0);
}

/// An immutable range inside a counted buffer; copies share the buffer and never copy bytes.
///
/// A buffer made by `allocate` is 8-byte aligned, as Cap'n Proto needs.
/// **Thread** distinct copies may be used from distinct threads.
class SharedBytes {
 public:
  SharedBytes() = default;

  SharedBytes(std::shared_ptr<const void> owner, Bytes view) noexcept
      : owner_(std::move(owner)), view_(view) {}

  /// A new buffer of `size` bytes and the place to fill it; nobody else may hold a copy while it is filled.
  static std::pair<SharedBytes, std::span<std::byte>> allocate(std::size_t size) {
    auto words = std::make_shared_for_overwrite<std::uint64_t[]>((size + 7) / 8);
    auto* data = reinterpret_cast<std::byte*>(words.get());
    return {SharedBytes(std::move(words), Bytes(data, size)), std::span<std::byte>(data, size)};
  }

  static SharedBytes copy(Bytes from) {
    auto [shared, room] = allocate(from.size());
    if (!from.empty()) std::memcpy(room.data(), from.data(), from.size());
    return shared;
  }

  Bytes bytes() const noexcept { return view_; }
  std::size_t size() const noexcept { return view_.size(); }
  bool empty() const noexcept { return view_.empty(); }

  /// The same buffer, seen through `part`, which must lie inside it.
  SharedBytes slice(Bytes part) const noexcept { return {owner_, part}; }

  /// How many owners share the buffer; an estimate when other threads copy.
  long use_count() const noexcept { return owner_.use_count(); }

 private:
  std::shared_ptr<const void> owner_;
  Bytes view_;
};

}  // namespace peerq
