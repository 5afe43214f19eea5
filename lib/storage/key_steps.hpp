#pragma once
// The end of a table, and the key behind a key, for those who walk a whole table through `Tables::first`.

#include <cstddef>
#include <limits>
#include <string>

#include "peerq/base/limits.hpp"
#include "peerq/engine/layout.hpp"

namespace peerq::storage {

namespace detail {

/// Sets every field of a key to its greatest value. A text is longer and greater than any that can be stored.
struct GreatestFields {
  static constexpr bool reading = true;

  template <class T>
  void field(T& value) {
    auto& number = engine::detail::number_in(value);
    using Raw = decltype(engine::detail::to_unsigned(number));
    using Number = std::remove_cvref_t<decltype(number)>;
    constexpr Raw greatest = std::numeric_limits<Raw>::max();
    // Signed numbers in keys are never negative.
    if constexpr (std::is_signed_v<Number>) {
      number = static_cast<Number>(greatest / 2);
    } else {
      number = static_cast<Number>(greatest);
    }
  }
  void rest(std::string& value) { value.assign(512, '\xff'); }
};

}  // namespace detail

/// Greater than every key in use.
template <class Row>
typename Row::Key end_key() {
  typename Row::Key key{};
  detail::GreatestFields greatest;
  Row::Key::layout(greatest, key);
  return key;
}

/// Makes `key` the next possible one; false when there is none.
template <class Row>
[[nodiscard]] bool next_key(typename Row::Key& key) {
  std::string bytes;
  engine::encode_key<Row>(key, bytes);
  // A key that ends with a text: the next is longer by a zero.
  typename Row::Key next{};
  if (engine::decode_key<Row>(as_bytes(bytes + '\0'), next)) {
    key = next;
    return true;
  }
  for (std::size_t i = bytes.size(); i-- > 0;) {
    bytes[i] = static_cast<char>(static_cast<unsigned char>(bytes[i]) + 1);
    if (bytes[i] != '\0') return engine::decode_key<Row>(as_bytes(bytes), key);
  }
  return false;
}

}  // namespace peerq::storage
