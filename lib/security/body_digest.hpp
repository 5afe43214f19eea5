#pragma once
// The Digest port on libsodium's BLAKE2b-256.

#include <memory>

#include "peerq/port/digest.hpp"

namespace peerq::security {

/// **Thread** any.
std::unique_ptr<port::Digest> make_body_digest();

}  // namespace peerq::security
