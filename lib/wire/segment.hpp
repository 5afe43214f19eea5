#pragma once
// Single segments without a segment table: the only form of Cap'n Proto bytes that peerq keeps.
// Every exception of kj ends here; none leaves lib/wire.

#include <capnp/message.h>
#include <kj/exception.h>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "peerq/base/bytes.hpp"
#include "peerq/base/result.hpp"

namespace peerq::wire {

static_assert(std::endian::native == std::endian::little,
              "peerq's bytes are read in place: little-endian only");

inline constexpr std::size_t word_size = sizeof(capnp::word);

/// Words that bytes take, padded.
constexpr std::size_t words_of(std::size_t bytes) noexcept { return (bytes + word_size - 1) / word_size; }

/// Words that a text takes with its final NUL; an empty one is a null pointer and takes none.
constexpr std::size_t text_words(std::string_view text) noexcept {
  return text.empty() ? 0 : words_of(text.size() + 1);
}

inline capnp::Data::Reader to_data(Bytes bytes) noexcept {
  return {reinterpret_cast<const capnp::byte*>(bytes.data()), bytes.size()};
}

inline Bytes from_data(capnp::Data::Reader data) noexcept {
  return {reinterpret_cast<const std::byte*>(data.begin()), data.size()};
}

inline std::string_view from_text(capnp::Text::Reader text) noexcept { return {text.begin(), text.size()}; }

/// Copies a text into a builder's room, which need not be terminated where it comes from.
inline void fill(capnp::Text::Builder room, std::string_view text) noexcept {
  std::memcpy(room.begin(), text.data(), text.size());
}

/// Copies bytes into a builder's room that was not zeroed: its padding is.
inline void fill_unzeroed(capnp::Data::Builder room, Bytes bytes) noexcept {
  auto* to = reinterpret_cast<std::byte*>(room.begin());
  const std::size_t padding = words_of(bytes.size()) * word_size - bytes.size();
  std::memset(to + bytes.size(), 0, padding);
  std::memcpy(to, bytes.data(), bytes.size());
}

/// A new buffer of exactly `words`, of which the first `zeroed` are zero, and a builder that fills it.
/// Blobs that are allocated behind the zeroed part are filled with `fill_unzeroed`.
class Segment {
 public:
  Segment(std::size_t words, std::size_t zeroed)
      : Segment(SharedBytes::allocate(words * word_size), zeroed) {}

  capnp::MessageBuilder& builder() noexcept { return builder_; }

  /// The bytes. The computed size must be what was built: nothing is left, nothing was missing.
  SharedBytes finish() {
    const auto segments = builder_.getSegmentsForOutput();
    PEERQ_ASSERT(segments.size() == 1 && segments[0].size() * word_size == bytes_.size());
    return std::move(bytes_);
  }

 private:
  Segment(std::pair<SharedBytes, std::span<std::byte>> room, std::size_t zeroed)
      : bytes_(std::move(room.first)),
        builder_(kj::arrayPtr(reinterpret_cast<capnp::word*>(cleared(room.second, zeroed)),
                              room.second.size() / word_size)) {}

  static std::byte* cleared(std::span<std::byte> room, std::size_t zeroed) noexcept {
    std::memset(room.data(), 0, zeroed * word_size);
    return room.data();
  }

  SharedBytes bytes_;
  capnp::FlatMessageBuilder builder_;
};

/// Whether bytes can be a segment at all.
inline bool is_segment(Bytes bytes) noexcept {
  return !bytes.empty() && bytes.size() % word_size == 0 &&
         reinterpret_cast<std::uintptr_t>(bytes.data()) % word_size == 0;
}

/// Reads one segment in place. Traversal is bounded by twice its size, nesting by 16.
class SegmentReader {
 public:
  /// `bytes` must be a segment (`is_segment`).
  explicit SegmentReader(Bytes bytes)
      : segment_(kj::arrayPtr(reinterpret_cast<const capnp::word*>(bytes.data()), bytes.size() / word_size)),
        reader_(kj::arrayPtr(&segment_, 1), options(bytes.size() / word_size)) {}

  template <class Root>
  typename Root::Reader root() {
    return reader_.getRoot<Root>();
  }

 private:
  static capnp::ReaderOptions options(std::size_t words) noexcept {
    return {.traversalLimitInWords = 2 * words + 16, .nestingLimit = 16};
  }

  kj::ArrayPtr<const capnp::word> segment_;
  capnp::SegmentArrayMessageReader reader_;
};

/// Runs `read`, which returns a Result; what Cap'n Proto refuses becomes `code`.
template <class Read>
auto guarded(errc code, std::string_view what, Read&& read) -> decltype(read()) {
  try {
    return read();
  } catch (const kj::Exception& exception) {
    return Error(code, std::string(what).append(": ").append(exception.getDescription().cStr()));
  }
}

}  // namespace peerq::wire
