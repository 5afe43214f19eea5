#pragma once
// The Codec port on Cap'n Proto. Formats: docs/formats_wire.md.

#include <memory>

#include "peerq/port/codec.hpp"

namespace peerq::wire {

/// **Thread** the codec any; each of its decoders one at a time.
std::unique_ptr<port::Codec> make_codec();

}  // namespace peerq::wire
