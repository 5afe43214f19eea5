#pragma once
// Fixed byte layouts of keys and rows. A row describes its fields once, in `layout(archive, row)`; the
// archives here write keys (big-endian, so that bytes order as keys do) and values (little-endian), and read
// them back.
// **Source** docs/formats.md, tables.

#include <bit>
#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>

#include "peerq/base/bytes.hpp"
#include "peerq/base/ids.hpp"
#include "peerq/base/time.hpp"

namespace peerq::engine {
inline namespace v1 {

namespace detail {

/// The unsigned number inside an id, a time, an enum or a number.
template <class T>
constexpr auto& number_in(T& value) noexcept {
  if constexpr (requires { value.value; }) {
    return value.value;
  } else if constexpr (requires { value.us; }) {
    return value.us;
  } else if constexpr (requires { value.ms; }) {
    return value.ms;
  } else {
    return value;
  }
}

template <class Number>
constexpr auto to_unsigned(Number number) noexcept {
  if constexpr (std::is_same_v<Number, bool>) {
    return static_cast<std::uint8_t>(number);
  } else if constexpr (std::is_enum_v<Number>) {
    return static_cast<std::make_unsigned_t<std::underlying_type_t<Number>>>(number);
  } else {
    return static_cast<std::make_unsigned_t<Number>>(number);
  }
}

}  // namespace detail

/// Appends fields to a string. `big_endian` for keys. Signed numbers in keys must not be negative.
template <bool big_endian>
class Writer {
 public:
  static constexpr bool reading = false;
  explicit Writer(std::string& out) noexcept : out_(&out) {}

  template <class T>
  void field(const T& value) {
    put(detail::to_unsigned(detail::number_in(value)));
  }
  /// Length (4 bytes), then the bytes.
  void text(std::string_view value) {
    put(static_cast<std::uint32_t>(value.size()));
    out_->append(value);
  }
  /// The rest of the key or row: no length.
  void rest(std::string_view value) { out_->append(value); }
  /// Whether fields follow that an older version did not have; `needed`: one of them is not as it was then.
  bool more(bool needed) const noexcept { return needed; }

 private:
  template <std::unsigned_integral U>
  void put(U number) {
    char raw[sizeof(U)];
    for (std::size_t i = 0; i < sizeof(U); ++i) {
      const std::size_t shift = 8 * (big_endian ? sizeof(U) - 1 - i : i);
      raw[i] = static_cast<char>(static_cast<std::uint8_t>(number >> shift));
    }
    out_->append(raw, sizeof(U));
  }

  std::string* out_;
};

/// Reads fields back; after a short or overlong input `ok()` is false and fields keep what they had.
template <bool big_endian>
class Reader {
 public:
  static constexpr bool reading = true;
  explicit Reader(Bytes in) noexcept : in_(in) {}

  template <class T>
  void field(T& value) {
    auto& number = detail::number_in(value);
    using Number = std::remove_cvref_t<decltype(number)>;
    decltype(detail::to_unsigned(number)) raw{};
    if (get(raw)) number = static_cast<Number>(raw);
  }
  void text(std::string& value) {
    std::uint32_t size = 0;
    if (!get(size) || size > in_.size()) return fail();
    value.assign(as_text(in_.first(size)));
    in_ = in_.subspan(size);
  }
  void rest(std::string& value) {
    value.assign(as_text(in_));
    in_ = {};
  }

  bool more(bool) const noexcept { return ok_ && !in_.empty(); }

  /// Everything was read and nothing is left over.
  bool finished() const noexcept { return ok_ && in_.empty(); }
  bool ok() const noexcept { return ok_; }
  std::size_t remaining() const noexcept { return in_.size(); }

 private:
  void fail() noexcept { ok_ = false; }

  template <std::unsigned_integral U>
  bool get(U& number) noexcept {
    if (!ok_ || in_.size() < sizeof(U)) return fail(), false;
    U out = 0;
    for (std::size_t i = 0; i < sizeof(U); ++i) {
      const std::size_t shift = 8 * (big_endian ? sizeof(U) - 1 - i : i);
      out = static_cast<U>(out | (static_cast<U>(std::to_integer<std::uint8_t>(in_[i])) << shift));
    }
    in_ = in_.subspan(sizeof(U));
    number = out;
    return true;
  }

  Bytes in_;
  bool ok_ = true;
};

using KeyWriter = Writer<true>;
using KeyReader = Reader<true>;
using RowWriter = Writer<false>;
using RowReader = Reader<false>;

/// Appends the key's bytes, which order as the keys do.
template <class Row>
void encode_key(const typename Row::Key& key, std::string& out) {
  KeyWriter writer(out);
  Row::Key::layout(writer, key);
}

template <class Row>
void encode_row(const Row& row, std::string& out) {
  RowWriter writer(out);
  Row::layout(writer, row);
}

/// False when the bytes are not a key of this table.
template <class Row>
[[nodiscard]] bool decode_key(Bytes in, typename Row::Key& key) {
  KeyReader reader(in);
  Row::Key::layout(reader, key);
  return reader.finished();
}

/// False when the bytes are not a row of this table.
template <class Row>
[[nodiscard]] bool decode_row(Bytes in, Row& row) {
  RowReader reader(in);
  Row::layout(reader, row);
  return reader.finished();
}

}  // namespace v1
}  // namespace peerq::engine
