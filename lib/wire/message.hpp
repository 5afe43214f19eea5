#pragma once
// Messages: what a producer says to a consumer, sealed once by the producer (docs/formats_wire.md, message).

#include "peerq/port/codec.hpp"

namespace peerq::wire {

/// One allocation, one copy of the body. The parts must be within the limits: the gate checks them before.
SharedBytes make_message(const port::MessageParts& parts);

/// **Errors** message_invalid: damaged, forged or beyond the limits; nothing of it may be used.
Result<port::MessageView> read_message(const SharedBytes& message);

}  // namespace peerq::wire
