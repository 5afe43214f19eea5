#pragma once
// The Entropy port on the system's random numbers, through libsodium.

#include <memory>

#include "peerq/port/entropy.hpp"

namespace peerq::security {

/// **Thread** any.
std::unique_ptr<port::Entropy> make_system_entropy();

}  // namespace peerq::security
